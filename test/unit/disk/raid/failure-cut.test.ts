/** Power is lost soon after a drive has failed, and what was written before had not been synced. */
import t from 'tap';
import { RaidWorld, UNIT } from './raid-world.js';

const UNIT_SECTORS = UNIT / 512;

for (const [level, drives] of [
  ['raid5', 4],
  ['raid6', 5],
] as const) {
  t.test(`${level}: columns that nobody was writing stay`, (t) => {
    let wrong: string | null = null;
    for (let seed = 1; seed <= 40 && wrong === null; seed++) {
      const world = new RaidWorld(seed, { level, drives, stripes: 4, drive: { latencyMs: [0, 3] } });
      world.write(0, world.sectors.length);
      world.drain();
      world.sync();
      world.drain();
      // One column of each stripe, with its checks.
      for (let stripe = 0; stripe < 4; stripe++) {
        world.write(stripe * UNIT_SECTORS * (world.group.stripeBytes / UNIT), UNIT_SECTORS);
      }
      world.drain();
      world.failDrive(world.below(drives));
      world.clock.advance(world.below(60) / 10);
      world.restart('cut');
      world.verify(`seed ${seed}`, 'cut');
      wrong = world.wrong;
    }
    t.equal(wrong, null);
    t.end();
  });
}

t.test('no drive is given away before the checks of a loss of power', (t) => {
  const world = new RaidWorld(1, { level: 'raid5', drives: 4, stripes: 4 });
  world.write(0, world.sectors.length);
  world.drain();
  t.ok(world.group.dispensable(0));
  world.restart('cut');
  t.notOk(world.group.dispensable(0), `${world.group.suspects} stripes are to be checked`);
  world.heal();
  t.ok(world.group.dispensable(0));
  t.end();
});

t.test('what the redo log is going to write does not look empty before', (t) => {
  let replayed = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const world = new RaidWorld(seed, { level: 'raid5', drives: 4, stripes: 4, drive: { latencyMs: [1, 4] } });
    world.failDrive(world.below(4));
    world.drain();
    world.write(0, world.sectors.length);
    world.clock.advance(1 + world.below(50) / 10);
    world.restart('kill');
    const { stripeBytes } = world.group;
    const allocated = () => {
      return [0, 1, 2, 3].filter((stripe) =>
        world.group.extents(stripe * stripeBytes, stripeBytes).some((extent) => extent.allocated),
      );
    };
    const before = allocated();
    const empty = world.drives.map((drive) => drive.extents(0, 4 * UNIT).every((extent) => !extent.allocated));
    world.heal();
    for (const stripe of allocated()) t.ok(before.includes(stripe), `seed ${seed}: stripe ${stripe}`);
    if (empty.includes(true) && allocated().length > 0) replayed++;
  }
  t.ok(replayed > 0, `${replayed} with something to be written again`);
  t.end();
});

t.test('what was read after a loss of power is still there after the next', (t) => {
  let wrong: string | null = null;
  for (let seed = 1; seed <= 40 && wrong === null; seed++) {
    const world = new RaidWorld(seed, {
      level: 'raid5',
      drives: 4,
      stripes: 4,
      sums: true,
      drive: { latencyMs: [0, 3] },
    });
    world.write(0, world.sectors.length);
    world.drain();
    for (let i = 0; i < 3; i++) world.write(world.below(100), 60);
    world.clock.advance(world.below(60) / 10);
    for (const life of [1, 2]) {
      world.restart('cut');
      world.verify(`seed ${seed}, ${life}`, 'cut');
      world.write(world.below(100), 60);
      world.clock.advance(world.below(60) / 10);
    }
    world.restart('cut');
    world.verify(`seed ${seed}, in the end`, 'cut');
    wrong = world.wrong;
  }
  t.equal(wrong, null);
  t.end();
});

t.test('a drive that comes before the redo log has been worked off is rebuilt from what comes out of it', (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const world = new RaidWorld(seed, { level: 'raid6', drives: 4, stripes: 4, drive: { latencyMs: [1, 4] } });
    world.failDrive(0);
    world.drain();
    for (let job = 0; job < 6; job++) {
      world.job();
      world.clock.advance(world.below(4));
    }
    world.restart('kill');
    world.replaceDrive(0);
    world.heal();
    world.verify(`seed ${seed}`, 'kill');
    if (world.wrong !== null) t.fail(world.wrong);
  }
  t.end();
});
