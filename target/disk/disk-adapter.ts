import { DiskJob, QueueMeter } from './disk-job.js';
import { GroupDispatcher, type QueueMeters } from './group-dispatcher.js';
import { totalBytes } from './total-bytes.js';
import type { Clock, DiskAdapterStats, DriveDone, ParityGroup } from './types.js';

/** Of a group: what a queue of a host's reads takes to keep a drive and its ring busy; more gains nothing. */
const DEFAULT_CONCURRENCY = 32;

/**
 * Disk adapter (DKA): moves data between cache slots and parity groups. Each group has its own queues and operations:
 * one whose drives hang holds up no other.
 *
 * Foreground misses go before syncs, destages and punches, these before background work; a class passed over
 * too often gets its turn. Destages of a group are taken in ascending order of offset, many in one operation.
 * Of the operations that may run at a time, one is kept free for foreground misses and one more for destages,
 * as far as there are that many, unless who waits has been passed over too often. Syncs, destages, punches and background
 * reads are at most three at a time, background reads start only beside one other of these.
 * Jobs on overlapping ranges take effect in the order in which they came.
 *
 * Every `done` runs exactly once; that of `stage` may run before `stage` returns. Nothing throws but
 * RangeError, for a range outside the group. Buffers are the adapter's until `done`.
 */
export class DiskAdapter {
  readonly #concurrency: number;
  readonly #meters: QueueMeters;
  readonly #groups = new Map<ParityGroup, GroupDispatcher>();
  #idleWaiters: (() => void)[] = [];

  /** @param options.concurrency operations of a group at a time */
  constructor(
    readonly name: string,
    private readonly clock: Clock,
    options: { readonly concurrency?: number } = {},
  ) {
    this.#concurrency = Math.max(1, options.concurrency ?? DEFAULT_CONCURRENCY);
    this.#meters = {
      stage: new QueueMeter(clock),
      destage: new QueueMeter(clock),
      background: new QueueMeter(clock),
      sync: new QueueMeter(clock),
    };
  }

  /** Fills `buffers` from `offset` on; at once, before this returns, when the drives have it at hand. */
  stage(
    group: ParityGroup,
    offset: number,
    buffers: readonly Buffer[],
    priority: 'host' | 'background',
    done: DriveDone,
  ): void {
    const bytes = checked(group, offset, totalBytes(buffers));
    const dispatcher = this.#of(group);
    const meter = priority === 'host' ? this.#meters.stage : this.#meters.background;
    if (dispatcher.readNow(offset, bytes, buffers)) {
      meter.immediate(bytes);
      done(null);
      return;
    }
    dispatcher.submit(new DiskJob('read', meter, offset, bytes, buffers, meter.submit(), done));
  }

  /** Writes `buffers` from `offset` on; not on the medium before a later `sync`. */
  destage(group: ParityGroup, offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    const bytes = checked(group, offset, totalBytes(buffers));
    const meter = this.#meters.destage;
    this.#of(group).submit(new DiskJob('write', meter, offset, bytes, buffers, meter.submit(), done));
  }

  /** Gives the range's space back; it reads as zeros. */
  punch(group: ParityGroup, offset: number, bytes: number, done: DriveDone): void {
    checked(group, offset, bytes);
    const meter = this.#meters.destage;
    this.#of(group).submit(new DiskJob('punch', meter, offset, bytes, [], meter.submit(), done));
  }

  /** What was destaged and punched (done) before this call survives loss of power. Calls in the meantime share one. */
  sync(group: ParityGroup, done: DriveDone): void {
    this.#of(group).sync(done);
  }

  /** Runs `done` as soon as nothing waits or runs; at once, before this returns, if that is so now. */
  idle(done: () => void): void {
    if (this.#idle) done();
    else this.#idleWaiters.push(done);
  }

  stats(): DiskAdapterStats {
    const { stage, destage, background, sync } = this.#meters;
    return { stage: stage.stats(), destage: destage.stats(), background: background.stats(), sync: sync.stats() };
  }

  get #idle(): boolean {
    for (const dispatcher of this.#groups.values()) if (!dispatcher.idle) return false;
    return true;
  }

  #of(group: ParityGroup): GroupDispatcher {
    let dispatcher = this.#groups.get(group);
    if (dispatcher === undefined) {
      dispatcher = new GroupDispatcher(group, this.#concurrency, this.#meters, this.clock, () => this.#wentIdle());
      this.#groups.set(group, dispatcher);
    }
    return dispatcher;
  }

  #wentIdle(): void {
    if (this.#idleWaiters.length === 0 || !this.#idle) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const waiter of waiters) waiter();
  }
}

function checked(group: ParityGroup, offset: number, bytes: number): number {
  if (!(offset >= 0 && bytes > 0 && offset + bytes <= group.bytes)) {
    throw new RangeError(`parity group ${group.name}: no range of ${bytes} bytes at ${offset}`);
  }
  return bytes;
}
