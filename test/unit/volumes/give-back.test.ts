/**
 * A region that is unmapped whole goes back to its pool. The process is killed, or the machine loses power, after
 * every single event of that, while the LDEV it leaves and another one write, read and flush. Whatever happens: no
 * LDEV sees what another wrote, nothing that was promised is lost, no region has two owners, and none is lost.
 *
 * Fault model: simulated-drive.ts, simulated-memory.ts. `SEED` replays one run of events and deaths.
 */
import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { silentLog } from '../../../target/base/log.js';
import { seededRandom } from '../../../target/base/random.js';
import { Cache } from '../../../target/cache/cache.js';
import { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import { createParityGroup } from '../../../target/disk/parity-group.js';
import { SimulatedDrive } from '../../../target/disk/simulated-drive.js';
import type { Clock } from '../../../target/disk/types.js';
import { Background } from '../../../target/volumes/background.js';
import type { IoFailure } from '../../../target/volumes/block-layer.js';
import { GiveBack } from '../../../target/volumes/give-back.js';
import { LdevVolume } from '../../../target/volumes/ldev-volume.js';
import { Pool } from '../../../target/volumes/pool.js';
import { reclaim } from '../../../target/volumes/reclaim.js';
import { regionRecordBytes } from '../../../target/volumes/region-records.js';
import { GroupRegions, indexOfPlace, REGION_BYTES } from '../../../target/volumes/regions.js';
import { hostIo } from './fixture.js';
import { SimulatedMemory } from './simulated-memory.js';

const SEEDS = process.env.LUNARRAY_SEED === undefined ? [1, 17, 23] : [Number(process.env.LUNARRAY_SEED)];
const REGIONS = 6;
const STRIDE = REGION_BYTES / 512;
const LDEV_REGIONS = 4;
const BLOCKS = 8;
/** Long enough for commands to come while the records are synced. */
const SYNC_MS = 15;
/** Where data is written in a region. */
const OFFSETS = [0, 40_000, STRIDE - BLOCKS];

/** The clock of one process: nothing of it runs when it is dead. */
class ProcessClock implements Clock {
  dead = false;

  constructor(private readonly machine: SimulatedClock) {}

  now(): number {
    return this.machine.now();
  }

  wall(): number {
    return this.machine.wall();
  }

  setTimeout(run: () => void, ms: number): { cancel(): void } {
    return this.machine.setTimeout(() => this.dead || run(), ms);
  }

  setImmediate(run: () => void): void {
    this.machine.setImmediate(() => this.dead || run());
  }
}

type Done = (failure: IoFailure | null) => void;

class MiniArray {
  readonly clock = new SimulatedClock();
  private drives: SimulatedDrive[];
  private memories: SimulatedMemory[];
  private boot = 1;
  private process!: ProcessClock;
  pool!: Pool;
  ldevs!: LdevVolume[];
  wrong: string | null = null;

  constructor(private readonly random: ReturnType<typeof seededRandom>) {
    const latency = { latencyMs: [0, 3] as const };
    const bytes = (REGIONS / 2) * REGION_BYTES;
    this.drives = ['a', 'b'].map((name) => new SimulatedDrive(name, bytes, this.clock, random, latency));
    const sizes = [Cache.memoryBytes(64 * 16384), regionRecordBytes(REGIONS)];
    this.memories = sizes.map((size) => new SimulatedMemory(Buffer.alloc(size), this.clock, SYNC_MS));
    this.open();
  }

  die(power: boolean): void {
    this.process.dead = true;
    this.drives = this.drives.map((drive) => (power ? drive.cut() : drive.kill()));
    this.memories = this.memories.map((memory) => (power ? memory.cut(this.random) : memory.kill()));
    if (power) this.boot++;
    this.open();
  }

  /** Everything that goes on beside the commands, to its end. */
  settle(): void {
    this.clock.settle();
  }

  private open(): void {
    const clock = new ProcessClock(this.clock);
    this.process = clock;
    const [cacheMemory, records] = this.memories as [SimulatedMemory, SimulatedMemory];
    const background = new Background(clock);
    const adapter = new DiskAdapter('DKA', clock);
    const cache = Cache.open({ memory: cacheMemory, adapter, clock, log: silentLog, bootId: `boot-${this.boot}` });
    const pool = new Pool('pool');
    const soiled = (regions: GroupRegions, places: readonly number[]) => {
      const alone = new Pool('alone');
      alone.add(regions);
      reclaim(alone, places, adapter, background, () => {});
    };
    const group = createParityGroup('1-1', 'raid0', this.drives);
    const regions = new GroupRegions(group, 1, '12345678', () => records, soiled);
    pool.add(regions);
    this.pool = pool;
    const way = new GiveBack(pool, adapter, background, silentLog);
    this.ldevs = [1, 2].map((uid) => {
      const blocks = LDEV_REGIONS * STRIDE;
      const sizes = { blockSize: 512, physicalBlockSize: 512, blocks } as const;
      const fields = {
        label: '',
        attribute: 'ordinary',
        pool: 'pool',
        thin: true,
        readOnly: false,
        removable: false,
        tape: false,
        protection: 0,
        tier: null,
      } as const;
      return new LdevVolume(
        { uid, id: uid, unformatted: false, deleting: false, ...fields, ...sizes },
        pool,
        '12345678',
        way,
      );
    });
    regions.scan((uid, region, place) => {
      const { regions: table } = this.ldevs[uid - 1]!;
      if (table.get(region) !== 0) this.wrong ??= `two places claim region ${region} of ${uid}`;
      else table.add(region, place);
    });
    for (const ldev of this.ldevs) ldev.open(cache);
    // No death comes while the cache starts: that is for the cache's tests.
    let started = false;
    cacheMemory.sync(() => {
      started = true;
    });
    this.clock.settle(() => started);
  }
}

interface Command {
  readonly value: number;
  readonly begun: number;
  ended: number;
  durable: boolean;
}

const NEVER = Number.POSITIVE_INFINITY;

/** What each place of one LDEV may hold, by the commands that were given. */
class Ledger {
  private readonly commands = new Map<number, Command[]>();

  private at(lba: number): Command[] {
    let list = this.commands.get(lba);
    if (list === undefined) {
      list = [{ value: 0, begun: -2, ended: -1, durable: true }];
      this.commands.set(lba, list);
    }
    return list;
  }

  begin(lbas: readonly number[], value: number, now: number): Command {
    const command = { value, begun: now, ended: NEVER, durable: false };
    for (const lba of lbas) this.at(lba).push(command);
    return command;
  }

  /** A flush begun then has ended. */
  flushed(begun: number): void {
    for (const list of this.commands.values()) {
      for (const command of list) if (command.ended < begun) command.durable = true;
    }
  }

  /** Values that no later command has certainly replaced; after a loss of power, no later durable one. */
  allowed(lba: number, power: boolean): Set<number> {
    const list = this.at(lba);
    const replaced = (old: Command) =>
      list.some((other) => other.ended < NEVER && other.begun > old.ended && (!power || other.durable));
    return new Set(list.filter((command) => !replaced(command)).map((command) => command.value));
  }

  /** What was found after a death is what there is; after a kill, a loss of power may still bring older values back. */
  found(lba: number, values: Iterable<number>, power: boolean, now: number): void {
    const entry = (value: number, at: number, durable: boolean) => ({ value, begun: at, ended: at, durable });
    const older = power ? [] : [...this.allowed(lba, true)].map((value) => entry(value, now - 1, true));
    this.commands.set(lba, [...older, ...[...values].map((value) => entry(value, now, power))]);
  }
}

class Run {
  readonly random;
  readonly array: MiniArray;
  readonly ledgers = [new Ledger(), new Ledger()];
  now = 0;
  value = 0;
  /** Deaths so far: what ends later than the one in which it began was answered by nobody. */
  deaths = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.array = new MiniArray(this.random);
  }

  get places(): number[] {
    const regions = Array.from({ length: LDEV_REGIONS }, (_, region) => region);
    return regions.flatMap((region) => OFFSETS.map((offset) => region * STRIDE + offset));
  }

  die(power: boolean): void {
    this.deaths++;
    this.array.die(power);
  }

  write(ldev: number, lba: number, done: () => void = () => {}): void {
    const value = ++this.value;
    const data = Buffer.alloc(BLOCKS * 512);
    for (let block = 0; block < BLOCKS; block++) data.writeUInt32LE(value, block * 512);
    const command = this.ledgers[ldev]!.begin([lba], value, ++this.now);
    const life = this.deaths;
    const ended: Done = (failure) => {
      if (life !== this.deaths) return;
      // A refused write may have changed nothing or something.
      if (failure === null) command.ended = ++this.now;
      done();
    };
    this.array.ldevs[ldev]!.top.write(hostIo, lba, BLOCKS, [data], ended);
  }

  unmap(first: number, end: number): void {
    const range = this.places.filter((lba) => lba >= first * STRIDE && lba < end * STRIDE);
    const command = this.ledgers[0]!.begin(range, 0, ++this.now);
    const life = this.deaths;
    this.array.ldevs[0]!.top.unmap(hostIo, first * STRIDE, (end - first) * STRIDE, (failure) => {
      if (failure === null && life === this.deaths) command.ended = ++this.now;
    });
  }

  flush(ldev: number, done: () => void = () => {}): void {
    const begun = ++this.now;
    const life = this.deaths;
    this.array.ldevs[ldev]!.top.flush(hostIo, 0, 0, (failure) => {
      if (life !== this.deaths) return;
      if (failure === null) this.ledgers[ldev]!.flushed(begun);
      done();
    });
  }

  finish(start: (done: () => void) => void): void {
    let over = false;
    start(() => {
      over = true;
    });
    this.array.clock.settle(() => over);
  }

  /** Reads every place of both LDEVs; after a death, what is found holds from then on. */
  verify(when: string, power: boolean, died = true): void {
    for (const [ldev, ledger] of this.ledgers.entries()) {
      for (const lba of this.places) {
        const allowed = ledger.allowed(lba, power);
        const found = new Set<number>();
        this.finish((done) =>
          this.array.ldevs[ldev]!.top.read(hostIo, lba, BLOCKS, (failure, data, release) => {
            if (failure !== null) this.array.wrong ??= `${when}: read: ${failure.kind}`;
            else {
              const bytes = Buffer.concat(data);
              for (let block = 0; block < BLOCKS; block++) found.add(bytes.readUInt32LE(block * 512));
            }
            release();
            done();
          }),
        );
        for (const value of found) {
          if (!allowed.has(value)) {
            this.array.wrong ??= `${when}: LDEV ${ldev}, region ${lba / STRIDE}: ${value}, not ${[...allowed]}`;
          }
        }
        this.now += 2;
        if (died) ledger.found(lba, found, power, this.now);
      }
    }
  }

  /** Every region has at most one owner, and all are accounted for. */
  account(when: string): void {
    const { pool, ldevs } = this.array;
    const places = ldevs.flatMap((ldev) => [...ldev.regions]).map(indexOfPlace);
    if (new Set(places).size !== places.length) this.array.wrong ??= `${when}: a region has two owners`;
    if (pool.free + places.length !== REGIONS) {
      this.array.wrong ??= `${when}: ${pool.free} free, ${places.length} owned of ${REGIONS}`;
    }
  }
}

/** One life: `events` of it, then death. @returns whether there was more to happen */
function live(seed: number, events: number, power: boolean): { wrong: string | null; more: boolean } {
  const run = new Run(seed);
  const { array, random } = run;
  // LDEV 0 has data in regions 0 to 2, some of it not on the drives yet; LDEV 1 in none.
  for (const lba of run.places.filter((lba) => lba < 3 * STRIDE)) run.write(0, lba);
  run.finish((done) => run.flush(0, done));
  run.write(0, STRIDE);
  const place = () => run.places[random.below(run.places.length)]!;
  const commands = [
    () => run.write(0, STRIDE + OFFSETS[random.below(3)]!),
    () => run.write(1, place()),
    () => run.flush(random.below(2)),
    () => run.flush(1),
    () => run.write(1, place()),
    () => array.ldevs[0]!.top.read(hostIo, STRIDE, BLOCKS, (_failure, _data, release) => release()),
    () => run.unmap(1, 2),
  ];
  run.unmap(1, 3);
  // Around the unmap, around the way back that begins 100 ms later, and when that is over.
  for (const [from, to] of [
    [0, 8],
    [98, 122],
    [120, 300],
  ] as const) {
    for (let count = 8; count > 0; count--) {
      const command = commands[random.below(commands.length)]!;
      array.clock.setTimeout(() => run.deaths > 0 || command(), from + random.below(to - from));
    }
  }
  let count = 0;
  array.clock.settle(() => count++ === events);
  const more = count > events;
  if (!more) {
    run.verify('at the end', false, false);
    run.account('at the end');
  }
  run.die(power);
  run.verify('after the death', power);
  array.settle();
  run.account('after the death');
  // What is free is taken and everything looked at, also after another loss of power.
  for (const lba of run.places) run.write(1, lba);
  if (random.below(2) === 0) for (const ldev of [0, 1]) run.finish((done) => run.flush(ldev, done));
  else array.clock.advance(random.below(400));
  run.verify('with the pool used up', false, false);
  run.die(true);
  run.verify('after a second death', true);
  return { wrong: array.wrong, more };
}

for (const seed of SEEDS) {
  for (const power of [false, true]) {
    t.test(`seed ${seed}, ${power ? 'loss of power' : 'kill'} after every event`, async (t) => {
      let more = true;
      let lives = 0;
      for (let events = 0; more && events < 5000; events++) {
        const life = live(seed, events, power);
        if (life.wrong !== null) {
          t.fail(`${events} events: ${life.wrong}`);
          break;
        }
        more = life.more;
        lives++;
      }
      t.notOk(more, `${lives} lives`);
    });
  }
}
