/** Kinds of drives: parity groups of one kind, pools of several tiers, LDEVs that take regions from one. */
import t from 'tap';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { codeOf, MiB, Rig, rig, write } from './fixture.js';

const REGIONS = 4;
const BYTES = REGIONS * REGION_BYTES;
const drive = (name: string, kind?: 'ssd' | 'sas' | 'nl-sas', bytes = BYTES) => {
  return { name, path: name, bytes, ...(kind && { kind }) };
};

/** A pool of two tiers with four regions each. */
function tiered(t: { teardown(run: () => void): void }): Rig {
  const array = rig(t);
  array.volumes.createParityGroup('fast', 'plain', [drive('f')]);
  array.volumes.createParityGroup('slow', 'plain', [drive('s', 'nl-sas')]);
  array.volumes.createPool('pool', ['fast', 'slow']);
  return array;
}

/** Free regions by tier. */
const free = (array: Rig) =>
  array.volumes.pools()[0]!.tiers.map(({ tier, freeBytes }) => [tier, freeBytes / REGION_BYTES]);

/** Writes a byte into each of the first regions of an LDEV; null, or what the first refused one met. */
async function touch(array: Rig, ldev: number, regions: number, from = 0) {
  for (let region = from; region < from + regions; region++) {
    const lba = (region * REGION_BYTES) / 512;
    const failure = await write(array.volumes.ldev(ldev)!.top, lba, Buffer.alloc(512, 'x'));
    if (failure !== null) return failure;
  }
  return null;
}

t.test('an LDEV takes regions from its tier only', async (t) => {
  const array = tiered(t);
  const { volumes } = array;
  t.same(free(array), [
    ['ssd', 4],
    ['nl-sas', 4],
  ]);
  volumes.createLdev({ id: 0, bytes: 8 * REGION_BYTES, tier: 'nl-sas' });
  volumes.createLdev({ id: 1, bytes: 8 * REGION_BYTES });
  t.equal(await touch(array, 0, 4), null);
  t.same(free(array), [
    ['ssd', 4],
    ['nl-sas', 0],
  ]);
  t.match(await touch(array, 0, 1, 4), { kind: 'no-space', cause: 'pool pool has no free region of tier nl-sas' });
  t.equal(await touch(array, 1, 4), null, 'any tier will do for this one');
  t.match(await touch(array, 1, 1, 4), { kind: 'no-space', cause: 'pool pool has no free region' });
  t.equal(volumes.ldev(0)!.driveKind, 'nl-sas');
  t.equal(volumes.ldev(1)!.driveKind, null, 'several kinds');
  await array.stop();
});

t.test('after a restart it still does', async (t) => {
  const array = tiered(t);
  array.volumes.createLdev({ id: 0, bytes: 8 * REGION_BYTES, tier: 'nl-sas' });
  await array.stop();
  const again = new Rig(array.dir);
  t.equal(again.volumes.ldev(0)!.tier, 'nl-sas');
  t.equal(await touch(again, 0, 2), null);
  t.same(free(again), [
    ['ssd', 4],
    ['nl-sas', 2],
  ]);
  t.same(
    again.volumes.drives.list().map(({ name, kind }) => `${name} ${kind}`),
    ['f ssd', 's nl-sas'],
  );
  await again.stop();
});

t.test('room that a full LDEV of a tier is promised is nobody else’s', async (t) => {
  const array = tiered(t);
  const { volumes } = array;
  volumes.createLdev({ id: 1, bytes: 8 * REGION_BYTES });
  volumes.createLdev({ id: 0, bytes: 3 * REGION_BYTES, tier: 'ssd', thin: false });
  t.same(free(array), [
    ['ssd', 1],
    ['nl-sas', 4],
  ]);
  t.equal(
    codeOf(() => volumes.createLdev({ bytes: 2 * REGION_BYTES, tier: 'ssd', thin: false })),
    'pool-full',
  );
  t.equal(
    codeOf(() => volumes.createLdev({ bytes: 6 * REGION_BYTES, thin: false })),
    'pool-full',
  );
  t.equal(await touch(array, 1, 5), null, 'what is left');
  t.match(await touch(array, 1, 1, 5), { kind: 'no-space' });
  await volumes.settled();
  t.equal(volumes.assignedBytes(0), 3 * REGION_BYTES);
  t.equal(await touch(array, 0, 3), null);
  await array.stop();
});

t.test('a full LDEV of any tier leaves a tier what it is promised', async (t) => {
  const array = tiered(t);
  const { volumes } = array;
  volumes.createLdev({ id: 1, bytes: 3 * REGION_BYTES, tier: 'ssd', thin: false });
  volumes.createLdev({ id: 0, bytes: 5 * REGION_BYTES, thin: false });
  t.same(free(array), [
    ['ssd', 0],
    ['nl-sas', 0],
  ]);
  await volumes.settled();
  t.equal(volumes.assignedBytes(0), 5 * REGION_BYTES);
  t.equal(volumes.assignedBytes(1), 3 * REGION_BYTES);
  t.equal(await touch(array, 0, 5), null);
  t.equal(await touch(array, 1, 3), null);
  await array.stop();
});

t.test('refused', async (t) => {
  const array = tiered(t);
  const { volumes } = array;
  const mixed = [drive('x', 'sas'), drive('y', 'nl-sas')];
  t.throws(() => volumes.createParityGroup('g', 'raid0', mixed), { code: 'drive-kind', message: /of kind nl-sas/ });
  const tape = { ...drive('x'), kind: 'tape' as 'ssd' };
  t.throws(() => volumes.addSpare(tape), { code: 'drive-kind', message: /"tape" is no kind/ });
  t.throws(() => volumes.createLdev({ bytes: MiB, tier: 'sas' }), {
    code: 'tier-unknown',
    message: 'pool "pool" has no parity group of sas drives: it has ssd, nl-sas.',
  });
  t.throws(() => volumes.createLdev({ bytes: MiB, tier: 'gold' as 'ssd' }), { code: 'tier-unknown' });
  t.equal(volumes.ldevs().length, 0);
  await array.stop();
});

t.test('a spare helps groups of its kind', async (t) => {
  const array = rig(t);
  const { volumes } = array;
  volumes.createParityGroup('g', 'raid1+0', [drive('a', 'sas'), drive('b', 'sas')]);
  volumes.addSpare(drive('n', 'nl-sas', 2 * BYTES));
  volumes.drives.fail('a');
  await new Promise((wake) => setTimeout(wake, 50));
  const states = () => volumes.drives.list().map(({ name, kind, state }) => `${name} ${kind} ${state}`);
  t.same(states(), ['a sas failed', 'b sas good', 'n nl-sas spare']);
  volumes.addSpare(drive('s', 'sas', 2 * BYTES));
  for (let turns = 0; states()[3] !== 's sas good' && turns < 500; turns++) {
    await new Promise((wake) => setTimeout(wake, 10));
  }
  t.same(states(), ['a sas failed', 'b sas good', 'n nl-sas spare', 's sas good']);
  await array.stop();
});
