/** SYNCHRONIZE CACHE and FUA: dirty slots to the drives, then the drives to the medium. */
import type { DriveError, ParityGroup } from '../disk/types.js';
import type { Done, IoFailure } from '../volumes/block-layer.js';
import type { CacheCore } from './core.js';
import type { DestageWaiter } from './destage-jobs.js';
import { SLOT_SECTORS } from './types.js';
import type { Volume } from './volume.js';

export class FlushCommand implements DestageWaiter {
  readonly #end: number;
  pending = 0;
  #failure: IoFailure | null = null;

  constructor(
    private readonly core: CacheCore,
    private readonly volume: Volume,
    private readonly sector: number,
    /** Infinity: to the end. */
    sectors: number,
    private readonly done: Done,
  ) {
    this.#end = sector + sectors;
  }

  start(): void {
    const { core, volume } = this;
    if (!volume.usable) {
      this.done(volume.gone());
      return;
    }
    if (volume.waitForUnmap(this.sector, this.#end, () => this.start())) return;
    const first = Math.floor(this.sector / SLOT_SECTORS);
    const dirty = volume.dirtySlots(first, Math.ceil(this.#end / SLOT_SECTORS) - 1);
    if (dirty.length === 0) {
      this.#sync();
      return;
    }
    this.pending = 1;
    core.destager.destageNow(dirty, this);
    this.#ended();
  }

  destaged(error: DriveError | null, sector: number): void {
    if (error !== null) this.#failure ??= failureOf(error, sector);
    this.#ended();
  }

  #ended(): void {
    if (--this.pending === 0) this.#sync();
  }

  /**
   * Only groups that hold something not synced. Data that another flush, or the destager, brought to the drive
   * before counts too, so it is not enough to look at what this one wrote.
   */
  #sync(): void {
    const groups = this.volume.unsynced();
    if (this.#failure !== null || groups.length === 0) {
      this.done(this.#failure);
      return;
    }
    let left = groups.length;
    for (const [group, stamp] of groups) {
      this.core.adapter.sync(group, (error) => {
        if (error === null) this.volume.synced(group, stamp);
        else this.#syncFailed(group, error);
        if (--left === 0) this.done(this.#failure);
      });
    }
  }

  /**
   * The group stays unsynced, so every later flush asks the drives again, and those keep failing (`FileDrive`): what
   * was destaged counts as clean here and may be on no medium.
   */
  #syncFailed(group: ParityGroup, error: DriveError): void {
    const { log, unsyncable } = this.core;
    const cause = `sync of ${group.name}: ${error.message}`;
    this.#failure ??= { kind: 'hardware-error', cause };
    if (unsyncable.has(group)) return;
    unsyncable.add(group);
    log.error(`${cause}; what was written there since the last sync may be lost, and flushes of it fail from now on`);
  }
}

/** `sector`: where the medium error is reported. */
export function failureOf(error: DriveError, sector: number): IoFailure {
  if (error.kind === 'io-error') return { kind: 'medium-error', lba: sector, write: true };
  if (error.kind === 'no-space') return { kind: 'no-space', cause: error.message };
  return { kind: 'hardware-error', cause: error.message };
}

/** Groups a volume's data went to since they were last synced. */
export class UnsyncedGroups {
  readonly #stamps = new Map<ParityGroup, number>();
  #stamp = 0;

  written(group: ParityGroup): void {
    this.#stamps.set(group, ++this.#stamp);
  }

  list(): [ParityGroup, number][] {
    return [...this.#stamps];
  }

  /** @param stamp of when the sync began: what was written since is not covered */
  synced(group: ParityGroup, stamp: number): void {
    if (this.#stamps.get(group) === stamp) this.#stamps.delete(group);
  }
}
