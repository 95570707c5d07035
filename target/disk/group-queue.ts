import type { DiskJob } from './disk-job.js';
import { overlap, RangeList } from './range-list.js';
import type { DriveDone, ParityGroup } from './types.js';

/** Limits of one operation on many writes: what keeps a drive from being blocked for long. */
const MAX_BUFFERS = 1024;
const MAX_BATCH_BYTES = 1 << 20;
/** Where a group has stripes: many whole ones, as those at the ends of a batch cost reads. */
const MAX_BATCH_STRIPES = 8;

const NONE: readonly DiskJob[] = [];

/**
 * The jobs of one parity group. Jobs on overlapping ranges take effect in the order in which they came,
 * unless both read: a later one is held back until the earlier ones have ended.
 */
export class GroupQueue {
  /** Writes and punches that wait for their turn or run; none overlaps another. */
  readonly #changes = new RangeList<DiskJob>();
  #waitingChanges = 0;
  /** Reads that wait for their turn or run. */
  readonly #reads = new Set<DiskJob>();
  /** Jobs that overlap an earlier one, in the order in which they came. */
  readonly #held: DiskJob[] = [];
  /** Where the elevator stands: the next change begins here or after, else at the lowest offset. */
  #position = 0;
  readonly sync = { running: false, waiting: [] as { readonly done: DriveDone; readonly submittedAt: number }[] };

  readonly #batchBytes: number;

  constructor(readonly group: ParityGroup) {
    this.#batchBytes = Math.max(MAX_BATCH_BYTES, MAX_BATCH_STRIPES * (group.stripeBytes ?? 0));
  }

  /** Jobs not ended, syncs included. */
  get busy(): boolean {
    const { running, waiting } = this.sync;
    return this.#changes.length + this.#reads.size + this.#held.length + waiting.length > 0 || running;
  }

  get waitingChanges(): number {
    return this.#waitingChanges;
  }

  /** True when a read of this range needs to wait for nothing that came before it. */
  readable(offset: number, end: number): boolean {
    if (this.#changes.length === 0 && this.#held.length === 0) return true;
    return !this.#changes.overlaps(offset, end) && !this.#held.some((job) => overlap(job, offset, end));
  }

  /** False: the job is held, and `ended` will hand it back. */
  add(job: DiskJob): boolean {
    if (this.#overlapsActive(job) || this.#held.some((earlier) => conflict(earlier, job))) {
      this.#held.push(job);
      return false;
    }
    this.#activate(job);
    return true;
  }

  /** Takes out ended jobs: one read, or the changes of one batch. Returns the held jobs that may go now, already active. */
  ended(jobs: readonly DiskJob[]): readonly DiskJob[] {
    if (jobs[0]!.kind === 'read') this.#reads.delete(jobs[0]!);
    else this.#changes.remove(jobs);
    if (this.#held.length === 0) return NONE;
    const freed: DiskJob[] = [];
    const still: DiskJob[] = [];
    for (const held of this.#held) {
      if (this.#overlapsActive(held) || still.some((earlier) => conflict(earlier, held))) {
        still.push(held);
      } else {
        this.#activate(held);
        freed.push(held);
      }
    }
    this.#held.length = 0;
    this.#held.push(...still);
    return freed;
  }

  /** Puts a started change back to wait, to be done by itself. */
  again(job: DiskJob): void {
    job.started = false;
    job.alone = true;
    this.#waitingChanges++;
  }

  /**
   * The elevator's next change and those that go with it, ascending; empty if none waits. Writes are taken
   * together whatever lies between them, punches only without a gap.
   */
  nextChanges(): DiskJob[] {
    if (this.#waitingChanges === 0) return [];
    let index = this.#changes.indexFrom(this.#position);
    for (let tried = 0; tried <= this.#changes.length; tried++, index++) {
      if (index >= this.#changes.length) index = 0;
      if (!this.#changes.at(index)!.started) break;
    }
    const first = this.#changes.at(index)!;
    const batch = [first];
    let { bytes } = first;
    let buffers = first.buffers.length;
    for (let last = first; !first.alone; ) {
      const next = this.#changes.at(++index);
      if (next === undefined || next.started || next.alone || next.kind !== first.kind) break;
      if (next.kind === 'punch' && next.offset !== last.end) break;
      bytes += next.bytes;
      buffers += next.buffers.length;
      if (next.kind === 'write' && (bytes > this.#batchBytes || buffers > MAX_BUFFERS)) break;
      batch.push(next);
      last = next;
    }
    for (const job of batch) job.started = true;
    this.#waitingChanges -= batch.length;
    this.#position = batch.at(-1)!.end;
    return batch;
  }

  #activate(job: DiskJob): void {
    if (job.kind === 'read') this.#reads.add(job);
    else {
      this.#changes.insert(job);
      this.#waitingChanges++;
    }
  }

  #overlapsActive(job: DiskJob): boolean {
    if (this.#changes.overlaps(job.offset, job.end)) return true;
    if (job.kind === 'read') return false;
    for (const read of this.#reads) if (overlap(read, job.offset, job.end)) return true;
    return false;
  }
}

function conflict(earlier: DiskJob, later: DiskJob): boolean {
  return (earlier.kind !== 'read' || later.kind !== 'read') && overlap(earlier, later.offset, later.end);
}
