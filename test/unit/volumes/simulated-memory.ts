/**
 * Mapped memory in a simulation. A killed process loses nothing of it; a loss of power leaves each page of 4 KiB as
 * it was at the last sync that ended or as it is now, at random.
 */
import type { SimulatedClock } from '../../../target/base/clock.js';
import type { PersistentMemory, Random } from '../../../target/disk/types.js';

const PAGE = 4096;

/** A page that a sync changed: where it is, and what it was before. */
interface Before {
  readonly at: number;
  readonly bytes: Buffer;
}

export class SimulatedMemory implements PersistentMemory {
  readonly buffer: Buffer;
  /** What the last sync that began has or will have written. */
  readonly #begun: Buffer;
  /** Of syncs that have not ended, the oldest first; they end in order. */
  readonly #underWay: Before[][] = [];

  /** @param contents nobody else's from now on */
  constructor(
    contents: Buffer,
    private readonly clock: SimulatedClock,
    private readonly syncMs = 1,
  ) {
    this.buffer = Buffer.from(contents);
    this.#begun = contents;
  }

  commit(): void {}

  /** Only what has changed is kept: copies of all of it are what most of a simulation's time went to. */
  sync(done: (error: Error | null) => void): void {
    const before: Before[] = [];
    for (let at = 0; at < this.buffer.length; at += PAGE) {
      const end = Math.min(at + PAGE, this.buffer.length);
      if (this.buffer.compare(this.#begun, at, end, at, end) === 0) continue;
      before.push({ at, bytes: Buffer.from(this.#begun.subarray(at, end)) });
      this.buffer.copy(this.#begun, at, at, end);
    }
    this.#underWay.push(before);
    this.clock.setTimeout(() => {
      this.#underWay.shift();
      done(null);
    }, this.syncMs);
  }

  close(): void {}

  cut(random: Random): SimulatedMemory {
    const left = Buffer.from(this.#begun);
    for (const before of this.#underWay.toReversed()) for (const { at, bytes } of before) bytes.copy(left, at);
    for (let at = 0; at < left.length; at += PAGE) {
      if (random.below(2) === 0) this.buffer.copy(left, at, at, Math.min(at + PAGE, left.length));
    }
    return new SimulatedMemory(left, this.clock, this.syncMs);
  }

  /** As the next process opens it, which syncs: see `openPersistentMemory`. */
  kill(): SimulatedMemory {
    return new SimulatedMemory(Buffer.from(this.buffer), this.clock, this.syncMs);
  }
}
