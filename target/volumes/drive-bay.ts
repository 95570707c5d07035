/** Drives as an administrator sees them: which there are, taking one out, putting a new one in, spares. */
import type { Log } from '../base/log.js';
import { RedundantGroup } from '../disk/raid/redundant-group.js';
import type { Clock, DriveError, DriveIo } from '../disk/types.js';
import { CopyBacks } from './copy-backs.js';
import { DriveHealth } from './drive-health.js';
import type { DriveKind } from './drive-kinds.js';
import { DriveSettings } from './drive-settings.js';
import { ConfigError } from './errors.js';
import type { GroupRegions } from './regions.js';
import type { ConfigStore } from './store.js';
import type { DriveRow, ParityGroupRow, SpareRow } from './store-storage.js';
import { isUnsummed, newWithSums } from './sums.js';

export const DRIVE_STATES = ['good', 'failed', 'rebuilding', 'spare', 'copy-back'] as const;
export type DriveState = (typeof DRIVE_STATES)[number];

export interface DriveInfo {
  readonly name: string;
  readonly bytes: number;
  readonly kind: DriveKind;
  readonly state: DriveState;
  /** Null: in none. */
  readonly parityGroup: string | null;
  /** 0 to 1, of a drive being rebuilt; else null. */
  readonly progress: number | null;
  /** Since the start. */
  readonly readErrors: number;
  readonly writeErrors: number;
  /** Places since the start that held something wrong, and have been mended. */
  readonly corrupt: number;
  readonly failurePredicted: boolean;
  /** Why it failed, as far as known. */
  readonly failure: string | null;
}

export interface GroupEntry {
  readonly row: ParityGroupRow;
  readonly regions: GroupRegions;
}

export interface DriveBayParts {
  readonly store: ConfigStore;
  /** Makes a drive that holds nothing, in the place of what is at the path. */
  readonly newDrive: (path: string, name: string, bytes: number) => DriveIo;
  /** `failurePredicted` of a parity group has changed. */
  readonly predictionChanged: (group: GroupRegions) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Found {
  readonly entry: GroupEntry;
  readonly position: number;
}

export class DriveBay {
  readonly settings: DriveSettings;
  readonly health: DriveHealth;
  readonly #copies: CopyBacks;
  #closed = false;

  /** @param groups by name; rows are replaced when drives change places */
  constructor(
    private readonly parts: DriveBayParts,
    private readonly groups: Map<string, GroupEntry>,
  ) {
    this.settings = new DriveSettings(parts.store);
    const corrupt = (name: string) => this.list().find((drive) => drive.name === name)?.corrupt ?? 0;
    this.health = new DriveHealth(parts.store, parts.log, () => this.#predict(), corrupt);
    this.#copies = new CopyBacks(parts, groups, this.settings, this.health);
  }

  close(): void {
    this.#closed = true;
    this.#copies.close();
  }

  /** By name. */
  list(): DriveInfo[] {
    const members = [...this.groups.values()].flatMap((entry) =>
      entry.row.drives.map((_, position) => this.#info({ entry, position })),
    );
    const others = this.spares().map((spare) => ({ ...spareInfo(spare), progress: this.#copies.progress(spare.name) }));
    return [...members, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  spares(): SpareRow[] {
    return this.parts.store.storage.spares();
  }

  /** Adds a spare, for any group of drives of its kind that are no larger. The caller has checked that name and path are free. */
  addSpare(drive: DriveRow): void {
    this.parts.store.storage.putSpare({ ...drive, state: 'spare' });
    this.#useSpares();
  }

  /** Throws ConfigError `drive-unknown` or `drive-needed`. */
  fail(name: string): DriveInfo {
    const found = this.#member(name);
    const { entry, position } = found;
    const group = redundant(entry);
    if (group !== null && group.members[position]!.state === 'failed') return this.#info(found);
    if (group === null || !group.dispensable(position)) {
      throw new ConfigError(
        'drive-needed',
        `drive "${name}" cannot be taken out: parity group "${entry.row.name}" would lose data.`,
      );
    }
    group.failDrive(position, { kind: 'io-error', message: `${name}: taken out` } satisfies DriveError);
    return this.#info(found);
  }

  /**
   * Puts a new drive in the place of one that failed: into its parity group, or, where a spare has taken that
   * place, the spare's data is copied to it, or else it is a spare itself. One that is being taken out (`settled`) cannot be
   * replaced yet. Throws ConfigError `drive-unknown` or `drive-needed`.
   */
  replace(name: string): DriveInfo {
    const spare = this.parts.store.storage.spares().find((each) => each.name === name);
    if (spare?.state === 'failed') {
      if (!this.#copies.begin(spare)) this.addSpare(spare);
      return this.list().find((each) => each.name === name)!;
    }
    const { entry, position } = this.#member(name);
    const group = redundant(entry);
    if (group === null || group.members[position]!.state !== 'failed' || group.failure !== null) {
      throw new ConfigError(
        'drive-needed',
        group?.failure
          ? `drive "${name}" cannot be replaced: too many drives of parity group "${entry.row.name}" have failed, and what is left of its data would be given up.`
          : `drive "${name}" has not failed: take it out first with "drive fail".`,
      );
    }
    if (!group.isNoted(position)) {
      throw new ConfigError('drive-needed', `drive "${name}" is just being taken out: try again in a moment.`);
    }
    this.#put(entry, position, entry.row.drives[position]!);
    return this.#info({ entry: this.groups.get(entry.row.name)!, position });
  }

  /** Resolves when no drive is just being taken out. */
  async settled(): Promise<void> {
    await Promise.all([...this.groups.values()].map((entry) => redundant(entry)?.noted()));
  }

  /** Marks a drive as predicted to fail, or takes that back. Throws ConfigError `drive-unknown`. */
  predict(name: string, predicted: boolean): DriveInfo {
    const found = this.#member(name);
    this.health.predict(name, predicted);
    return this.#info(found);
  }

  /** To be called once groups are open, and when a drive's state has changed; not from within the call that told so. */
  drivesChanged(): void {
    if (this.#closed) return;
    this.#predict();
    this.#copies.check();
    this.#useSpares();
  }

  /** A drive that has failed is no longer predicted to. */
  #predict(): void {
    for (const entry of this.groups.values()) {
      const predicted = entry.row.drives.some(({ name }, position) => {
        return this.health.isPredicted(name) && memberState(entry, position).state !== 'failed';
      });
      if (predicted === entry.regions.failurePredicted) continue;
      entry.regions.failurePredicted = predicted;
      this.parts.predictionChanged(entry.regions);
    }
  }

  #useSpares(): void {
    const { store, log } = this.parts;
    for (const entry of this.groups.values()) {
      const group = redundant(entry);
      if (group === null || group.failure !== null) continue;
      for (const [position, { state }] of group.members.entries()) {
        const failed = entry.row.drives[position]!;
        // When it is noted, this is called again.
        const [spare] = state !== 'failed' || !group.isNoted(position) ? [] : this.#fitting(failed);
        if (spare === undefined) continue;
        log.warn(`parity group ${entry.row.name}: spare ${spare.name} takes the place of drive ${failed.name}`);
        try {
          this.#put(this.groups.get(entry.row.name)!, position, spare, () => {
            store.storage.removeSpare(spare.name);
            const { name, path, bytes, kind } = failed;
            store.storage.putSpare({ name, path, bytes, kind, state: 'failed' });
            this.#copies.tookOver(spare.name, name);
          });
        } catch (error) {
          log.error(`spare ${spare.name} cannot be used: ${(error as Error).message}`);
        }
      }
    }
  }

  /** Spares of the kind that are large enough, the smallest first. */
  #fitting({ bytes, kind }: DriveRow): SpareRow[] {
    return this.spares()
      .filter((spare) => spare.state === 'spare' && spare.kind === kind && spare.bytes >= bytes)
      .sort((a, b) => a.bytes - b.bytes);
  }

  #put({ row, regions }: GroupEntry, position: number, { name, path, bytes }: DriveRow, also = () => {}): void {
    const { store, newDrive } = this.parts;
    const made = isUnsummed(store, row.id) ? newDrive(path, name, bytes) : newWithSums(newDrive, { path, name, bytes });
    const drive = this.health.watch(made);
    if (drive.failure) {
      throw new ConfigError('drive-unusable', `${drive.failure.message}: make its file usable.`);
    }
    const group = regions.group as RedundantGroup;
    const old = group.drives[position]!;
    store.transaction(() => {
      store.storage.setMemberDrive(row.id, position, { name, path, bytes });
      also();
      group.replaceDrive(position, drive);
    });
    old.close();
    const drives = row.drives.map((each, at) =>
      at === position ? { name, path, bytes, kind: each.kind, state: 'rebuilding' as const, rebuilt: 0 } : each,
    );
    this.groups.set(row.name, { row: { ...row, drives }, regions });
    this.health.forget(row.drives[position]!.name);
    this.#predict();
  }

  #info({ entry, position }: Found): DriveInfo {
    const { name, bytes, kind } = entry.row.drives[position]!;
    const { reads, writes } = this.health.errors(name);
    const state = memberState(entry, position);
    return {
      name,
      bytes,
      kind,
      ...state,
      parityGroup: entry.row.name,
      readErrors: reads,
      writeErrors: writes,
      corrupt: redundant(entry)?.members[position]?.corrupt ?? 0,
      failurePredicted: state.state !== 'failed' && this.health.isPredicted(name),
    };
  }

  #member(name: string): Found {
    for (const entry of this.groups.values()) {
      const position = entry.row.drives.findIndex((drive) => drive.name === name);
      if (position >= 0) return { entry, position };
    }
    throw new ConfigError(
      'drive-unknown',
      `there is no drive "${name}" in a parity group: list them to see which are.`,
    );
  }
}

function redundant({ regions }: GroupEntry): RedundantGroup | null {
  return regions.group instanceof RedundantGroup ? regions.group : null;
}

function memberState(
  { row, regions }: GroupEntry,
  position: number,
): Pick<DriveInfo, 'state' | 'progress' | 'failure'> {
  const group = redundant({ row, regions });
  if (group === null) {
    const failure = regions.group.drives[position]!.failure ?? null;
    return { state: failure === null ? 'good' : 'failed', progress: null, failure: failure?.message ?? null };
  }
  const { state, rebuilt, failure } = group.members[position]!;
  return {
    state,
    progress: state === 'rebuilding' ? rebuilt / group.stripes : null,
    failure: failure?.message ?? null,
  };
}

function spareInfo({ name, bytes, kind, state }: SpareRow): DriveInfo {
  const none = { parityGroup: null, progress: null, readErrors: 0, writeErrors: 0, corrupt: 0, failure: null };
  return { name, bytes, kind, state, ...none, failurePredicted: false };
}
