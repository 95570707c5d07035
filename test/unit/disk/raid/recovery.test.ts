/** Errors and second ends in the midst of a recovery: nothing acknowledged may be lost, nothing older may come back. */
import t from 'tap';
import type { DriveError } from '../../../../target/disk/types.js';
import { RaidWorld, UNIT, type WorldOptions } from './raid-world.js';

const UNIT_SECTORS = UNIT / 512;
const FULL: DriveError = { kind: 'no-space', message: 'full' };

/** Full of data, synced. */
function world(seed: number, options: Partial<WorldOptions> = {}): RaidWorld {
  const made = new RaidWorld(seed, { level: 'raid5', drives: 4, stripes: 4, drive: { latencyMs: [2, 4] }, ...options });
  made.write(0, made.sectors.length);
  settle(made);
  return made;
}

function settle(w: RaidWorld): void {
  w.drain();
  w.sync();
  w.drain();
}

/** The drive as the next process finds it has its first operation of a kind fail. */
function failAfterKill(w: RaidWorld, position: number, operation: 'write' | 'sync', error?: DriveError): void {
  const drive = w.drives[position]!;
  const kill = drive.kill.bind(drive);
  drive.kill = () => {
    const next = kill();
    next.fail(operation, error);
    return next;
  };
}

/** Runs a story with many seeds. */
function seeds(name: string, count: number, story: (seed: number) => RaidWorld): void {
  t.test(name, (t) => {
    for (let seed = 1; seed <= count; seed++) {
      const { wrong } = story(seed);
      if (wrong !== null) t.fail(`seed ${seed}: ${wrong}`);
    }
    t.end();
  });
}

for (const [level, drives, gone] of [
  ['raid5', 4, [1]],
  ['raid6', 5, [2, 3]],
] as const) {
  seeds(`${level}: a drive fails in the replay, and the process dies again before that is noted`, 20, (seed) => {
    const w = world(seed, { level, drives });
    w.write(0, UNIT_SECTORS);
    w.clock.advance(6);
    const first = level === 'raid5' ? 0 : 1;
    w.drives[first]!.badRange('write', 0, UNIT);
    w.restart('kill');
    w.clock.advance(5);
    w.drives[first]!.repair();
    w.restart('kill');
    w.drain();
    for (const position of gone) w.failDrive(position);
    w.verify('without others', 'kill');
    return w;
  });
}

seeds(
  'a drive fails under more than the redo log has room for, and the process dies before that is noted',
  6,
  (seed) => {
    const w = world(seed, { stripes: 100 });
    for (const [from, stripes] of [
      [0, 60],
      [60, 40],
    ] as const) {
      for (let stripe = from; stripe < from + stripes; stripe++) w.write(stripe * 3 * UNIT_SECTORS, 2 * UNIT_SECTORS);
    }
    w.drives[0]!.badRange('write', 0, w.drives[0]!.bytes);
    w.clock.settle(() => w.group.members[0]!.state === 'failed', 100_000);
    w.clock.advance(2 + seed / 5);
    w.drives[0]!.repair();
    w.restart('kill');
    w.heal();
    w.failDrive(2);
    w.verify('without another', 'kill');
    return w;
  },
);

seeds('RAID 6: the second drive fails in the sync of a start without the first', 30, (seed) => {
  const w = world(seed, { level: 'raid6', drives: 5, drive: { latencyMs: [1, 12] } });
  w.failDrive(0);
  w.clock.advance(200);
  w.write(0, 8);
  settle(w);
  w.restart('kill');
  w.clock.advance(200);
  failAfterKill(w, 1, 'sync');
  w.restart('kill');
  for (let i = 0; i < 4; i++) w.write(w.below(w.sectors.length - 20), 1 + w.below(20));
  w.clock.advance(14 + seed);
  w.restart('kill');
  w.verify('without two', 'kill');
  return w;
});

seeds('what a replay could not write is not written over what came later', 10, (seed) => {
  const w = world(seed);
  w.write(0, 8);
  w.clock.advance(6);
  failAfterKill(w, 0, 'write', FULL);
  w.restart('kill');
  w.mayFail = true;
  w.verify('after the first kill', 'kill');
  w.clock.advance(100);
  for (let i = 0; i < 2; i++) w.write(0, 8);
  settle(w);
  w.clock.advance(20_000);
  w.restart('kill');
  w.verify('after the second', 'kill');
  return w;
});

seeds(
  'without a drive: an entry that fails in the replay does not come back over a newer one, nor is it read without',
  10,
  (seed) => {
    const w = world(seed);
    w.failDrive(2);
    w.clock.advance(100);
    for (let i = 0; i < 2; i++) {
      w.write(0, 8);
      w.drain();
    }
    failAfterKill(w, 0, 'write');
    w.restart('kill');
    w.verify('after the kill', 'kill');
    w.write(9, 1);
    w.drain();
    w.verify('after a write beside it', 'kill');
    return w;
  },
);

seeds('without a drive: an entry of the redo log that could not be synced counts as being there', 10, (seed) => {
  const w = world(seed);
  w.failDrive(2);
  w.clock.advance(100);
  w.write(100, 1);
  w.drain();
  w.mayFail = true;
  const { memory } = w;
  const sync = memory.sync.bind(memory);
  memory.sync = (done) => {
    memory.sync = sync;
    sync(() => done(new Error('EIO')));
  };
  w.write(0, 8);
  w.drain();
  w.write(UNIT_SECTORS, 8);
  w.drain();
  w.restart('kill');
  w.verify('after the kill', 'kill');
  return w;
});

seeds('a write that found no space, a kill, and a drive is gone', 10, (seed) => {
  const w = world(seed);
  w.mayFail = true;
  w.drives[0]!.fail('write', FULL);
  w.write(0, 32);
  w.drain();
  w.drives[1]!.badRange('read', 0, w.drives[1]!.bytes);
  w.restart('kill');
  w.failDrive(1);
  w.verify('without another', 'kill');
  return w;
});

seeds('without a drive: stopped in the midst of the recovery, and killed', 20, (seed) => {
  const w = world(seed);
  w.failDrive(seed % 4);
  w.clock.advance(100);
  for (let i = 0; i < 4; i++) w.write(w.below(150), 30);
  w.clock.advance(4 + seed / 4);
  w.restart('kill');
  w.clock.advance(1);
  w.group.close();
  w.restart('kill');
  w.verify('after it', 'kill');
  return w;
});

t.test('without a drive: a write longer than the redo log ends', (t) => {
  const w = world(1, { stripes: 100 });
  w.failDrive(0);
  w.clock.advance(100);
  w.write(0, (4 << 20) / 512);
  w.drain();
  t.equal(w.wrong, null);
  t.end();
});

seeds('RAID 6: a loss of power when a drive has just been rebuilt', 40, (seed) => {
  const w = world(seed, { level: 'raid6', drives: 4 });
  w.failDrive(1);
  w.failDrive(3);
  w.clock.advance(100);
  w.replaceDrive(1);
  for (let i = 0; w.group.members[1]!.state === 'rebuilding' && i < 400; i++) {
    if (i % 4 === 0) w.punch(0, w.sectors.length);
    else w.write(w.below(w.sectors.length - 20), 20);
    w.clock.advance(1);
  }
  w.restart('cut');
  w.replaceDrive(3);
  w.heal();
  w.verify('after it', 'cut');
  w.failDrive(0);
  w.failDrive(2);
  w.verify('without others', 'kill');
  return w;
});
