/**
 * Mapped memory in a simulation. A killed process loses nothing of it; a loss of power leaves each page of 4 KiB as
 * it was at the last sync that ended or as it is now, at random.
 */
import type { SimulatedClock } from '../../../target/base/clock.js';
import type { PersistentMemory, Random } from '../../../target/disk/types.js';

const PAGE = 4096;

export class SimulatedMemory implements PersistentMemory {
  readonly buffer: Buffer;
  private synced: Buffer;

  constructor(
    contents: Buffer,
    private readonly clock: SimulatedClock,
    private readonly syncMs = 1,
  ) {
    this.buffer = Buffer.from(contents);
    this.synced = Buffer.from(contents);
  }

  commit(): void {}

  sync(done: (error: Error | null) => void): void {
    const now = Buffer.from(this.buffer);
    this.clock.setTimeout(() => {
      this.synced = now;
      done(null);
    }, this.syncMs);
  }

  close(): void {}

  cut(random: Random): SimulatedMemory {
    const left = Buffer.from(this.synced);
    for (let at = 0; at < left.length; at += PAGE) {
      if (random.below(2) === 0) this.buffer.copy(left, at, at, Math.min(at + PAGE, left.length));
    }
    return new SimulatedMemory(left, this.clock, this.syncMs);
  }

  /** As the next process opens it, which syncs: see `openPersistentMemory`. */
  kill(): SimulatedMemory {
    return new SimulatedMemory(this.buffer, this.clock, this.syncMs);
  }
}
