/** Drives of a given rate, and hosts that write without end, for tests of what happens when hosts are faster. */
import type { SimulatedClock } from '../../../target/base/clock.js';
import type { CacheAdapter } from '../../../target/cache/core.js';
import type { CachedVolume } from '../../../target/cache/types.js';
import type { DriveDone, ParityGroup } from '../../../target/disk/types.js';
import type { IoFailure } from '../../../target/volumes/block-layer.js';
import { fill, HOST } from './rig.js';

/** Writes to each group one request after the other, `rateOf` times 4 KiB a second; 0: every request fails. */
export class RatedAdapter implements CacheAdapter {
  readonly #busyUntil = new Map<ParityGroup, number>();
  /** Set: what has been handed over while one operation ran is the next one, and ends together. */
  together = false;
  readonly #waiting: { readonly bytes: number; readonly done: DriveDone }[] = [];
  #operating = false;

  constructor(
    private readonly clock: SimulatedClock,
    private readonly rateOf: (group: ParityGroup) => number,
  ) {}

  stage(_group: ParityGroup, _offset: number, _buffers: readonly Buffer[], _priority: string, done: DriveDone): void {
    this.clock.setImmediate(() => done(null));
  }

  destage(group: ParityGroup, _offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    const rate = this.rateOf(group);
    if (rate === 0) {
      this.clock.setTimeout(() => done({ kind: 'missing', message: 'gone' }), 10);
      return;
    }
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0);
    if (this.together) {
      this.#waiting.push({ bytes, done });
      this.#operate(rate);
      return;
    }
    const start = Math.max(this.clock.now(), this.#busyUntil.get(group) ?? 0);
    const end = start + (bytes / 4096 / rate) * 1e9;
    this.#busyUntil.set(group, end);
    this.clock.setTimeout(() => done(null), (end - this.clock.now()) / 1e6);
  }

  #operate(rate: number): void {
    if (this.#operating || this.#waiting.length === 0) return;
    this.#operating = true;
    this.clock.setImmediate(() => {
      const operation = this.#waiting.splice(0);
      const bytes = operation.reduce((sum, each) => sum + each.bytes, 0);
      this.clock.setTimeout(
        () => {
          this.#operating = false;
          for (const { done } of operation) done(null);
          this.#operate(rate);
        },
        (bytes / 4096 / rate) * 1000,
      );
    });
  }

  /** Nothing that is handed over from now on ends before that time has passed. */
  hang(group: ParityGroup, ms: number): void {
    this.#busyUntil.set(group, this.clock.now() + ms * 1e6);
  }

  punch(_group: ParityGroup, _offset: number, _bytes: number, done: DriveDone): void {
    this.clock.setImmediate(() => done(null));
  }

  sync(_group: ParityGroup, done: DriveDone): void {
    this.clock.setImmediate(() => done(null));
  }
}

/** Writes 4 KiB to one slot after the other, in a scattered order, `depth` at a time. */
export class WritingHost {
  writes = 0;
  /** Longest time that a write took, milliseconds. */
  longestMs = 0;
  readonly failures: IoFailure[] = [];
  #next = 0;

  /** @param rate writes a second, all of them together, when none has to wait */
  constructor(
    private readonly clock: SimulatedClock,
    private readonly volume: CachedVolume,
    private readonly slots: number,
    depth: number,
    rate: number,
  ) {
    const everyMs = (depth / rate) * 1000;
    for (let lane = 0; lane < depth; lane++) clock.setTimeout(() => this.#write(everyMs), (everyMs * lane) / depth);
  }

  #write(everyMs: number): void {
    const began = this.clock.now();
    // 7919 is prime: comes to every slot before one comes again.
    const slot = (this.#next++ * 7919) % this.slots;
    this.volume.write(HOST, slot * 32, 8, [DATA], (failure) => {
      const tookMs = (this.clock.now() - began) / 1e6;
      this.writes++;
      this.longestMs = Math.max(this.longestMs, tookMs);
      if (failure !== null) this.failures.push(failure);
      this.clock.setTimeout(() => this.#write(everyMs), Math.max(0, everyMs - tookMs));
    });
  }

  /** Forgets what was counted. */
  reset(): void {
    this.writes = 0;
    this.longestMs = 0;
  }
}

const DATA = fill(1);
