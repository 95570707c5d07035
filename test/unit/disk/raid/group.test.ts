import t from 'tap';
import type { RedundantLevel } from '../../../../target/disk/raid/code.js';
import { RedoLog } from '../../../../target/disk/raid/redo-log.js';
import { RaidWorld, SECTOR, UNIT } from './raid-world.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
const UNIT_SECTORS = UNIT / SECTOR;

/** Sectors that cannot be read, one by one. */
function lost(w: RaidWorld): number[] {
  const bad: number[] = [];
  for (let sector = 0; sector < w.sectors.length; sector++) {
    let kind: string | undefined;
    w.group.read(sector * SECTOR, [Buffer.alloc(SECTOR)], (error) => {
      kind = error?.kind;
      if (error !== null) bad.push(sector);
    });
    w.clock.settle(() => w.open === 0 && kind !== undefined, 10_000);
    if (kind !== undefined && kind !== 'io-error') throw new Error(kind);
  }
  return bad;
}

t.comment(`LUNARRAY_SEED=${seed}`);

for (const sums of [false, true]) {
  const kind = sums ? 'with sums: ' : '';
  function world(level: RedundantLevel, drives: number, stripes = 4): RaidWorld {
    const made = new RaidWorld(seed, { level, drives, stripes, drive: { latencyMs: [0, 1] }, sums });
    made.write(0, made.sectors.length);
    made.drain();
    made.sync();
    made.drain();
    return made;
  }

  t.test(
    `${kind}RAID 5 without a drive: a bad sector on another loses the one that depends on it, and no other`,
    (t) => {
      const w = world('raid5', 4);
      w.failDrive(0);
      w.clock.advance(100);
      t.same(lost(w), [], 'nothing is lost without one drive');
      // Stripe 0: drive 0 has column 0, drive 1 column 1 (left-symmetric).
      w.drives[1]!.badRange('read', 3 * SECTOR, SECTOR);
      w.mayFail = true;
      t.same(lost(w), [3, UNIT_SECTORS + 3]);
      t.equal(w.group.members[1]!.state, 'good', 'the drive is kept: without it all would be lost');
      t.end();
    },
  );

  t.test(`${kind}RAID 5 without two drives: what stands on the others can be read`, (t) => {
    const w = world('raid5', 4);
    w.failDrive(0);
    w.failDrive(1);
    w.clock.advance(100);
    w.mayFail = true;
    const units = new Set(lost(w).map((sector) => Math.floor(sector / UNIT_SECTORS)));
    // The rows are 0 1 2 P, 4 5 P 3, 8 P 6 7, P 9 10 11: those drives have these units, and nothing else is lost.
    t.same([...units], [0, 1, 4, 5, 8, 9]);
    t.ok(w.group.failure);
    t.end();
  });

  t.test(`${kind}both drives of a mirror: the others go on`, (t) => {
    const w = world('raid1+0', 4);
    w.failDrive(0);
    w.failDrive(1);
    w.clock.advance(100);
    w.mayFail = true;
    const units = new Set(lost(w).map((sector) => Math.floor(sector / UNIT_SECTORS)));
    t.same([...units], [0, 2, 4, 6]);
    t.end();
  });

  t.test(`${kind}RAID 6 without two drives: nothing is lost, writes go on`, (t) => {
    const w = world('raid6', 6);
    w.failDrive(1);
    w.failDrive(4);
    w.write(5, 300);
    w.drain();
    w.verify('without two drives', 'kill');
    t.equal(w.wrong, null);
    t.end();
  });

  t.test(`${kind}a sector that cannot be read is read out of the others, and the drive stays`, (t) => {
    const w = world('raid5', 4);
    w.drives[2]!.badRange('read', 0, SECTOR);
    w.verify('with a bad sector', 'kill');
    t.equal(w.wrong, null);
    t.equal(w.group.members[2]!.state, 'good');
    t.ok(w.group.members[2]!.readErrors > 0);
    t.end();
  });

  t.test(`${kind}a drive with many bad reads is taken out`, (t) => {
    const w = world('raid5', 4);
    w.drives[2]!.badRange('read', 0, w.drives[2]!.bytes);
    for (let round = 0; round < 10; round++) w.verify('with a bad drive', 'kill');
    t.equal(w.wrong, null);
    t.equal(w.group.members[2]!.state, 'failed');
    t.same(w.statuses[2], { state: 'failed', rebuilt: 0 });
    t.end();
  });

  t.test(`${kind}a full disk under a drive is no reason to take it out`, (t) => {
    const w = world('raid5', 4);
    w.mayFail = true;
    w.drives[1]!.fail('write', { kind: 'no-space', message: 'full' });
    w.write(0, w.sectors.length);
    w.drain();
    t.equal(w.errors, 1);
    t.ok(w.group.members.every(({ state }) => state === 'good'));
    w.write(0, 10);
    w.drain();
    t.equal(w.errors, 1);
    w.failDrive(3);
    w.clock.advance(50);
    w.verify('after the disk has room again', 'kill');
    t.equal(w.wrong, null, 'the write that failed was completed before the stripe was used again');
    t.end();
  });

  t.test(`${kind}punched stripes are holes on every drive, and of the group`, (t) => {
    const w = world('raid6', 4);
    const { bytes, stripeBytes } = w.group;
    w.punch(10, w.sectors.length - 20);
    w.drain();
    t.same(w.group.extents(stripeBytes, bytes - 2 * stripeBytes), [
      { offset: stripeBytes, bytes: bytes - 2 * stripeBytes, allocated: false },
    ]);
    t.same(
      w.group
        .extents(0, bytes)
        .map(({ offset, bytes: length, allocated }) => [offset / SECTOR, length / SECTOR, allocated]),
      [
        [0, 10, true],
        [10, w.sectors.length - 20, false],
        [w.sectors.length - 10, 10, true],
      ],
    );
    w.failDrive(0);
    w.clock.advance(50);
    t.same(w.group.extents(stripeBytes, stripeBytes), [{ offset: stripeBytes, bytes: stripeBytes, allocated: false }]);
    w.verify('punched', 'kill');
    t.equal(w.wrong, null);
    t.end();
  });

  t.test(`${kind}readNow needs no drive but the one that has the data`, (t) => {
    const w = new RaidWorld(seed, { level: 'raid5', drives: 4, stripes: 4, drive: { readNowShare: 1 } });
    w.write(0, w.sectors.length);
    w.drain();
    t.ok(w.group.readNow(0, [Buffer.alloc(4096)]));
    t.ok(w.group.readNow(UNIT - 512, [Buffer.alloc(512), Buffer.alloc(4096)]));
    w.failDrive(0);
    t.notOk(w.group.readNow(0, [Buffer.alloc(4096)]));
    t.ok(w.group.readNow(UNIT, [Buffer.alloc(4096)]));
    t.end();
  });

  t.test(`${kind}a rebuild that is killed goes on, and ends with a whole group`, (t) => {
    const w = world('raid5', 4, 40);
    w.failDrive(2);
    w.clock.advance(50);
    w.replaceDrive(2);
    w.clock.advance(3);
    w.restart('kill');
    w.verify('in the midst of a rebuild', 'kill');
    w.heal();
    w.failDrive(0);
    w.verify('after the rebuild', 'kill');
    t.equal(w.wrong, null);
    t.end();
  });

  t.test(`${kind}a stripe map of another group is refused`, (t) => {
    const w = world('raid5', 4);
    w.memory.buffer.writeUInt32LE(99, 16);
    t.throws(() => w.restart('kill'), { name: 'StripeMapError' });
    t.end();
  });

  t.test(`${kind}a rebuild passes over what is empty`, (t) => {
    const w = new RaidWorld(seed, { level: 'raid6', drives: 6, stripes: 300, drive: { latencyMs: [0, 1] }, sums });
    w.write(w.sectors.length - 700, 300);
    w.write(20, 30);
    w.drain();
    w.failDrive(1);
    w.clock.advance(50);
    w.replaceDrive(1);
    const before = w.clock.now();
    w.heal();
    t.ok((w.clock.now() - before) / 1e6 < 100, 'in a few steps');
    w.failDrive(0);
    w.failDrive(3);
    w.clock.advance(50);
    w.verify('after the rebuild', 'kill');
    t.equal(w.wrong, null);
    t.end();
  });

  t.test(`${kind}a clean end of a degraded group leaves nothing to do again`, (t) => {
    const w = world('raid5', 4);
    w.failDrive(1);
    w.clock.advance(50);
    w.write(3, 50);
    w.drain();
    const entries = () =>
      [...new RedoLog(w.memory, w.logOffset, w.memory.buffer.length - w.logOffset).entries()].length;
    t.equal(entries(), 1);
    w.sync();
    w.drain();
    w.group.close();
    t.equal(entries(), 0);
    t.end();
  });

  t.test(`${kind}a redo log that is full is emptied, and writes go on`, (t) => {
    const w = world('raid5', 4, 8);
    w.failDrive(1);
    w.clock.advance(50);
    for (let round = 0; round < 60 && w.wrong === null; round++) {
      for (let each = 0; each < 4; each++) w.write(w.below(100), 600);
      if (round % 7 !== 0) w.drain();
      else w.clock.advance(3);
      if (round % 20 !== 19) continue;
      w.restart(round === 39 ? 'cut' : 'kill');
      w.verify(`round ${round}`, round === 39 ? 'cut' : 'kill');
    }
    t.equal(w.wrong, null);
    t.end();
  });
}
