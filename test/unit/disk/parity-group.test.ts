import t from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { seededRandom } from '../../../target/base/random.js';
import { levels } from '../../../target/disk/levels.js';
import { createParityGroup } from '../../../target/disk/parity-group.js';
import { SimulatedDrive } from '../../../target/disk/simulated-drive.js';
import type { DriveError, DriveIo } from '../../../target/disk/types.js';

const KIB = 1024;
const SECTOR = 512;
const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);

function build(level: 'plain' | 'raid0', sizes: readonly number[], stripeBytes: number, random = seededRandom(seed)) {
  const clock = new SimulatedClock();
  const drives = sizes.map((bytes, i) => new SimulatedDrive(`d${i}`, bytes, clock, random, { readNowShare: 0.5 }));
  return { clock, drives, group: createParityGroup('1-1', level, drives, stripeBytes) };
}

const shapes = [
  ['plain', [64 * KIB], 16 * KIB],
  ['plain', [32 * KIB, 64 * KIB, 40 * KIB], 16 * KIB],
  ['raid0', [64 * KIB], 32 * KIB],
  ['raid0', [64 * KIB, 64 * KIB, 80 * KIB], 16 * KIB],
  ['raid0', [96 * KIB, 64 * KIB], 32 * KIB],
] as const;

t.test('capacity', (t) => {
  t.equal(build('plain', [160 * KIB, 48 * KIB], 64 * KIB).group.bytes, 208 * KIB);
  t.equal(build('raid0', [160 * KIB, 100 * KIB, 200 * KIB], 32 * KIB).group.bytes, 3 * 96 * KIB);
  t.end();
});

t.test('refused shapes', (t) => {
  t.throws(() => build('raid0', [], 64 * KIB), RangeError);
  t.throws(() => build('raid0', [64 * KIB], 8 * KIB), RangeError);
  t.throws(() => build('raid0', [64 * KIB], 24 * KIB), RangeError);
  t.throws(() => build('plain', [17 * KIB, 64 * KIB], 64 * KIB), RangeError);
  t.end();
});

t.test('raid0 places every byte once, and a slot of 16 KiB on one drive', (t) => {
  const { drives, group } = build('raid0', [128 * KIB, 128 * KIB, 128 * KIB], 32 * KIB);
  const taken = new Set<string>();
  for (let slot = 0; slot < group.bytes; slot += 16 * KIB) {
    const visits: number[][] = [];
    levels.raid0.place({ drives, stripeBytes: 32 * KIB }, slot, 16 * KIB, (...visit) => visits.push(visit));
    t.equal(visits.length, 1);
    t.equal(visits[0]![2], 16 * KIB);
    t.ok(visits[0]![1]! + 16 * KIB <= 128 * KIB);
    taken.add(visits[0]!.join());
  }
  t.equal(taken.size, group.bytes / (16 * KIB), 'no place twice');
  t.end();
});

t.test('spans and positions by arithmetic are those found by walking', (t) => {
  t.comment(`LUNARRAY_SEED=${seed}`);
  const random = seededRandom(seed);
  for (const [level, sizes, stripe] of shapes) {
    const { drives, group } = build(level, sizes, stripe);
    const geometry = { drives, stripeBytes: stripe };
    for (let round = 0; round < 200; round++) {
      const offset = random.below(group.bytes);
      const bytes = 1 + random.below(group.bytes - offset);
      const walked = drives.map((): { offset: number; bytes: number } | null => null);
      let at = offset;
      levels[level].place(geometry, offset, bytes, (drive, driveOffset, stretch) => {
        const span = walked[drive];
        if (span == null) walked[drive] = { offset: driveOffset, bytes: stretch };
        else if (span.offset + span.bytes !== driveOffset) t.fail('a gap on a drive');
        else span.bytes += stretch;
        for (const into of [0, stretch - 1]) {
          const position = levels[level].position(geometry, drive, driveOffset + into);
          if (position !== at + into) t.fail(`byte ${driveOffset + into} of drive ${drive} is at ${position}`);
        }
        at += stretch;
      });
      const spans = drives.map((_, drive) => levels[level].span(geometry, drive, offset, bytes));
      t.strictSame(spans, walked, `${level} ${offset}+${bytes}`);
    }
  }
  t.end();
});

t.test('a range of terabytes is one look at each drive where they agree, and bounded where they do not', (t) => {
  const TiB = 2 ** 40;
  let calls = 0;
  const drive = (name: string, from: number) =>
    ({
      name,
      bytes: 8 * TiB,
      extents: (offset: number, bytes: number) => {
        calls++;
        const end = offset + bytes;
        const split = Math.min(Math.max(offset, from), end);
        return [
          { offset, bytes: split - offset, allocated: false },
          { offset: split, bytes: end - split, allocated: true },
        ].filter((extent) => extent.bytes > 0);
      },
    }) as unknown as DriveIo;
  const group = createParityGroup('1-1', 'raid0', [drive('a', 8 * TiB), drive('b', 8 * TiB)], 64 * KIB);
  t.strictSame(group.extents(0, 16 * TiB), [{ offset: 0, bytes: 16 * TiB, allocated: false }]);
  t.equal(calls, 2);
  const half = createParityGroup('1-1', 'raid0', [drive('a', 0), drive('b', 4 * TiB)], 64 * KIB);
  const found = half.extents(0, 16 * TiB, 100);
  t.equal(found.length, 100);
  t.strictSame(found.at(-1), { offset: 99 * 64 * KIB, bytes: 64 * KIB, allocated: false });
  t.strictSame(half.extents(8 * TiB - 64 * KIB, 8 * TiB), [
    { offset: 8 * TiB - 64 * KIB, bytes: 64 * KIB, allocated: false },
    { offset: 8 * TiB, bytes: 8 * TiB - 64 * KIB, allocated: true },
  ]);
  t.end();
});

for (const [level, sizes, stripe] of shapes) {
  t.test(`${level} of ${sizes.length}: like one flat drive`, (t) => {
    t.comment(`LUNARRAY_SEED=${seed}`);
    const random = seededRandom(seed);
    const { clock, group } = build(level, sizes, stripe, random);
    const model = Buffer.alloc(group.bytes);
    const mapped = new Array<boolean>(group.bytes / SECTOR).fill(false);
    const finish = (start: (done: (error: DriveError | null) => void) => void) => {
      let outcome: DriveError | null | undefined;
      start((error) => {
        outcome = error;
      });
      clock.settle();
      if (outcome !== null) t.fail(`outcome ${JSON.stringify(outcome)}`);
    };
    const cut = (data: Buffer) => {
      const at = random.below(data.length);
      return [data.subarray(0, at), data.subarray(at)];
    };
    for (let step = 0; step < 150; step++) {
      const first = random.below(group.bytes / SECTOR);
      const sectors = 1 + random.below(group.bytes / SECTOR - first);
      const [offset, bytes] = [first * SECTOR, sectors * SECTOR];
      switch (random.below(4)) {
        case 0: {
          const data = random.bytes(bytes);
          finish((done) => group.write(offset, cut(data), done));
          data.copy(model, offset);
          mapped.fill(true, first, first + sectors);
          break;
        }
        case 1: {
          const data = Buffer.alloc(bytes);
          const buffers = cut(data);
          if (!group.readNow(offset, buffers)) finish((done) => group.read(offset, buffers, done));
          if (!data.equals(model.subarray(offset, offset + bytes))) t.fail(`read ${offset}+${bytes} differs`);
          break;
        }
        case 2:
          finish((done) => group.punch(offset, bytes, done));
          model.fill(0, offset, offset + bytes);
          mapped.fill(false, first, first + sectors);
          break;
        default: {
          const limit = random.below(3) === 0 ? 1 + random.below(6) : Number.POSITIVE_INFINITY;
          const found = group.extents(offset, bytes, limit);
          let at = offset;
          if (found.length === 0 || found.length > limit) t.fail(`${found.length} extents of ${limit}`);
          for (const [i, extent] of found.entries()) {
            if (extent.offset !== at) t.fail('a gap between extents');
            if (i > 0 && found[i - 1]!.allocated === extent.allocated) t.fail('two extents where one would do');
            for (let s = at / SECTOR; s < (at + extent.bytes) / SECTOR; s++) {
              if (mapped[s] !== extent.allocated) t.fail(`sector ${s} is ${mapped[s]}`);
            }
            at += extent.bytes;
          }
          if (limit === Number.POSITIVE_INFINITY && at !== offset + bytes) t.fail('extents end early');
        }
      }
    }
    finish((done) => group.sync(done));
    t.end();
  });
}

t.test('the error of one drive is the error of the group', (t) => {
  const { clock, drives, group } = build('raid0', [64 * KIB, 64 * KIB], 16 * KIB);
  drives[1]!.badRange('write', 0, 512);
  const outcomes: (DriveError | null)[] = [];
  group.write(0, [Buffer.alloc(16 * KIB)], (error) => outcomes.push(error));
  group.write(0, [Buffer.alloc(32 * KIB)], (error) => outcomes.push(error));
  clock.settle();
  t.equal(outcomes[0], null, 'the other drive alone');
  t.match(outcomes[1], { kind: 'io-error', message: /d1/ });
  drives[0]!.fail('sync');
  group.sync((error) => outcomes.push(error));
  clock.settle();
  t.match(outcomes[2], { kind: 'io-error', message: /d0/ });
  t.end();
});
