/**
 * The cache against a ledger of writes: random commands, several at a time, on a drive whose operations end in
 * random order and sometimes fail; the process is killed inside a random store, or the machine loses power; then
 * everything is read and compared. LUNARRAY_SEED=n repeats one run, LUNARRAY_ROUNDS=n sets how many.
 */
import { seededRandom } from '../../target/base/random.js';
import type { CacheHints } from '../../target/cache/types.js';
import type { Random } from '../../target/disk/types.js';
import { KillableMemory, Killed, Rig } from '../unit/cache/rig.js';
import { Ledger, stamped } from './cache-ledger.js';
import { simulationRuns } from './runs.js';

const VOLUME_SLOTS = 24;
const SECTORS = VOLUME_SLOTS * 32;

class Simulation {
  readonly random: Random;
  readonly rig: Rig;
  readonly ledger = new Ledger(SECTORS);
  wrong: string | null = null;
  underWay = 0;
  #value = 0;
  /** Raised at a restart: what ends afterwards belongs to a dead process. */
  #life = 0;
  readonly #held: { release: () => void; data: readonly Buffer[]; copy: Buffer }[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
    const failing = this.below(4) === 0;
    this.rig = new Rig({
      seed: seed + 1,
      slots: 4 + this.below(24),
      volumeSlots: VOLUME_SLOTS,
      drive: {
        latencyMs: [0, 1 + this.below(60)],
        readNowShare: this.below(3) / 2,
        errorRates: failing ? { read: 0.02, write: 0.05, punch: 0.05, sync: 0.02 } : {},
      },
    });
  }

  below(limit: number): number {
    return this.random.below(limit);
  }

  run(steps: number): void {
    for (let step = 0; step < steps && this.wrong === null; step++) {
      if (this.underWay < 12) this.#command();
      if (this.below(3) === 0) this.#releaseOne();
      if (this.below(2) === 0) this.rig.clock.advance(this.below(this.below(8) === 0 ? 1500 : 30));
    }
  }

  /** Lets everything end. */
  drain(): void {
    this.#releaseAll();
    this.rig.clock.settle(() => this.underWay === 0, 200_000);
    this.#releaseAll();
    if (this.underWay > 0) this.wrong ??= `${this.underWay} commands never ended`;
  }

  compare(durableOnly: boolean): void {
    const data = this.#readAll();
    if (data !== null) this.wrong ??= this.ledger.recover(data, durableOnly);
  }

  restart(): void {
    this.#nextLife();
    this.rig.restart();
  }

  /** The next process finds a mixture of pages of `older` and of what is committed now. */
  powerLoss(older: Buffer, life: string): void {
    this.#nextLife();
    const mixed = Buffer.from(this.rig.memory.written);
    for (let page = 0; page < mixed.length; page += 4096) {
      if (this.below(2) === 0) older.copy(mixed, page, page, page + 4096);
    }
    this.rig.powerLoss(new KillableMemory(mixed, this.random), life);
  }

  #nextLife(): void {
    this.#life++;
    this.underWay = 0;
    this.#held.length = 0;
  }

  #readAll(): Buffer | null {
    for (let attempt = 0; attempt < 50; attempt++) {
      const got = this.rig.tryRead(0, SECTORS);
      if (Buffer.isBuffer(got)) return got;
      if (got.kind !== 'medium-error') break;
    }
    this.wrong ??= 'the volume cannot be read';
    return null;
  }

  #range(): [number, number] {
    const sectors = this.below(5) === 0 ? 1 + this.below(130) : 1 + this.below(24);
    const sector = this.below(SECTORS - sectors);
    // Half of the commands go to one small area, so that they meet.
    return this.below(2) === 0 ? [sector % 40, sectors] : [sector, sectors];
  }

  #command(): void {
    const [sector, sectors] = this.#range();
    const hints: CacheHints = { priority: 'host', fua: this.below(20) === 0, dpo: this.below(10) === 0 };
    const kind = this.below(100);
    if (kind < 40) this.#read(hints, sector, sectors);
    else if (kind < 80) this.#write(hints, sector, sectors);
    else if (kind < 88) this.#unmap(sector, sectors);
    else if (kind < 95) this.#flush(sector, sectors);
    else
      this.rig.volume.prefetch(
        hints,
        sector,
        sectors,
        this.#ended(() => {}),
      );
  }

  /** Counts a command; what ends after a restart does not count. */
  #ended<T>(run: (result: T) => void): (result: T) => void {
    const life = this.#life;
    let calls = 0;
    this.underWay++;
    return (result) => {
      if (life !== this.#life) return;
      if (++calls > 1) this.wrong ??= 'a command ended twice';
      this.underWay--;
      run(result);
    };
  }

  #read(hints: CacheHints, sector: number, sectors: number): void {
    const start = this.ledger.now;
    const ended = this.#ended<{ data: readonly Buffer[] | null; release: () => void }>(({ data, release }) => {
      if (data === null) return;
      const copy = Buffer.concat(data);
      if (copy.length !== sectors * 512) this.wrong ??= `read of ${sectors} sectors gave ${copy.length} bytes`;
      else this.wrong ??= this.ledger.check(sector, copy, start);
      this.#held.push({ release, data, copy });
    });
    this.rig.volume.read(hints, sector, sectors, (failure, data, release) =>
      ended({ data: failure === null ? data : null, release }),
    );
  }

  #write(hints: CacheHints, sector: number, sectors: number): void {
    const write = this.ledger.begin(sector, sectors, ++this.#value);
    const ended = this.#ended<unknown>((failure) => {
      write.refused = failure !== null;
      if (write.refused) return;
      this.ledger.acknowledge(write);
      if (hints.fua) this.ledger.forced(sector, sectors, write);
    });
    const data = stamped(this.#value, sectors);
    const cut = 512 * this.below(sectors + 1);
    const parts = [data.subarray(0, cut), data.subarray(cut)].filter((part) => part.length > 0);
    this.rig.volume.write(hints, sector, sectors, parts, ended);
  }

  #unmap(sector: number, sectors: number): void {
    const write = this.ledger.begin(sector, sectors, 0);
    const ended = this.#ended<unknown>((failure) => {
      write.refused = failure !== null;
      if (!write.refused) this.ledger.acknowledge(write);
    });
    this.rig.volume.unmap(sector, sectors, ended);
  }

  #flush(sector: number, sectors: number): void {
    const start = this.ledger.now;
    const ended = this.#ended<unknown>((failure) => {
      if (failure === null) this.ledger.flushed(sector, sectors, start);
    });
    this.rig.volume.flush(sector, sectors, ended);
  }

  #releaseOne(): void {
    const [held] = this.#held.splice(this.below(Math.max(1, this.#held.length)), 1);
    if (held === undefined) return;
    if (!Buffer.concat(held.data).equals(held.copy)) this.wrong ??= 'pinned data changed';
    held.release();
  }

  #releaseAll(): void {
    while (this.#held.length > 0) this.#releaseOne();
  }
}

/** @returns what went wrong */
function simulate(seed: number): string | null {
  const simulation = new Simulation(seed);
  const { rig } = simulation;
  for (let life = 0; life < 4 && simulation.wrong === null; life++) {
    const older = Buffer.from(rig.memory.written);
    const end = simulation.below(4);
    if (end >= 2) rig.memory.killAt = rig.memory.commits + 1 + simulation.below(400);
    try {
      simulation.run(60 + simulation.below(200));
      rig.memory.killAt = -1;
      if (end === 0) simulation.drain();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
    if (simulation.wrong !== null) break;
    if (end === 0) {
      simulation.compare(false);
    } else if (end === 1) {
      simulation.powerLoss(older, `life ${life + 1}`);
      simulation.compare(true);
    } else {
      simulation.restart();
      simulation.compare(false);
    }
  }
  return simulation.wrong;
}

simulationRuns(75, 'read and recovered data as written', simulate);
