/**
 * A whole array against ledgers of what its hosts were told: random commands to several LDEVs on plain, RAID 1+0, RAID 5
 * and RAID 6 groups, drives that fail and are replaced, the death of the process and the loss of power at any moment,
 * in the midst of a start too. After each everything is read; parity is looked at; now and then drives lose, misplace and
 * change what they hold without a word; in the end the drives are read without each drive in turn.
 *
 * Fault model: drives as in target/disk/simulated-drive.ts, memory as in page-memory.ts.
 */
import type { RaidLevel } from '../../target/disk/types.js';
import { heal, inconsistency, misfortune, redundantGroups, replace, rot, scrub, spoil } from './array-drives.js';
import { ArrayLoad, TestedLdev } from './array-load.js';
import { simulationRuns } from './runs.js';
import { type Death, Killed, SimulatedArray } from './simulated-array.js';

const MiB = 2 ** 20;
const SLOT = 16384;
const REGION_SECTORS = (32 * MiB) / 512;
const LIVES = 6;

/** Level, drives, MiB of each. */
type Shape = readonly [RaidLevel, number, number];

const shapes: readonly Shape[] = [
  ['raid5', 4, 44],
  ['raid6', 5, 44],
  ['raid1+0', 4, 64],
  ['raid5', 3, 66],
  ['raid6', 4, 66],
];

function build(array: SimulatedArray, seed: number): TestedLdev[] {
  const group = (name: string, [level, count, mebibytes]: Shape) => {
    const drives = Array.from({ length: count }, (_, index) => `${name}-${index}`);
    const stripe = level === 'plain' || seed % 2 === 0 ? null : SLOT;
    const specs = drives.map((drive) => ({ name: drive, path: drive, bytes: mebibytes * MiB }));
    array.volumes.createParityGroup(name, level, specs, stripe, level !== 'plain' && seed % 4 !== 0);
  };
  const [first, second] = [shapes[seed % shapes.length]!, shapes[(seed + 2) % shapes.length]!];
  group('1-1', first);
  group('1-2', ['plain', 1, 96]);
  group('1-3', second);
  array.volumes.createPool('mixed', ['1-1', '1-2']);
  array.volumes.createPool('deep', ['1-3']);
  if (seed % 3 === 0) {
    for (const name of ['spare-0', 'spare-1']) array.volumes.addSpare({ name, path: name, bytes: 66 * MiB });
  }
  const ldev = (id: number, pool: string, mebibytes: number, blockSize: 512 | 4096): TestedLdev => {
    const blocks = (mebibytes * MiB) / blockSize;
    const thin = id !== 3;
    array.volumes.createLdev({ id, pool, blocks, blockSize, thin });
    const inBlocks = (sectors: number) => (sectors * 512) / blockSize;
    const [middle, length] = [inBlocks(REGION_SECTORS - 128), inBlocks(256)];
    return new TestedLdev(id, blockSize, blocks, thin, [
      { lba: 0, blocks: length },
      { lba: middle, blocks: length },
    ]);
  };
  return [ldev(0, 'mixed', 64, 512), ldev(1, 'mixed', 48, 512), ldev(2, 'deep', 60, 4096), ldev(3, 'deep', 33, 512)];
}

const deaths = { kill: 0, cut: 0 };
let commands = 0;

class Simulation {
  readonly array: SimulatedArray;
  readonly load: ArrayLoad;
  /** Power was lost since everything was last read. */
  #cut = false;

  constructor(seed: number) {
    const options = { latencyMs: [0, 1 + (seed % 5)], readNowShare: (seed % 3) / 2 } as const;
    this.array = new SimulatedArray(seed, { cacheBytes: (16 + (seed % 4) * 40) * SLOT, drive: options });
    this.array.start();
    this.#untilReady();
    this.load = new ArrayLoad(this.array, build(this.array, seed));
  }

  get wrong(): string | null {
    return this.load.wrong;
  }

  /** Some commands, and now and then `misfortune`. */
  run(steps: number, misfortune: () => void): void {
    const { array, load } = this;
    for (let step = 0; step < steps && this.wrong === null; step++) {
      if (load.open < 10) load.command();
      if (array.below(3) === 0) load.releaseOne();
      if (array.below(30) === 0) misfortune();
      if (array.below(2) === 0) array.clock.advance(array.below(12));
      if (array.below(80) === 0) array.clock.advance(6000);
    }
  }

  drain(): void {
    const { array, load } = this;
    load.releaseAll();
    array.clock.settle(() => load.open === 0 || this.wrong !== null, 2_000_000);
    load.releaseAll();
    if (load.open > 0) load.wrong ??= `${load.open} commands never ended`;
  }

  /** Ends this life and begins the next, which may end at once, before it is ready too. */
  die(death: Death): void {
    const { array, load } = this;
    commands += load.good;
    load.good = 0;
    for (let next: Death | null = death; next !== null; next = this.#dieAgain()) {
      // The next life demands something else of the drives: that would be a second fault.
      for (const drive of array.drives.values()) drive.repair();
      array.end(next);
      deaths[next]++;
      load.died();
      this.#cut ||= next === 'cut';
      dying(() => {
        array.start();
        array.clock.advance(array.below(30) / 4);
      });
    }
    this.#untilReady();
  }

  /** Reads everything and holds it against the ledgers. */
  compare(what: string): void {
    this.load.readAll(what, ({ ledger }, data) => ledger.recover(data, this.#cut));
    this.#cut = false;
  }

  /** Drives that go wrong without a word, while hosts go on. */
  mischief(): void {
    const { array, load } = this;
    load.wrong ??= heal(array);
    const drives = spoil(array);
    if (drives.length === 0) return;
    this.run(60, () => rot(array, drives[array.below(drives.length)]!));
    for (const drive of drives) drive.misbehave({});
    this.drain();
    this.#flush();
    load.wrong ??= heal(array) ?? scrub(array);
    this.compare('with drives that went wrong');
  }

  /** All parity is right once the array is at rest and whole. */
  parity(what: string): void {
    const { array, load } = this;
    load.wrong ??= heal(array);
    this.#flush();
    for (const group of redundantGroups(array)) {
      if (this.wrong !== null) return;
      const wrong = inconsistency(array, group);
      if (wrong !== null) load.wrong = `${what}: ${wrong}`;
    }
  }

  /** What hosts read is on the drives, and to be had without any one of them. */
  withoutEach(): void {
    const { array, load } = this;
    const expected = new Map<number, Buffer>();
    load.readAll('in the end', ({ id }, data) => {
      expected.set(id, data);
      return null;
    });
    const compare = (what: string) => {
      for (const ldev of load.ldevs) if (this.wrong === null) this.#compareDrives(what, ldev, expected.get(ldev.id)!);
    };
    compare('on the drives');
    for (const group of redundantGroups(array)) {
      for (let position = 0; position < group.drives.length && this.wrong === null; position++) {
        const { name } = group.drives[position]!;
        array.volumes.drives.fail(name);
        compare(`without drive ${name}`);
        replace(array, name);
        load.wrong ??= heal(array);
      }
    }
  }

  #dieAgain(): Death | null {
    if (this.array.below(4) > 0) return null;
    return this.array.below(2) === 0 ? 'kill' : 'cut';
  }

  #compareDrives(what: string, ldev: TestedLdev, expected: Buffer): void {
    const { array, load } = this;
    const { locate } = array.volumes.ldev(ldev.id) as unknown as {
      locate(slot: number): { group: { read: (typeof array.groups)[number]['read'] }; offset: number } | null;
    };
    let from = 0;
    for (const { lba, blocks } of ldev.windows) {
      const start = lba * ldev.blockSize;
      const bytes = blocks * ldev.blockSize;
      const found = Buffer.alloc(bytes);
      let open = 0;
      for (let at = start; at < start + bytes; at += SLOT) {
        const place = locate.call(array.volumes.ldev(ldev.id), at / SLOT);
        if (place === null) continue;
        open++;
        place.group.read(place.offset, [found.subarray(at - start, at - start + SLOT)], (error) => {
          open--;
          if (error !== null) load.wrong ??= `${what}: ${error.message}`;
        });
      }
      array.clock.settle(() => open === 0);
      const wanted = expected.subarray(from, from + bytes);
      from += bytes;
      if (!found.equals(wanted)) load.wrong ??= `${what}: LDEV ${ldev.id} at ${lba} is not what hosts read`;
    }
  }

  #flush(): void {
    const { load } = this;
    for (const ldev of load.ldevs) if (this.wrong === null) load.synchronize(ldev, 0, 0);
    this.drain();
  }

  #untilReady(): void {
    this.array.clock.settle(() => this.array.ready);
    if (!this.array.ready) throw new Error('the array does not start');
  }
}

/** @returns whether the process died inside */
function dying(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  }
}

function simulate(seed: number): string | null {
  const simulation = new Simulation(seed);
  const { array } = simulation;
  try {
    for (let life = 0; life < LIVES && simulation.wrong === null; life++) {
      const death: Death = array.below(3) === 0 ? 'kill' : 'cut';
      if (array.below(2) === 0) array.commitsLeft = array.below(600);
      dying(() => simulation.run(10 + array.below(120), () => misfortune(array)));
      if (simulation.wrong !== null) break;
      simulation.die(death);
      if (array.below(2) === 0) array.clock.advance(array.below(40));
      simulation.compare(`life ${life}, ${death}`);
      if (array.below(4) === 0) simulation.mischief();
      if (array.below(3) === 0) simulation.parity(`life ${life}, ${death}`);
    }
    if (simulation.wrong === null) simulation.parity('in the end');
    if (simulation.wrong === null) simulation.withoutEach();
    if (simulation.wrong === null || process.env.LUNARRAY_LOG === undefined) return simulation.wrong;
    return [simulation.wrong, ...array.logged].join('\n');
  } finally {
    array.remove();
  }
}

simulationRuns(
  10,
  () => `${deaths.cut} losses of power and ${deaths.kill} kills amid ${commands} commands: nothing lost`,
  simulate,
);
