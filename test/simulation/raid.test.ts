/**
 * Redundant groups against a model: random jobs on simulated drives, drives that fail and are replaced, kills and losses
 * of power at any moment; then everything is read, and read again without any one drive.
 * LUNARRAY_SEED=n LUNARRAY_ROUNDS=1 repeats one run.
 */
import type { RedundantLevel } from '../../target/disk/raid/code.js';
import { RaidWorld } from '../unit/disk/raid/raid-world.js';
import { simulationRuns } from './runs.js';

const kinds = [
  ['raid1+0', 4, 1],
  ['raid5', 4, 1],
  ['raid5', 8, 1],
  ['raid6', 8, 2],
  ['raid6', 4, 2],
] as const satisfies readonly (readonly [RedundantLevel, number, number])[];

function simulate(seed: number): string | null {
  const [level, drives, tolerated] = kinds[seed % kinds.length]!;
  const world = new RaidWorld(seed, {
    level,
    drives,
    stripes: 3 + (seed % 7),
    drive: { latencyMs: [0, 1 + (seed % 5)], readNowShare: (seed % 3) / 2 },
    sums: seed % 4 !== 0,
  });
  for (let life = 0; life < 4 && world.wrong === null; life++) {
    const steps = 20 + world.below(100);
    for (let step = 0; step < steps && world.wrong === null; step++) {
      if (world.open < 10) world.job();
      if (world.below(25) === 0) misfortune(world, tolerated);
      if (world.below(2) === 0) world.clock.advance(world.below(12));
      if (world.below(60) === 0) world.clock.advance(6000);
    }
    const end = world.below(3);
    if (end === 0) {
      world.drain();
      world.verify(`life ${life}`, 'kill');
    } else {
      const what = end === 1 ? 'kill' : 'cut';
      world.restart(what);
      if (world.below(2) === 0) world.clock.advance(world.below(40));
      world.verify(`life ${life}, ${what}`, what);
    }
  }
  if (world.wrong === null) withoutAny(world);
  return world.wrong;
}

/** A drive fails, by itself or by hand, or a new one comes. */
function misfortune(world: RaidWorld, tolerated: number): void {
  const { members, suspects } = world.group;
  // Parity is not right before that: a drive that fails then is a second fault.
  if (suspects > 0) return;
  const position = world.below(members.length);
  const missing = members.filter(({ state }) => state !== 'good').length;
  if (members[position]!.state === 'failed') world.replaceDrive(position);
  else if (members[position]!.state === 'rebuilding' || missing < tolerated) {
    if (world.below(2) === 0) world.failDrive(position);
    else failByItself(world, position);
  }
}

/** All of it happens now, so that the group is not asked for more than it can stand. */
function failByItself(world: RaidWorld, position: number): void {
  world.drives[position]!.fail('write');
  world.write(0, world.sectors.length);
  world.drain();
  world.drives[position]!.repair();
}

/** Redundancy is there and right: everything is read with each drive taken away in turn. */
function withoutAny(world: RaidWorld): void {
  for (const [position, { state }] of world.group.members.entries())
    if (state === 'failed') world.replaceDrive(position);
  world.drain();
  world.heal();
  for (let position = 0; position < world.drives.length && world.wrong === null; position++) {
    world.failDrive(position);
    world.verify(`without drive ${position}`, 'kill');
    world.replaceDrive(position);
    world.heal();
  }
}

simulationRuns(40, 'every read right', simulate);
