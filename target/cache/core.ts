/** What the parts of the cache share. */
import type { Log } from '../base/log.js';
import type { Clock, DriveDone, ParityGroup } from '../disk/types.js';
import type { CacheCounters } from './counters.js';
import type { Destager } from './destager.js';
import { GroupFlows } from './group-flow.js';
import type { CacheMemory } from './memory.js';
import { DataCursor } from './sectors.js';
import type { Slots } from './slots.js';
import type { Stager } from './stager.js';
import type { Throttle } from './throttle.js';
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
  readonly flows = new GroupFlows();
  /** There are never more dirty slots than these. */
  readonly dirtyLimit: number;
  /** Slots one command may need at once: readers always find as many beside the dirty ones. */
  readonly commandSlots: number;
  stager!: Stager;
  destager!: Destager;
  throttle!: Throttle;

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

  /** Handle of the group that a slot of a volume goes to; 0: it has no region. */
  flowOf(volume: Volume, slot: number): number {
    const address = volume.backing.locate(slot);
    return address === null ? 0 : this.flows.of(address.group).handle;
  }

  /** Whether readers may pin `more` slots: half of what is not dirty, so that a stalled host cannot take all. */
  mayPin(more: number): boolean {
    return (this.slots.pinned + more) * 2 <= this.slots.count - this.slots.dirtyCount;
  }
}
