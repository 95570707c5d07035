/** What a drive with sums has allocated: a hole is none where the sums say that something was written. */
import t from 'tap';
import { SimulatedClock } from '../../../../target/base/clock.js';
import { seededRandom } from '../../../../target/base/random.js';
import { sumsBytes } from '../../../../target/disk/checksums/checksummed.js';
import { ChecksummedDrive } from '../../../../target/disk/checksums/checksummed-drive.js';
import { SimulatedDrive } from '../../../../target/disk/simulated-drive.js';
import type { DriveDone, DriveExtent } from '../../../../target/disk/types.js';

const BLOCK = 512;
const PAGE = 1024;
/** Five pages of sums, the last in part. */
const BLOCKS = 4 * PAGE + 100;
const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);

class World {
  readonly clock = new SimulatedClock();
  readonly random;
  readonly data;
  readonly sums;
  drive;

  constructor(seed: number, readNowShare: number) {
    this.random = seededRandom(seed);
    const make = (name: string, bytes: number) =>
      new SimulatedDrive(name, bytes, this.clock, this.random, { readNowShare });
    this.data = make('d', BLOCKS * BLOCK);
    this.sums = make('d.sums', sumsBytes(BLOCKS * BLOCK));
    this.drive = new ChecksummedDrive(this.data, this.sums);
  }

  run(start: (done: DriveDone) => void): void {
    let ended = false;
    start((error) => {
      if (error !== null) throw new Error(error.message);
      ended = true;
    });
    this.clock.settle(() => ended);
  }

  write(first: number, count: number, value: number): void {
    this.run((done) => this.drive.write(first * BLOCK, [Buffer.alloc(count * BLOCK, value)], done));
  }

  /** As a loss of power does it to what was not synced: the data is gone, its sums are not. */
  lose(first: number, count: number): void {
    this.run((done) => this.data.punch(first * BLOCK, count * BLOCK, done));
  }

  /** Nothing is in memory. */
  reopen(): void {
    this.drive = new ChecksummedDrive(this.data, this.sums);
  }

  /** By block; goes on where an answer ends before the range does. */
  allocated(first: number, count: number, limit?: number): boolean[] {
    const blocks: boolean[] = [];
    while (blocks.length < count) {
      const at = (first + blocks.length) * BLOCK;
      const extents = this.drive.extents(at, (count - blocks.length) * BLOCK, limit);
      if (!adjacent(extents, at) || extents.length > (limit ?? Number.POSITIVE_INFINITY)) throw new Error('gaps');
      for (const { bytes, allocated } of extents) blocks.push(...new Array<boolean>(bytes / BLOCK).fill(allocated));
    }
    return blocks;
  }
}

function adjacent(extents: readonly DriveExtent[], from: number): boolean {
  let at = from;
  for (const [index, { offset, bytes, allocated }] of extents.entries()) {
    if (offset !== at || bytes <= 0 || allocated === extents[index - 1]?.allocated) return false;
    at += bytes;
  }
  return extents.length > 0;
}

const where = (blocks: readonly boolean[]) => blocks.flatMap((set, block) => (set ? [block] : []));

t.test('a write that the drive lost', (t) => {
  const world = new World(seed, 1);
  world.write(40, 3, 7);
  world.lose(40, 2);
  t.same(where(world.allocated(0, BLOCKS)), [40, 41, 42]);
  t.same(world.data.extents(0, 42 * BLOCK), [{ offset: 0, bytes: 42 * BLOCK, allocated: false }], 'a hole there');
  world.reopen();
  t.same(where(world.allocated(0, BLOCKS)), [40, 41, 42], 'whatever is in memory');
  world.run((done) => world.drive.punch(0, BLOCKS * BLOCK, done));
  t.same(where(world.allocated(0, BLOCKS)), []);
  t.end();
});

t.test('sums that are not at hand count as saying that there is something', (t) => {
  const world = new World(seed, 0);
  world.write(PAGE + 40, 1, 7);
  world.lose(PAGE + 40, 1);
  world.reopen();
  const found = where(world.allocated(0, BLOCKS));
  t.ok(found.includes(PAGE + 40));
  t.ok(found.every((block) => Math.floor(block / PAGE) === 1));
  t.end();
});

t.test('random writes, losses and punches', (t) => {
  for (let run = 0; run < 30; run++) {
    const world = new World(seed + run, 1);
    const { random } = world;
    const model = new Array<boolean>(BLOCKS).fill(false);
    for (let step = 0; step < 30; step++) {
      const first = random.below(BLOCKS);
      const count = 1 + random.below(Math.min(BLOCKS - first, random.below(4) === 0 ? BLOCKS : 50));
      const kind = random.below(4);
      if (kind === 0) world.lose(first, count);
      else if (kind === 1) world.run((done) => world.drive.punch(first * BLOCK, count * BLOCK, done));
      else world.write(first, count, 1 + random.below(255));
      if (kind > 0) model.fill(kind > 1, first, first + count);
      if (random.below(5) === 0) world.reopen();
      const from = random.below(BLOCKS);
      const length = 1 + random.below(BLOCKS - from);
      const found = world.allocated(from, length, random.below(2) === 0 ? undefined : 1 + random.below(3));
      const wrong = found.findIndex((allocated, index) => allocated !== model[from + index]);
      if (wrong < 0) continue;
      t.fail(`LUNARRAY_SEED=${seed + run}: step ${step}, block ${from + wrong}`);
      break;
    }
  }
  t.pass('as the model says');
  t.end();
});
