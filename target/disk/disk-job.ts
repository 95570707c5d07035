import type { Range } from './range-list.js';
import type { Clock, DiskQueueStats, DriveDone, DriveError } from './types.js';

export type DiskJobKind = 'read' | 'write' | 'punch';

/** One request to a disk adapter. */
export class DiskJob implements Range {
  readonly end: number;
  started = false;
  /** Set after a joined operation failed: this job is then done by itself. */
  alone = false;
  startedAt = 0;

  constructor(
    readonly kind: DiskJobKind,
    readonly queue: QueueMeter,
    readonly offset: number,
    readonly bytes: number,
    readonly buffers: readonly Buffer[],
    readonly submittedAt: number,
    readonly done: DriveDone,
  ) {
    this.end = offset + bytes;
  }
}

/** Counts what passes through one queue. */
export class QueueMeter {
  #depth = 0;
  #submitted = 0;
  #completed = 0;
  #failed = 0;
  #bytes = 0;
  #immediate = 0;
  #operations = 0;
  #waitNs = 0;
  #serviceNs = 0;

  constructor(private readonly clock: Clock) {}

  /** @returns the moment, in the clock's nanoseconds */
  submit(): number {
    this.#submitted++;
    this.#depth++;
    return this.clock.now();
  }

  start(submittedAt: number): number {
    const now = this.clock.now();
    this.#waitNs += now - submittedAt;
    return now;
  }

  operation(): void {
    this.#operations++;
  }

  finish(startedAt: number, bytes: number, error: DriveError | null): void {
    this.#depth--;
    this.#completed++;
    this.#serviceNs += this.clock.now() - startedAt;
    if (error === null) this.#bytes += bytes;
    else this.#failed++;
  }

  /** Submitted and completed in one, without a look at the clock. */
  immediate(bytes: number): void {
    this.#submitted++;
    this.#completed++;
    this.#immediate++;
    this.#bytes += bytes;
  }

  stats(): DiskQueueStats {
    return {
      depth: this.#depth,
      submitted: this.#submitted,
      completed: this.#completed,
      failed: this.#failed,
      bytes: this.#bytes,
      immediate: this.#immediate,
      operations: this.#operations,
      waitNs: this.#waitNs,
      serviceNs: this.#serviceNs,
    };
  }
}
