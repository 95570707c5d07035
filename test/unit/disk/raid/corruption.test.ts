import t, { type Test } from 'tap';
import { createCode, type Mask, Recovery, type RedundantLevel } from '../../../../target/disk/raid/code.js';
import { StripeLayout } from '../../../../target/disk/raid/layout.js';
import type { SimulatedDrive } from '../../../../target/disk/simulated-drive.js';
import { RaidWorld, SECTOR, UNIT, type WorldOptions } from './raid-world.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);
const UNIT_SECTORS = UNIT / SECTOR;
const DAY_MS = 24 * 3600 * 1000;

/** Full of data, synced; left-symmetric: of stripe 0, RAID 5, drive 0 has column 0, drive 1 column 1, the last P. */
function world(level: RedundantLevel, drives: number, options: Partial<WorldOptions> = {}): RaidWorld {
  const made = new RaidWorld(seed, { level, drives, stripes: 4, drive: { latencyMs: [0, 1] }, sums: true, ...options });
  made.write(0, made.sectors.length);
  made.drain();
  made.sync();
  made.drain();
  return made;
}

/** Sectors that cannot be read, one by one. */
function unreadable(w: RaidWorld): number[] {
  const bad: number[] = [];
  for (let sector = 0; sector < w.sectors.length; sector++) {
    const kind = read(w, sector, Buffer.alloc(SECTOR));
    if (kind !== null) bad.push(sector);
    if (kind !== null && kind !== 'io-error') throw new Error(kind);
  }
  return bad;
}

function read(w: RaidWorld, sector: number, buffer: Buffer): string | null {
  let kind: string | null | undefined;
  w.group.read(sector * SECTOR, [buffer], (error) => {
    kind = error?.kind ?? null;
  });
  w.clock.settle(() => kind !== undefined, 10_000);
  return kind!;
}

function held(w: RaidWorld, drive: SimulatedDrive, offset: number): Buffer {
  const data = Buffer.alloc(SECTOR);
  let ended = false;
  drive.read(offset, [data], () => {
    ended = true;
  });
  w.clock.settle(() => ended);
  return data;
}

/** Everything can be read whichever drive is missing. */
function withoutAny(t: Test, w: RaidWorld): void {
  for (let position = 0; position < w.drives.length; position++) {
    w.failDrive(position);
    w.verify(`without drive ${position}`, 'kill');
    w.replaceDrive(position);
    w.heal();
  }
  t.equal(w.wrong, null);
}

for (const [level, drives] of [
  ['raid1+0', 4],
  ['raid5', 4],
  ['raid6', 6],
] as const) {
  t.test(`${level}: blocks that have changed are read as they were written, and written again`, (t) => {
    const w = world(level, drives);
    // The drive that has column 0 of stripe 0.
    const position = level === 'raid6' ? 1 : 0;
    const drive = w.drives[position]!;
    const before = held(w, drive, 5 * SECTOR);
    drive.flip(5 * SECTOR);
    w.verify('with a changed block', 'kill');
    t.equal(w.wrong, null);
    w.clock.advance(50);
    t.ok(held(w, drive, 5 * SECTOR).equals(before), 'the drive holds what it should');
    t.equal(w.group.scrub.mended, 1);
    t.match(w.group.members[position], { state: 'good', corrupt: 1, readErrors: 0 });
    withoutAny(t, w);
    t.end();
  });

  t.test(`${level}: a scrub mends what nobody reads, on any drive`, (t) => {
    const w = world(level, drives);
    for (const [position, drive] of w.drives.entries()) {
      // Of each drive another row, so that there is one at most in each.
      drive.flip((position % 4) * UNIT + position * SECTOR);
      w.sums[position]!.flip(0);
    }
    w.scrub();
    t.ok(w.group.scrub.mended >= drives, `${w.group.scrub.mended} blocks`);
    t.same({ ...w.group.scrub, mended: 0 }, { running: false, progress: 0, passes: 1, mended: 0, checks: 0, lost: 0 });
    const { mended } = w.group.scrub;
    w.scrub();
    t.equal(w.group.scrub.mended, mended, 'nothing is left');
    withoutAny(t, w);
    t.end();
  });
}

t.test('a scrub makes parity right that agrees with its sum, but not with the data', (t) => {
  const w = world('raid5', 4, { stripes: 40 });
  for (const drive of [w.drives[3]!, w.sums[3]!]) drive.misbehave({ dropWrite: 1 });
  w.write(3, 1);
  w.drain();
  for (const drive of [w.drives[3]!, w.sums[3]!]) drive.misbehave({});
  // One page of sums is kept in memory: this brings in another.
  w.read(39 * 3 * UNIT_SECTORS, 3 * UNIT_SECTORS);
  w.drain();
  w.scrub();
  t.match(w.group.scrub, { checks: 1, mended: 0 });
  withoutAny(t, w);
  t.end();
});

t.test('a write next to a block that has changed builds no parity on it', (t) => {
  const w = world('raid5', 4);
  w.drives[1]!.flip(3 * SECTOR);
  w.drives[3]!.flip(4 * SECTOR);
  // Row 3: column 1 is wrong; row 4: P is.
  w.write(3, 2);
  w.drain();
  w.clock.advance(50);
  t.equal(w.group.scrub.mended, 1, 'the column was mended without being read by anybody; P was written');
  withoutAny(t, w);
  t.end();
});

for (const first of [0, 1]) {
  t.test(
    `RAID 5 without a drive: what depends on a changed block is lost, and comes back when written, ${first} first`,
    (t) => {
      const w = world('raid5', 4);
      w.failDrive(0);
      w.clock.advance(100);
      w.drives[1]!.flip(3 * SECTOR);
      w.mayFail = true;
      t.same(unreadable(w), [3, UNIT_SECTORS + 3]);
      w.replaceDrive(0);
      w.heal();
      t.equal(w.group.scrub.lost, 1, 'the rebuild came to its end');
      t.same(unreadable(w), [3, UNIT_SECTORS + 3]);
      // Until the stripe map is clear: what is wrong in a stripe that was being written cannot be told from that.
      w.clock.advance(20_000);
      w.restart('kill');
      t.same(unreadable(w), [3, UNIT_SECTORS + 3]);
      w.write(first * UNIT_SECTORS + 3, 1);
      w.drain();
      t.same(unreadable(w), [(1 - first) * UNIT_SECTORS + 3], 'one of the two');
      w.write((1 - first) * UNIT_SECTORS, 10);
      w.drain();
      t.same(unreadable(w), []);
      t.equal(w.errors, 0);
      w.mayFail = false;
      w.scrub();
      withoutAny(t, w);
      t.end();
    },
  );
}

t.test('a bad sector on a drive that is needed for a rebuild costs its blocks, and not the rebuild', (t) => {
  const w = world('raid5', 4);
  w.drives[1]!.badRange('read', 7 * SECTOR, 2 * SECTOR);
  w.failDrive(2);
  w.clock.advance(100);
  w.mayFail = true;
  w.replaceDrive(2);
  w.heal();
  t.equal(w.group.scrub.lost, 2);
  t.equal(w.group.members[1]!.state, 'good');
  const column = (number: number) => [7, 8].map((row) => number * UNIT_SECTORS + row);
  t.same(unreadable(w), [...column(1), ...column(2)]);
  w.drives[1]!.repair();
  t.same(unreadable(w), [], 'the sector is back, and with it what was lost');
  w.mayFail = false;
  w.scrub();
  withoutAny(t, w);
  t.end();
});

t.test('a rebuild waits while another drive is gone as a whole', (t) => {
  const w = world('raid5', 4);
  w.failDrive(2);
  w.clock.advance(100);
  w.replaceDrive(2);
  w.failDrive(0);
  w.clock.advance(60_000);
  t.equal(w.group.members[2]!.state, 'rebuilding');
  t.equal(w.group.scrub.lost, 0);
  t.end();
});

for (const [level, drives] of [
  ['raid1+0', 4],
  ['raid5', 4],
  ['raid6', 5],
] as const) {
  t.test(`${level}: a drive whose sums cannot be read costs nothing`, (t) => {
    const w = world(level, drives, { stripes: 40 });
    w.sums[1]!.badRange('read', 0, 4096);
    // One page of sums is kept in memory: this brings in another.
    w.read(w.sectors.length - 8 * UNIT_SECTORS, 8 * UNIT_SECTORS);
    w.drain();
    w.verify('without the sums of a drive', 'kill');
    t.equal(w.wrong, null);
    t.equal(w.group.members[1]!.state, 'failed', 'nothing could be written to it');
    t.end();
  });
}

t.test('two changed blocks in a row: RAID 5 loses them, RAID 6 does not', (t) => {
  for (const [level, expected] of [
    ['raid5', [9, UNIT_SECTORS + 9]],
    ['raid6', []],
  ] as const) {
    const w = world(level, 5);
    const [first, second] = level === 'raid5' ? [0, 1] : [1, 2];
    w.drives[first]!.flip(9 * SECTOR);
    w.drives[second]!.flip(9 * SECTOR);
    t.same(unreadable(w), expected);
    w.mayFail = true;
    w.write(0, 2 * UNIT_SECTORS);
    w.drain();
    t.same(unreadable(w), []);
    t.equal(w.errors, 0);
  }
  t.end();
});

t.test('a drive that goes on holding wrong things is taken out, as far as it can be', (t) => {
  const w = world('raid5', 4, { stripes: 40 });
  for (let sector = 0; sector < 40 * UNIT_SECTORS; sector += 2) w.drives[2]!.flip(sector * SECTOR);
  w.verify('with a bad drive', 'kill');
  w.clock.advance(1000);
  t.equal(w.wrong, null);
  t.equal(w.group.members[2]!.state, 'failed');
  t.match(w.group.members[2]!.failure, { message: /held something wrong in 256 places/ });
  t.end();
});

t.test('scrubs come by themselves, go on after an end, and rest while a drive is missing', (t) => {
  const w = world('raid5', 4, { stripes: 60, scrubDays: 7 });
  w.clock.advance(6.9 * DAY_MS);
  t.equal(w.group.scrub.passes, 0);
  w.clock.advance(0.2 * DAY_MS);
  t.equal(w.group.scrub.passes, 1);
  w.restart('kill');
  w.clock.advance(6.5 * DAY_MS);
  t.equal(w.group.scrub.passes, 1, 'counted from the end of the last one, whoever did it');
  w.clock.advance(0.5 * DAY_MS);
  t.equal(w.group.scrub.passes, 2);

  w.group.startScrub();
  t.equal(w.group.startScrub(), false, 'one at a time');
  w.clock.settle(() => w.group.scrub.progress > 0.3);
  w.restart('kill');
  w.clock.advance(1);
  t.match(w.group.scrub, { running: true });
  t.ok(w.group.scrub.progress > 0.3);
  w.failDrive(1);
  w.clock.advance(60_000);
  t.equal(w.group.scrub.passes, 2);
  w.replaceDrive(1);
  w.heal();
  w.clock.advance(60_000);
  t.equal(w.group.scrub.passes, 3);

  const never = world('raid5', 4);
  never.clock.advance(1000 * DAY_MS);
  t.equal(never.group.scrub.passes, 0);
  t.end();
});

t.test('a scrub passes over what is empty, and rests while hosts write', (t) => {
  const w = new RaidWorld(seed, { level: 'raid5', drives: 4, stripes: 300, drive: { latencyMs: [1, 1] }, sums: true });
  w.write(20 * 3 * UNIT_SECTORS, 6 * UNIT_SECTORS);
  w.drain();
  const from = w.clock.now();
  w.scrub();
  t.ok((w.clock.now() - from) / 1e6 < 60, 'a few steps');

  const full = world('raid5', 4, { stripes: 60 });
  const time = (busy: boolean): number => {
    const start = full.clock.now();
    full.group.startScrub();
    const { passes } = full.group.scrub;
    while (full.group.scrub.passes === passes) {
      if (busy && full.open < 3) full.write(full.below(1000), 10);
      full.clock.advance(1);
    }
    full.drain();
    return (full.clock.now() - start) / 1e6;
  };
  const alone = time(false);
  t.ok(time(true) > alone + 1.5 * 20, 'about twenty milliseconds after each of two steps');
  t.end();
});

t.test('damage of any kind and extent costs exactly the blocks that cannot be solved for, also over a rebuild', (t) => {
  const kinds = [
    ['raid1+0', 4],
    ['raid5', 4],
    ['raid6', 5],
    ['raid6', 8],
  ] as const;
  for (const [round, [level, drives]] of [...kinds, ...kinds].entries()) {
    const rebuilt = round >= kinds.length;
    const w = world(level, drives, { stripes: 2 });
    const code = createCode(level, drives);
    const layout = new StripeLayout(code, UNIT, 2);
    const recovery = new Recovery(code);
    // By row: which columns are bad.
    const bad: Mask[] = new Array(2 * UNIT_SECTORS).fill(0);
    const missing = rebuilt ? w.below(drives) : -1;
    if (rebuilt) for (const row of bad.keys()) bad[row] = 1 << layout.columnOf(Math.floor(row / UNIT_SECTORS), missing);
    for (let damages = 30 + w.below(100); damages > 0; damages--) {
      const row = w.below(w.below(2) ? 20 : 2 * UNIT_SECTORS);
      const position = w.below(drives);
      const column = 1 << layout.columnOf(Math.floor(row / UNIT_SECTORS), position);
      if ((bad[row]! & column) !== 0) continue;
      bad[row]! |= column;
      w.drives[position]!.flip(row * SECTOR);
    }
    const expected: number[] = [];
    for (const [row, columns] of bad.entries()) {
      for (let column = 0; column < code.data; column++) {
        const stripe = Math.floor(row / UNIT_SECTORS);
        const sector = (stripe * code.data + column) * UNIT_SECTORS + (row % UNIT_SECTORS);
        if (recovery.sum(column, columns) === null) expected.push(sector);
      }
    }
    expected.sort((a, b) => a - b);
    w.mayFail = true;
    if (rebuilt) {
      w.failDrive(missing);
      w.clock.advance(100);
      w.replaceDrive(missing);
      w.heal();
    }
    t.same(unreadable(w), expected, `${level} of ${drives}${rebuilt ? ', rebuilt' : ''}: ${expected.length} lost`);
    w.write(0, w.sectors.length);
    w.drain();
    t.same([w.errors, unreadable(w)], [0, []], 'written anew, all can be read');
    w.scrub();
    w.mayFail = false;
    withoutAny(t, w);
  }
  t.end();
});

t.test('what an unclean end leaves is not counted as damage', (t) => {
  for (const what of ['kill', 'cut'] as const) {
    const w = world('raid5', 4);
    for (let round = 0; round < 20; round++) w.write(w.below(300), 20);
    w.clock.advance(2);
    w.restart(what);
    w.heal();
    w.verify(what, what);
    t.equal(w.wrong, null);
    t.match(w.group.scrub, { mended: 0, checks: 0, lost: 0 }, what);
    t.ok(w.group.members.every(({ corrupt }) => corrupt === 0));
  }
  t.end();
});
