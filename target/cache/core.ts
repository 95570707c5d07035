/** What the parts of the cache share. */
import type { Log } from '../base/log.js';
import type { Clock, DriveDone, ParityGroup } from '../disk/types.js';
import type { CacheCounters } from './counters.js';
import type { Destager } from './destager.js';
import type { CacheMemory } from './memory.js';
import { DataCursor } from './sectors.js';
import type { Slots } from './slots.js';
import type { Stager } from './stager.js';
import type { Volume } from './volume.js';
import type { WaitQueue } from './wait-queue.js';

/** What the cache asks of the disk adapter (DKA); see `DiskAdapter`. `done` may run before the call returns. */
export interface CacheAdapter {
  stage(
    group: ParityGroup,
    offset: number,
    buffers: readonly Buffer[],
    priority: 'host' | 'background',
    done: DriveDone,
  ): void;
  destage(group: ParityGroup, offset: number, buffers: readonly Buffer[], done: DriveDone): void;
  punch(group: ParityGroup, offset: number, bytes: number, done: DriveDone): void;
  sync(group: ParityGroup, done: DriveDone): void;
}

export class CacheCore {
  readonly cursor = new DataCursor();
  readonly volumes = new Map<number, Volume>();
  /** Groups of which a sync has failed. */
  readonly unsyncable = new Set<ParityGroup>();
  /** Writers wait above this many dirty slots. */
  readonly dirtyLimit: number;
  /** Slots one command may need at once: readers always find as many beside the dirty ones. */
  readonly commandSlots: number;
  stager!: Stager;
  destager!: Destager;

  constructor(
    readonly memory: CacheMemory,
    readonly slots: Slots,
    readonly waiting: WaitQueue,
    readonly adapter: CacheAdapter,
    readonly clock: Clock,
    readonly log: Log,
    readonly counters: CacheCounters,
  ) {
    this.commandSlots = Math.max(1, Math.ceil(slots.count / 10));
    this.dirtyLimit = Math.max(1, slots.count - this.commandSlots);
  }

  /** Whether readers may pin `more` slots: half of what is not dirty, so that a stalled host cannot take all. */
  mayPin(more: number): boolean {
    return (this.slots.pinned + more) * 2 <= this.slots.count - this.slots.dirtyCount;
  }
}
