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
  /** Pages committed since. */
  readonly #touched = new Set<number>();
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

  commit(offset: number, bytes: number): void {
    for (let page = Math.floor(offset / PAGE); page * PAGE < offset + bytes; page++) this.#touched.add(page);
  }

  /** Only what was committed is kept: copies of all of it are what most of a simulation's time went to. */
  sync(done: (error: Error | null) => void): void {
    const before: Before[] = [];
    for (const page of this.#touched) {
      const at = page * PAGE;
      before.push({ at, bytes: Buffer.from(this.#begun.subarray(at, at + PAGE)) });
      this.buffer.copy(this.#begun, at, at, at + PAGE);
    }
    this.#touched.clear();
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
