import t from 'tap';
import { SimulatedClock } from '../../../../target/base/clock.js';
import type { RedundantLevel } from '../../../../target/disk/raid/code.js';
import { redundantMemoryBytes, underWayMemoryBytes } from '../../../../target/disk/raid/redundant-shape.js';
import { isWithin } from '../../../../target/disk/raid/replay.js';
import { UnderWay, underWayBytes } from '../../../../target/disk/raid/under-way.js';
import type { LoggedWrite } from '../../../../target/disk/raid/write-records.js';
import type { DriveIo } from '../../../../target/disk/types.js';
import { SimulatedMemory } from '../../volumes/simulated-memory.js';
import { RaidWorld } from './raid-world.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);
const BYTES = underWayBytes(64 << 10);

const write = (drive: number, bytes: number, fill: number): LoggedWrite => {
  return { drive, offset: 512 * drive, bytes, buffers: [Buffer.alloc(bytes, fill)], lost: false };
};

function open(memory: SimulatedMemory, bootId = 'boot'): UnderWay {
  return new UnderWay(memory, bootId);
}

function fresh(): { memory: SimulatedMemory; underWay: UnderWay } {
  const memory = new SimulatedMemory(Buffer.alloc(BYTES), new SimulatedClock());
  const underWay = open(memory);
  underWay.open(false, 'boot');
  return { memory, underWay };
}

for (const [level, drives, tolerated, sums] of [
  ['raid5', 4, 1, false],
  ['raid5', 4, 1, true],
  ['raid6', 5, 2, false],
] as const satisfies readonly (readonly [RedundantLevel, number, number, boolean])[]) {
  t.test(`${level}${sums ? ' with checksums' : ''}: killed in the midst of writes, and then drives are gone`, (t) => {
    for (let run = seed; run < seed + 30; run++) {
      const world = new RaidWorld(run, { level, drives, stripes: 4, drive: { latencyMs: [0, 4] }, sums });
      world.write(0, world.sectors.length);
      world.drain();
      for (let job = 0; job < 8; job++) {
        world.job();
        world.clock.advance(world.below(3));
      }
      world.restart('kill');
      t.equal(world.group.suspects, 0, 'nothing is to be checked');
      for (let gone = 0; gone < tolerated; gone++) world.failDrive((run + gone) % drives);
      world.verify(`seed ${run}`, 'kill');
      if (world.wrong !== null) t.fail(world.wrong);
    }
    t.end();
  });
}

t.test('what is under way is there for the next process, and only that', (t) => {
  const { memory, underWay } = fresh();
  const first = underWay.begin([write(0, 1024, 1), write(2, 512, 2)]);
  underWay.end(underWay.begin([write(1, 512, 3)]));
  const punch = underWay.begin([{ drive: 3, offset: 4096, bytes: 8192, buffers: null, lost: false }]);
  const next = open(memory.kill());
  t.ok(next.complete);
  t.equal(next.left.size, 2);
  t.same(next.left.get(first), [write(0, 1024, 1), write(2, 512, 2)]);
  t.match(next.left.get(punch), [{ drive: 3, offset: 4096, bytes: 8192, buffers: null }]);
  next.open(false, 'boot');
  for (const handle of next.left.keys()) next.end(handle);
  t.end();
});

t.test('after a loss of power it means nothing', (t) => {
  for (const boot of ['another boot', '']) {
    const { memory, underWay } = fresh();
    underWay.begin([write(0, 512, 1)]);
    const next = open(memory, boot);
    t.notOk(next.complete);
    t.equal(next.left.size, 0);
    next.open(true, boot);
    t.equal(open(memory, 'boot').left.size, 0, 'nor later');
  }
  t.end();
});

t.test('what finds no room is noted', (t) => {
  const { memory, underWay } = fresh();
  const small = underWay.begin([write(0, 512, 1)]);
  const large = underWay.begin([write(0, 64 << 10, 1)]);
  t.notOk(open(memory).complete);
  const small2 = underWay.begin([write(1, 512, 2)]);
  underWay.end(small);
  underWay.end(small2);
  t.notOk(open(memory).complete, 'still under way');
  underWay.end(large);
  t.ok(open(memory).complete);
  const many = Array.from({ length: 5 }, (_, i) => underWay.begin([write(i, 16_000, i)]));
  t.equal(open(memory).left.size, 4);
  t.notOk(open(memory).complete);
  for (const handle of many) underWay.end(handle);
  t.ok(open(memory).complete);
  t.equal(open(memory).left.size, 0);
  t.end();
});

t.test('stripes that are not right beside that are noted', (t) => {
  const { memory, underWay } = fresh();
  underWay.unsettled = true;
  t.notOk(open(memory).complete);
  underWay.unsettled = false;
  t.ok(open(memory).complete);
  t.end();
});

t.test('a record that is damaged makes the rest incomplete', (t) => {
  for (const at of [4, 8, 12, 16]) {
    const { memory, underWay } = fresh();
    const kept = underWay.begin([write(0, 512, 1)]);
    const broken = underWay.begin([write(1, 512, 2)]);
    memory.buffer[4096 + 32 * broken + at]! ^= 0xff;
    const next = open(memory);
    t.notOk(next.complete);
    t.same([...next.left.keys()], [kept]);
  }
  t.end();
});

t.test('data of hosts that looks like a record is data', (t) => {
  const { memory, underWay } = fresh();
  underWay.begin([write(7, 512, 9)]);
  const forged = Buffer.from(memory.buffer.subarray(4096));
  const { memory: other, underWay: target } = fresh();
  target.end(
    target.begin([{ drive: 0, offset: 0, bytes: 16_384, buffers: [forged.subarray(0, 16_384)], lost: false }]),
  );
  t.equal(open(other).left.size, 0);
  t.end();
});

t.test('what cannot have been under way is left out, and for good', async (t) => {
  const { memory, underWay } = fresh();
  underWay.begin([write(0, 4096, 1)]);
  underWay.begin([write(3, 4096, 2)]);
  const next = open(memory);
  t.ok(next.complete);
  next.leaveOut(({ drive }) => drive === 3);
  t.notOk(next.complete);
  t.equal(next.left.size, 1);
  next.open(false, 'boot');
  const last = open(memory);
  t.same(
    [...last.left.values()].map(([one]) => one!.drive),
    [0],
  );
});

t.test('only marked stripes of drives that there are can have been under way', async (t) => {
  const ranges = [
    { first: 2, end: 3 },
    { first: 3, end: 4 },
    { first: 7, end: 9 },
  ];
  const within = (drive: number, first: number, stripes: number) =>
    isWithin(
      { drive, offset: first * 100, bytes: stripes * 100, buffers: null, lost: false },
      { drives: 4, unit: 100 },
      ranges,
    );
  for (const [first, stripes, expected] of [
    [2, 1, true],
    [2, 2, true],
    [7, 2, true],
    [1, 2, false],
    [3, 2, false],
    [8, 2, false],
    [5, 1, false],
  ] as const) {
    t.equal(within(0, first, stripes), expected, `${first}+${stripes}`);
  }
  t.notOk(within(4, 2, 1));
});

t.test('sizes of memory, which an array that is there has', async (t) => {
  const drives = Array.from({ length: 4 }, (_, i) => ({ name: `d${i}`, bytes: 64 << 20 }) as unknown as DriveIo);
  const shape = { name: '1-1', drives, stripeBytes: 65536 } as const;
  t.equal(redundantMemoryBytes({ ...shape, level: 'raid5' }), 4096 + 4096 + 2 ** 24);
  t.equal(redundantMemoryBytes({ ...shape, level: 'raid1+0' }), 8192);
  t.equal(underWayMemoryBytes({ ...shape, level: 'raid1+0' }), 0);
});
