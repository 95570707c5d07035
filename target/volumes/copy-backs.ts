/** Copies from spares back to the drives that they stood in for: which are under way, over restarts too. */
import { RedundantGroup } from '../disk/raid/redundant-group.js';
import type { DriveError, DriveIo } from '../disk/types.js';
import { CopyBack } from './copy-back.js';
import { copyBackDrive } from './copy-back-drive.js';
import type { DriveBayParts, GroupEntry } from './drive-bay.js';
import type { DriveHealth } from './drive-health.js';
import type { DriveSettings } from './drive-settings.js';
import type { ConfigError } from './errors.js';
import { MonitoredDrive } from './monitored-drive.js';
import type { SpareRow } from './store-storage.js';
import { isUnsummed, newWithSums } from './sums.js';

/** Setting: by the name of a drive that failed, the one that stands in for it. */
const STAND_INS = 'standIns';

interface Member {
  readonly entry: GroupEntry;
  readonly position: number;
  readonly drive: MonitoredDrive;
}

interface Running {
  readonly copy: CopyBack;
  /** Ends it; the drive that stands in goes on by itself. */
  abandon(): void;
}

export class CopyBacks {
  /** By the name of the new drive. */
  private readonly running = new Map<string, Running>();

  constructor(
    private readonly parts: DriveBayParts,
    private readonly groups: Map<string, GroupEntry>,
    private readonly settings: DriveSettings,
    private readonly health: DriveHealth,
  ) {}

  close(): void {
    for (const { copy } of this.running.values()) copy.stop();
  }

  /** 0 to 1; null: none is under way to this drive. */
  progress(drive: string): number | null {
    return this.running.get(drive)?.copy.progress ?? null;
  }

  /** In the transaction that lets a spare take the place of a drive. */
  tookOver(spare: string, failed: string): void {
    const standIns = this.standIns();
    const original = Object.keys(standIns).find((name) => standIns[name] === failed) ?? failed;
    this.put({ ...standIns, [original]: spare });
  }

  /**
   * A new drive is where one failed that something stands in for: it gets that one's data, as soon as that is whole.
   * False: nothing does, or it is to stay so, and the drive is a spare. Throws ConfigError.
   */
  begin(drive: SpareRow): boolean {
    const standIn = this.standIns()[drive.name];
    const { store } = this.parts;
    const wanted = this.settings.copyBack && standIn !== undefined && this.member(standIn) !== null;
    store.transaction(() => {
      if (wanted) store.storage.putSpare({ ...drive, state: 'copy-back' });
      else this.forget(drive.name);
    });
    if (wanted) this.check();
    return wanted;
  }

  /** States of drives have changed: begins what can begin, ends what cannot go on. */
  check(): void {
    for (const row of this.parts.store.storage.spares()) {
      if (row.state !== 'copy-back') continue;
      const member = this.member(this.standIns()[row.name] ?? '');
      const state = member === null ? 'failed' : stateOf(member);
      if (state === 'failed') this.abandon(row, 'spare', 'what stood in for it has failed');
      else if (state === 'good' && !this.running.has(row.name)) this.start(row, member!);
    }
  }

  private start(row: SpareRow, member: Member): void {
    const { store, newDrive, clock, log } = this.parts;
    const from = member.drive.inner;
    let to: DriveIo;
    try {
      const unsummed = isUnsummed(store, member.entry.row.id);
      to = unsummed ? newDrive(row.path, row.name, row.bytes) : newWithSums(newDrive, row);
    } catch (error) {
      this.abandon(row, 'failed', (error as Error).message);
      return;
    }
    if (to.failure) {
      this.abandon(row, 'failed', to.failure.message);
      return;
    }
    const both = copyBackDrive(from, to);
    log.info(`parity group ${member.entry.row.name}: ${from.name} is copied back to drive ${row.name}`);
    const abandon = (): void => {
      copy.stop();
      if (member.drive.inner === both) member.drive.exchange(from);
      to.close();
    };
    const ended = (error: DriveError | null): void => {
      const stays = stateOf(member) === 'good';
      if (error !== null || !stays) {
        this.abandon(
          row,
          both.spoilt === null ? 'spare' : 'failed',
          error?.message ?? 'what stood in for it has failed',
        );
        return;
      }
      try {
        this.exchange(row, member);
      } catch (failure) {
        this.abandon(row, 'spare', (failure as ConfigError).message);
        return;
      }
      this.running.delete(row.name);
      member.drive.exchange(to);
      both.leave();
    };
    const copy = new CopyBack(both, row.bytes, clock, this.settings.rate, ended);
    this.running.set(row.name, { copy, abandon });
    member.drive.exchange(both, () => copy.start());
  }

  /** The new drive is the member, and what stood in for it a spare. */
  private exchange({ name, path, bytes, kind }: SpareRow, { entry, position }: Member): void {
    const { store, log } = this.parts;
    // Other drives of the group may have changed places since.
    const { row, regions } = this.groups.get(entry.row.name)!;
    const spare = row.drives[position]!;
    store.transaction(() => {
      store.storage.removeSpare(name);
      store.storage.putSpare({ name: spare.name, path: spare.path, bytes: spare.bytes, kind, state: 'spare' });
      store.storage.setMemberDrive(row.id, position, { name, path, bytes });
      this.forget(name);
    });
    const drives = row.drives.map((each, at) => (at === position ? { ...each, name, path, bytes } : each));
    this.groups.set(row.name, { row: { ...row, drives }, regions });
    this.health.exchanged(spare.name, name);
    log.info(`parity group ${row.name}: drive ${name} is back, ${spare.name} is a spare again`);
  }

  private abandon(row: SpareRow, state: 'spare' | 'failed', why: string): void {
    const { store, log } = this.parts;
    this.running.get(row.name)?.abandon();
    this.running.delete(row.name);
    log.warn(`nothing is copied back to drive ${row.name} any more: ${why}`);
    store.transaction(() => {
      store.storage.putSpare({ ...row, state });
      if (state === 'spare') this.forget(row.name);
    });
  }

  private member(name: string): Member | null {
    for (const entry of this.groups.values()) {
      const position = entry.row.drives.findIndex((drive) => drive.name === name);
      const drive = entry.regions.group.drives[position];
      if (drive instanceof MonitoredDrive) return { entry, position, drive };
    }
    return null;
  }

  private standIns(): Readonly<Record<string, string>> {
    return (this.parts.store.storage.setting(STAND_INS) ?? {}) as Record<string, string>;
  }

  private forget(drive: string): void {
    const { [drive]: _, ...others } = this.standIns();
    this.put(others);
  }

  private put(standIns: Readonly<Record<string, string>>): void {
    this.parts.store.storage.putSetting(STAND_INS, standIns);
  }
}

function stateOf({ entry, position }: Member): string {
  const { group } = entry.regions;
  return group instanceof RedundantGroup ? group.members[position]!.state : 'good';
}
