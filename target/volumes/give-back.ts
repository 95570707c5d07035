/**
 * Regions that hosts have unmapped whole, on their way back to their pool. In order:
 *
 * ```
 * 1  the cache has punched the region, and nothing is on its way between its slots and the drives
 * 2  the LDEV's table loses it: it reads as zeros, no command can reach its place any more
 * 3  the drives are synced                  the punch survives loss of power
 * 4  its record is cleared
 * 5  the records are synced                 so does that
 * 6  the place is free                      another LDEV may have it
 * ```
 * A write to the region that comes between 2 and 6 takes the place back: it is as good as a fresh one, and a
 * region never has two places, of which a loss of power could leave either. A kill or loss of power up to 5 leaves
 * the place with its LDEV or free, and punched in both cases; were it free before 5, a loss of power could bring
 * the old record back and show one LDEV what another wrote.
 */
import type { Log } from '../base/log.js';
import type { ParityGroup } from '../disk/types.js';
import type { Background } from './background.js';
import type { Pool } from './pool.js';
import type { ReclaimAdapter } from './reclaim.js';
import { groupOfPlace } from './regions.js';

/** Long enough that the commands of one `blkdiscard` or `fstrim` share syncs of the drives. */
const GATHER_MS = 100;
/** Regions handled in one turn of the event loop. */
const BATCH = 2048;

/** One region, from step 2 on. */
export interface Returning {
  readonly ldev: Returner;
  readonly region: number;
  readonly place: number;
  /** Its LDEV has taken it back. */
  kept: boolean;
}

/** The LDEV that a region leaves. */
export interface Returner {
  readonly name: string;
  /** It is free: step 6. */
  returned(entry: Returning): void;
  /** Something failed: the LDEV has it again, unless it took it back before. */
  takeBack(entry: Returning): void;
}

/** The way back to one pool. */
export class GiveBack {
  private waiting: Returning[] = [];
  private timer: { cancel(): void } | null = null;
  private running = false;
  private settlers: (() => void)[] = [];

  constructor(
    private readonly pool: Pool,
    private readonly adapter: Pick<ReclaimAdapter, 'sync'>,
    private readonly background: Background,
    private readonly log: Log,
  ) {}

  /** After step 2. */
  add(entry: Returning): void {
    this.waiting.push(entry);
    if (this.timer === null && !this.running) this.timer = this.background.after(GATHER_MS, () => this.run());
  }

  /** Resolves when all are free, without delay. */
  settled(): Promise<void> {
    if (this.waiting.length === 0 && !this.running) return Promise.resolve();
    const settled = new Promise<void>((resolve) => this.settlers.push(resolve));
    if (!this.running) this.run();
    return settled;
  }

  private run(): void {
    this.timer?.cancel();
    this.timer = null;
    const batch = this.waiting.splice(0, BATCH);
    this.running = batch.length > 0;
    if (!this.running) {
      for (const settled of this.settlers.splice(0)) settled();
      return;
    }
    this.syncDrives(batch, (failure) => {
      if (this.background.closed) return;
      if (failure !== null) this.fail(batch, failure);
      else this.clear(batch);
    });
  }

  private syncDrives(batch: readonly Returning[], done: (failure: string | null) => void): void {
    const groups = new Set<ParityGroup>();
    for (const { place } of batch) groups.add(this.pool.parityGroup(groupOfPlace(place)));
    let left = groups.size;
    let failure: string | null = null;
    for (const group of groups) {
      this.adapter.sync(group, (error) => {
        if (error !== null) failure ??= error.message;
        if (--left === 0) done(failure);
      });
    }
  }

  private clear(batch: readonly Returning[]): void {
    for (const entry of batch) if (!entry.kept) this.pool.clear(entry.place);
    this.pool.sync((error) => {
      if (this.background.closed) return;
      if (error !== null) {
        this.fail(batch, `shared memory: ${error.message}`);
        return;
      }
      for (const entry of batch) {
        if (entry.kept) continue;
        this.pool.makeFree(entry.place);
        entry.ldev.returned(entry);
      }
      this.run();
    });
  }

  private fail(batch: readonly Returning[], failure: string): void {
    const kept = batch.filter((entry) => !entry.kept);
    for (const entry of kept) entry.ldev.takeBack(entry);
    this.log.warn(`pool ${this.pool.name}: ${kept.length} unmapped regions stay with their LDEVs: ${failure}`);
    this.run();
  }
}
