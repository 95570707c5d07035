/**
 * Redundant groups against a model: random jobs on simulated drives, drives that fail and are replaced, kills and losses
 * of power at any moment; then everything is read, and read again without any one drive.
 * LUNARRAY_SEED=n LUNARRAY_ROUNDS=1 repeats one run.
 */
import type { RedundantLevel } from '../../target/disk/raid/code.js';
import type { SimulatedDrive } from '../../target/disk/simulated-drive.js';
import { RaidWorld, SECTOR } from '../unit/disk/raid/raid-world.js';
import { simulationRuns } from './runs.js';

const kinds = [
  ['raid1+0', 4, 1],
  ['raid5', 4, 1],
  ['raid5', 8, 1],
  ['raid6', 8, 2],
  ['raid6', 4, 2],
] as const satisfies readonly (readonly [RedundantLevel, number, number])[];

/** Blocks found to be wrong and put right, in all runs. */
let mended = 0;

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
      if (world.options.sums && world.below(50) === 0) mischief(world, tolerated);
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
      // After a kill drives may fail at once; after a loss of power that would be a second fault.
      if (world.below(2) === 0) misfortune(world, tolerated);
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

/**
 * For a while, as many drives as the group can stand give back what was not written to them, or do not write it, or lose
 * what they have; then all is looked at. No drive fails and nobody is killed meanwhile: that would be one fault too many.
 */
function mischief(world: RaidWorld, tolerated: number): void {
  world.drain();
  if (!world.healthy) return;
  const bad = new Set<SimulatedDrive>();
  const ofSums = world.below(3) === 0;
  // Of what is empty nobody looks at the sums.
  if (ofSums) world.write(0, world.sectors.length);
  for (let i = 0; i < tolerated; i++) {
    const drives = ofSums ? world.sums : world.drives;
    bad.add(drives[world.below(drives.length)]!);
  }
  world.drain();
  for (const drive of bad) {
    for (let flips = world.below(20); flips > 0; flips--) drive.flip(SECTOR * world.below(drive.bytes / SECTOR));
    const share = () => world.below(3) / 10;
    drive.misbehave({ misdirectRead: share(), misdirectWrite: share(), dropWrite: share() });
  }
  for (let jobs = world.below(40); jobs > 0; jobs--) {
    if (world.open < 10) world.job();
    world.clock.advance(world.below(6));
  }
  world.drain();
  for (const drive of bad) drive.misbehave({});
  world.scrub();
  mended += world.group.scrub.mended;
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

simulationRuns(20, () => `every read right, ${mended} blocks mended`, simulate);
