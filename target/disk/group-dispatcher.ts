import type { DiskJob, QueueMeter } from './disk-job.js';
import { GroupQueue } from './group-queue.js';
import type { Clock, DriveDone, DriveError, DriveWrite, ParityGroup } from './types.js';

/** Changes and syncs are long, and background reads are not urgent: no more of these at a time. */
const MAX_CHANGES = 3;
const MAX_BACKGROUND = 2;

/** A class of work that has been passed over this many times is served next, so that none waits for ever. */
const PATIENCE = 16;

/** Counts of an adapter's queues, shared by its groups. */
export interface QueueMeters {
  readonly stage: QueueMeter;
  readonly destage: QueueMeter;
  readonly background: QueueMeter;
  readonly sync: QueueMeter;
}

/** What a disk adapter does for one parity group: which of its work goes next, and how much at a time. */
export class GroupDispatcher {
  readonly #queue: GroupQueue;
  readonly #classes: readonly WorkClass[];
  readonly #foregroundReads: DiskJob[] = [];
  readonly #backgroundReads: DiskJob[] = [];
  #running = 0;
  /** Of those running: reads that hosts wait for. */
  #foreground = 0;
  #pumping = false;
  #pumpDue = false;

  constructor(
    private readonly group: ParityGroup,
    /** Operations at a time. */
    private readonly concurrency: number,
    private readonly meters: QueueMeters,
    private readonly clock: Clock,
    /** Nothing waits or runs any more. */
    private readonly wentIdle: () => void,
  ) {
    this.#queue = new GroupQueue(group);
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
        waiting: () => !this.#queue.sync.running && this.#queue.sync.waiting.length > 0,
        start: () => this.#startSync(),
        passed: 0,
      },
      {
        keepsFree: 1,
        beside: MAX_CHANGES,
        waiting: () => this.#queue.waitingChanges > 0,
        start: () => this.#startChanges(this.#queue.nextChanges()),
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

  get idle(): boolean {
    return this.#running === 0 && !this.#queue.busy;
  }

  /** True: the read needs to wait for nothing, and has been done. */
  readNow(offset: number, bytes: number, buffers: readonly Buffer[]): boolean {
    return this.#queue.readable(offset, offset + bytes) && this.group.readNow(offset, buffers);
  }

  submit(job: DiskJob): void {
    if (this.#queue.add(job)) this.#enqueueRead(job);
    if (job.kind === 'read') this.#pump();
    else this.#pumpSoon();
  }

  sync(done: DriveDone): void {
    this.#queue.sync.waiting.push({ done, submittedAt: this.meters.sync.submit() });
    this.#pumpSoon();
  }

  #enqueueRead(job: DiskJob): void {
    if (job.kind !== 'read') return;
    const reads = job.queue === this.meters.stage ? this.#foregroundReads : this.#backgroundReads;
    reads.push(job);
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
    if (this.idle) this.wentIdle();
  }

  #startOne(): boolean {
    const room = this.concurrency - this.#running;
    if (room <= 0) return false;
    for (const work of this.#classes) if (work.passed >= PATIENCE && this.#startFrom(work)) return true;
    for (const work of this.#classes) if (room > this.#keptFree(work) && this.#startFrom(work)) return true;
    return false;
  }

  #keptFree(work: WorkClass): number {
    return Math.min(work.keepsFree, this.concurrency - 1);
  }

  #startFrom(work: WorkClass): boolean {
    if (this.#running - this.#foreground >= work.beside || !work.waiting()) return false;
    work.passed = 0;
    for (const other of this.#classes) if (other !== work && other.waiting()) other.passed++;
    work.start();
    return true;
  }

  #startRead(reads: DiskJob[]): void {
    const job = reads.shift()!;
    const foreground = reads === this.#foregroundReads ? 1 : 0;
    this.#running++;
    this.#foreground += foreground;
    this.#begin(job);
    job.queue.operation();
    this.group.read(job.offset, job.buffers, (error) => {
      this.#running--;
      this.#foreground -= foreground;
      this.#finish([job], error);
      this.#pump();
    });
  }

  #startChanges(batch: readonly DiskJob[]): void {
    const first = batch[0]!;
    this.#running++;
    for (const job of batch) this.#begin(job);
    first.queue.operation();
    const ended: DriveDone = (error) => {
      this.#running--;
      // One bad block must not keep its neighbours from being written.
      if (error !== null && batch.length > 1) for (const job of batch) this.#queue.again(job);
      else this.#finish(batch, error);
      this.#pump();
    };
    if (first.kind === 'punch') this.group.punch(first.offset, batch.at(-1)!.end - first.offset, ended);
    else this.group.writeMany(joined(batch), ended);
  }

  #startSync(): void {
    const { sync } = this.#queue;
    const callers = sync.waiting;
    sync.waiting = [];
    sync.running = true;
    this.#running++;
    this.meters.sync.operation();
    const started = callers.map(({ done, submittedAt }) => ({ done, startedAt: this.meters.sync.start(submittedAt) }));
    this.group.sync((error) => {
      this.#running--;
      sync.running = false;
      for (const { done, startedAt } of started) {
        this.meters.sync.finish(startedAt, 0, error);
        done(error);
      }
      this.#pump();
    });
  }

  #begin(job: DiskJob): void {
    job.started = true;
    if (!job.alone) job.startedAt = job.queue.start(job.submittedAt);
  }

  #finish(jobs: readonly DiskJob[], error: DriveError | null): void {
    for (const freed of this.#queue.ended(jobs)) this.#enqueueRead(freed);
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
