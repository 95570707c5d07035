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
    for (let seed = 1; seed <= 60 && wrong === null; seed++) {
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

t.test('no drive is given away before the checks of an unclean end', (t) => {
  const world = new RaidWorld(1, { level: 'raid5', drives: 4, stripes: 4 });
  world.write(0, world.sectors.length);
  world.drain();
  t.ok(world.group.dispensable(0));
  world.restart('kill');
  t.notOk(world.group.dispensable(0), `${world.group.suspects} stripes are to be checked`);
  world.heal();
  t.ok(world.group.dispensable(0));
  t.end();
});
