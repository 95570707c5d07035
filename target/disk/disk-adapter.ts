import { DiskJob, QueueMeter } from './disk-job.js';
import { GroupQueue } from './group-queue.js';
import type { Clock, DiskAdapterStats, DriveDone, DriveError, DriveWrite, ParityGroup } from './types.js';

/** What a queue of a host's reads takes to keep a drive and its ring busy; more gains nothing. */
const DEFAULT_CONCURRENCY = 32;

/** Changes and syncs are long, and background reads are not urgent: no more of these at a time. */
const MAX_CHANGES = 3;
const MAX_BACKGROUND = 2;

/** A class of work that has been passed over this many times is served next, so that none waits for ever. */
const PATIENCE = 16;

/**
 * Disk adapter (DKA): moves data between cache slots and parity groups.
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
  readonly #stage: QueueMeter;
  readonly #destage: QueueMeter;
  readonly #background: QueueMeter;
  readonly #sync: QueueMeter;
  readonly #groups = new Map<ParityGroup, GroupQueue>();
  #ring: GroupQueue[] = [];
  readonly #classes: readonly WorkClass[];
  readonly #foregroundReads: Queued[] = [];
  readonly #backgroundReads: Queued[] = [];
  #running = 0;
  /** Of those running: reads that hosts wait for. */
  #foreground = 0;
  #pumping = false;
  #pumpDue = false;
  #idleWaiters: (() => void)[] = [];

  constructor(
    readonly name: string,
    private readonly clock: Clock,
    options: { readonly concurrency?: number } = {},
  ) {
    this.#concurrency = Math.max(1, options.concurrency ?? DEFAULT_CONCURRENCY);
    this.#stage = new QueueMeter(clock);
    this.#destage = new QueueMeter(clock);
    this.#background = new QueueMeter(clock);
    this.#sync = new QueueMeter(clock);
    this.#classes = [
      {
        keepsFree: 0,
        beside: Number.POSITIVE_INFINITY,
        waiting: () => this.#foregroundReads.length > 0,
        start: () => this.#startRead(this.#foregroundReads),
        passed: 0,
      },
      {
        keepsFree: 1,
        beside: MAX_CHANGES,
        waiting: () => this.#syncDue() !== undefined,
        start: () => this.#startSync(this.#syncDue()!),
        passed: 0,
      },
      {
        keepsFree: 1,
        beside: MAX_CHANGES,
        waiting: () => this.#ring.some((queue) => queue.waitingChanges > 0),
        start: () => this.#startChange(),
        passed: 0,
      },
      {
        keepsFree: 2,
        beside: MAX_BACKGROUND,
        waiting: () => this.#backgroundReads.length > 0,
        start: () => this.#startRead(this.#backgroundReads),
        passed: 0,
      },
    ];
  }

  /** Fills `buffers` from `offset` on; at once, before this returns, when the drives have it at hand. */
  stage(
    group: ParityGroup,
    offset: number,
    buffers: readonly Buffer[],
    priority: 'host' | 'background',
    done: DriveDone,
  ): void {
    const bytes = checked(group, offset, total(buffers));
    const queue = this.#queueOf(group);
    const meter = priority === 'host' ? this.#stage : this.#background;
    if (queue.readable(offset, offset + bytes) && group.readNow(offset, buffers)) {
      meter.immediate(bytes);
      done(null);
      return;
    }
    this.#submit(queue, new DiskJob('read', meter, offset, bytes, buffers, meter.submit(), done));
  }

  /** Writes `buffers` from `offset` on; not on the medium before a later `sync`. */
  destage(group: ParityGroup, offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    const bytes = checked(group, offset, total(buffers));
    const meter = this.#destage;
    this.#submit(this.#queueOf(group), new DiskJob('write', meter, offset, bytes, buffers, meter.submit(), done));
  }

  /** Gives the range's space back; it reads as zeros. */
  punch(group: ParityGroup, offset: number, bytes: number, done: DriveDone): void {
    checked(group, offset, bytes);
    const meter = this.#destage;
    this.#submit(this.#queueOf(group), new DiskJob('punch', meter, offset, bytes, [], meter.submit(), done));
  }

  /** What was destaged and punched (done) before this call survives loss of power. Calls in the meantime share one. */
  sync(group: ParityGroup, done: DriveDone): void {
    this.#queueOf(group).sync.waiting.push({ done, submittedAt: this.#sync.submit() });
    this.#pumpSoon();
  }

  /** Runs `done` as soon as nothing waits or runs; at once, before this returns, if that is so now. */
  idle(done: () => void): void {
    if (this.#idle) done();
    else this.#idleWaiters.push(done);
  }

  stats(): DiskAdapterStats {
    return {
      stage: this.#stage.stats(),
      destage: this.#destage.stats(),
      background: this.#background.stats(),
      sync: this.#sync.stats(),
    };
  }

  get #idle(): boolean {
    return this.#running === 0 && !this.#ring.some((queue) => queue.busy);
  }

  #queueOf(group: ParityGroup): GroupQueue {
    let queue = this.#groups.get(group);
    if (queue === undefined) {
      queue = new GroupQueue(group);
      this.#groups.set(group, queue);
      this.#ring.push(queue);
    }
    return queue;
  }

  #submit(queue: GroupQueue, job: DiskJob): void {
    if (queue.add(job)) this.#enqueueRead(queue, job);
    if (job.kind === 'read') this.#pump();
    else this.#pumpSoon();
  }

  #syncDue(): GroupQueue | undefined {
    return this.#ring.find(({ sync }) => !sync.running && sync.waiting.length > 0);
  }

  #enqueueRead(queue: GroupQueue, job: DiskJob): void {
    if (job.kind !== 'read') return;
    const reads = job.queue === this.#stage ? this.#foregroundReads : this.#backgroundReads;
    reads.push({ queue, job });
  }

  /** Nobody waits for a destage as for a miss: those submitted in one go are first collected, then joined. */
  #pumpSoon(): void {
    if (this.#pumpDue) return;
    this.#pumpDue = true;
    this.clock.setImmediate(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  /** Starts what may start. Not entered again from callbacks: the loop running already sees their jobs. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#startOne());
    this.#pumping = false;
    if (this.#idleWaiters.length > 0 && this.#idle) {
      const waiters = this.#idleWaiters;
      this.#idleWaiters = [];
      for (const waiter of waiters) waiter();
    }
  }

  #startOne(): boolean {
    const room = this.#concurrency - this.#running;
    if (room <= 0) return false;
    for (const work of this.#classes) if (work.passed >= PATIENCE && this.#startFrom(work)) return true;
    for (const work of this.#classes) if (room > this.#keptFree(work) && this.#startFrom(work)) return true;
    return false;
  }

  #keptFree(work: WorkClass): number {
    return Math.min(work.keepsFree, this.#concurrency - 1);
  }

  #startFrom(work: WorkClass): boolean {
    if (this.#running - this.#foreground >= work.beside || !work.waiting()) return false;
    work.passed = 0;
    for (const other of this.#classes) if (other !== work && other.waiting()) other.passed++;
    work.start();
    return true;
  }

  #startRead(reads: Queued[]): void {
    const { queue, job } = reads.shift()!;
    const foreground = reads === this.#foregroundReads ? 1 : 0;
    this.#running++;
    this.#foreground += foreground;
    this.#begin(job);
    job.queue.operation();
    queue.group.read(job.offset, job.buffers, (error) => {
      this.#running--;
      this.#foreground -= foreground;
      this.#finish(queue, [job], error);
      this.#pump();
    });
  }

  /** Groups take turns. */
  #startChange(): void {
    const index = this.#ring.findIndex((queue) => queue.waitingChanges > 0);
    const queue = this.#ring[index]!;
    this.#ring = [...this.#ring.slice(0, index), ...this.#ring.slice(index + 1), queue];
    this.#runBatch(queue, queue.nextChanges());
  }

  #runBatch(queue: GroupQueue, batch: readonly DiskJob[]): void {
    const first = batch[0]!;
    this.#running++;
    for (const job of batch) this.#begin(job);
    first.queue.operation();
    const ended: DriveDone = (error) => {
      this.#running--;
      // One bad block must not keep its neighbours from being written.
      if (error !== null && batch.length > 1) for (const job of batch) queue.again(job);
      else this.#finish(queue, batch, error);
      this.#pump();
    };
    if (first.kind === 'punch') {
      queue.group.punch(first.offset, batch.at(-1)!.end - first.offset, ended);
    } else {
      queue.group.writeMany(joined(batch), ended);
    }
  }

  #startSync(queue: GroupQueue): void {
    const callers = queue.sync.waiting;
    queue.sync.waiting = [];
    queue.sync.running = true;
    this.#running++;
    this.#sync.operation();
    const started = callers.map(({ done, submittedAt }) => ({ done, startedAt: this.#sync.start(submittedAt) }));
    queue.group.sync((error) => {
      this.#running--;
      queue.sync.running = false;
      for (const { done, startedAt } of started) {
        this.#sync.finish(startedAt, 0, error);
        done(error);
      }
      this.#pump();
    });
  }

  #begin(job: DiskJob): void {
    job.started = true;
    if (!job.alone) job.startedAt = job.queue.start(job.submittedAt);
  }

  #finish(queue: GroupQueue, jobs: readonly DiskJob[], error: DriveError | null): void {
    for (const freed of queue.ended(jobs)) this.#enqueueRead(queue, freed);
    for (const job of jobs) {
      job.queue.finish(job.startedAt, job.bytes, error);
      job.done(error);
    }
  }
}

/** One class of work, in the order in which the classes are served. */
interface WorkClass {
  /** Operations that must stay free for the classes before. */
  readonly keepsFree: number;
  /** Starts only while fewer than this run that are not foreground misses. */
  readonly beside: number;
  waiting(): boolean;
  /** Only when something waits. */
  start(): void;
  /** Times another class was served while this one had work. */
  passed: number;
}

interface Queued {
  readonly queue: GroupQueue;
  readonly job: DiskJob;
}

/** Jobs in ascending order as writes, those without a gap between them as one. */
function joined(batch: readonly DiskJob[]): DriveWrite[] {
  const writes: { readonly offset: number; buffers: readonly Buffer[] }[] = [];
  let end = -1;
  for (const { offset, buffers, end: next } of batch) {
    const last = writes[writes.length - 1];
    if (last !== undefined && offset === end) last.buffers = [...last.buffers, ...buffers];
    else writes.push({ offset, buffers });
    end = next;
  }
  return writes;
}

function checked(group: ParityGroup, offset: number, bytes: number): number {
  if (!(offset >= 0 && bytes > 0 && offset + bytes <= group.bytes)) {
    throw new RangeError(`parity group ${group.name}: no range of ${bytes} bytes at ${offset}`);
  }
  return bytes;
}

function total(buffers: readonly Buffer[]): number {
  let bytes = 0;
  for (let i = 0; i < buffers.length; i++) bytes += buffers[i]!.length;
  return bytes;
}
