/** Redundant parity groups through config.db: drives that are missing, taken out, replaced; spares; restarts. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FileDrive } from '../../../target/disk/file-drive.js';
import type { DriveInfo } from '../../../target/volumes/drive-bay.js';
import { hostIo, MiB, Rig, type RigOptions, read, write } from './fixture.js';

const BYTES = 64 * MiB;
const names = ['a', 'b', 'c', 'd'];

function start(dir: string, spares: readonly string[] = []): Rig {
  const rig = new Rig(dir);
  rig.volumes.createParityGroup(
    '1-1',
    'raid5',
    names.map((name) => ({ name, path: name, bytes: BYTES })),
  );
  for (const name of spares) rig.volumes.addSpare({ name, path: name, bytes: BYTES });
  rig.volumes.createPool('pool', ['1-1']);
  rig.volumes.createLdev({ id: 0, bytes: 100 * MiB });
  return rig;
}

/** As after the first start: drives that are not there are not made. */
function existing(dir: string): RigOptions {
  return { openDrive: (path, name, bytes) => FileDrive.open(join(dir, 'drives', path), name, bytes, 'existing') };
}

const find = (rig: Rig, name: string): DriveInfo => rig.volumes.drives.list().find((drive) => drive.name === name)!;
const states = (rig: Rig) => rig.volumes.drives.list().map(({ name, state }) => `${name} ${state}`);

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((wake) => setTimeout(wake, 10));
}

const fua = { ...hostIo, fua: true };
const top = (rig: Rig) => rig.volumes.ldev(0)!.top;

t.test('a drive whose file is missing: the array goes on, and a replacement makes it whole', async (t) => {
  const dir = t.testdir({ drives: {} });
  let rig = start(dir);
  const data = Buffer.alloc(MiB, 'redundant');
  t.equal(await write(top(rig), 40, data, 512, fua), null);
  await rig.stop();
  rmSync(join(dir, 'drives', 'b'));
  rig = new Rig(dir, existing(dir));
  t.same(states(rig), ['a good', 'b failed', 'c good', 'd good']);
  t.ok(data.equals((await read(top(rig), 40, data.length / 512)) as Buffer), 'read without it');
  t.equal(await write(top(rig), 1000, data, 512, fua), null, 'written without it');
  await rig.stop();

  rig = new Rig(dir);
  t.equal(find(rig, 'b').state, 'failed', 'still, though a file is there again');
  rig.volumes.drives.replace('b');
  t.throws(() => rig.volumes.drives.fail('c'), { code: 'drive-needed' });
  await until(() => find(rig, 'b').state === 'good');
  t.same(states(rig), ['a good', 'b good', 'c good', 'd good']);
  rig.volumes.drives.fail('c');
  t.throws(() => rig.volumes.drives.fail('b'), { code: 'drive-needed' });
  await rig.stop();
  rig = new Rig(dir);
  t.same(states(rig), ['a good', 'b good', 'c failed', 'd good']);
  t.ok(data.equals((await read(top(rig), 1000, data.length / 512)) as Buffer), 'read out of what was rebuilt');
  await rig.stop();
});

t.test('a spare takes the place of a drive, and its replacement is a spare', async (t) => {
  const dir = t.testdir({ drives: {} });
  let rig = start(dir, ['s']);
  rig.volumes.drives.settings.change({ copyBack: false });
  t.same(states(rig), ['a good', 'b good', 'c good', 'd good', 's spare']);
  rig.volumes.drives.fail('a');
  await until(() => find(rig, 's').state === 'good');
  t.same(states(rig), ['a failed', 'b good', 'c good', 'd good', 's good']);
  t.equal(find(rig, 's').parityGroup, '1-1');
  await rig.stop();
  rig = new Rig(dir);
  t.same(states(rig), ['a failed', 'b good', 'c good', 'd good', 's good']);
  rig.volumes.drives.replace('a');
  t.same(states(rig), ['a spare', 'b good', 'c good', 'd good', 's good']);
  await rig.stop();
});

t.test('refused', async (t) => {
  const rig = start(t.testdir({ drives: {} }));
  t.throws(() => rig.volumes.drives.fail('x'), { code: 'drive-unknown' });
  t.throws(() => rig.volumes.drives.replace('a'), { code: 'drive-needed' });
  t.throws(() => rig.volumes.addSpare({ name: 'a', path: 'other', bytes: BYTES }), { code: 'drive-exists' });
  const drive = (name: string) => ({ name, path: name, bytes: BYTES });
  t.throws(() => rig.volumes.createParityGroup('2', 'raid1+0', ['x', 'y', 'z'].map(drive)), { code: 'bad-number' });
  t.throws(() => rig.volumes.createParityGroup('2', 'raid6', ['x', 'y', 'z'].map(drive)), { code: 'bad-number' });
  await rig.stop();
});

t.test('a stop in the midst of a rebuild fails no drive', async (t) => {
  const dir = t.testdir({ drives: {} });
  let rig = start(dir);
  const data = Buffer.alloc(2 * MiB, 'redundant');
  for (let lba = 0; lba < 80 * 2048; lba += 4096) await write(top(rig), lba, data, 512, fua);
  rig.volumes.drives.fail('c');
  t.throws(() => rig.volumes.drives.replace('c'), { code: 'drive-needed' }, 'what is being written needs it still');
  await rig.volumes.drives.settled();
  rig.volumes.drives.replace('c');
  rig.kill();
  await new Promise((wake) => setTimeout(wake, 50));
  rig = new Rig(dir);
  t.equal(find(rig, 'c').state, 'rebuilding');
  t.equal(rig.volumes.drives.list().filter(({ state }) => state === 'failed').length, 0);
  await until(() => find(rig, 'c').state === 'good');
  t.equal(find(rig, 'c').state, 'good');
  await rig.stop();
});

t.test('the rebuild rate is kept', async (t) => {
  const dir = t.testdir({ drives: {} });
  let rig = start(dir);
  t.equal(rig.volumes.drives.settings.rebuildRate, null, 'as fast as it goes');
  t.same(rig.volumes.drives.settings.change({ rebuildRate: 4 * MiB }), { rebuildRate: 4 * MiB, copyBack: true });
  t.throws(() => rig.volumes.drives.settings.change({ rebuildRate: MiB - 1 }), { code: 'bad-number' });
  const data = Buffer.alloc(2 * MiB, 'redundant');
  for (let lba = 0; lba < 80 * 2048; lba += 4096) await write(top(rig), lba, data, 512, fua);
  rig.volumes.drives.fail('c');
  await rig.volumes.drives.settled();
  rig.volumes.drives.replace('c');
  rig.kill();
  rig = new Rig(dir);
  t.equal(rig.volumes.drives.settings.rebuildRate, 4 * MiB);
  await new Promise((wake) => setTimeout(wake, 300));
  t.equal(find(rig, 'c').state, 'rebuilding', '27 MiB take longer at this rate');
  rig.volumes.drives.settings.change({ rebuildRate: null });
  await until(() => find(rig, 'c').state === 'good');
  t.equal(find(rig, 'c').state, 'good');
  await rig.stop();
});

t.test('a spare that cannot be opened is left alone', async (t) => {
  const dir = t.testdir({ drives: { s: { 'in the way': '' } } });
  const rig = start(dir, ['s']);
  rig.volumes.drives.fail('a');
  await new Promise((wake) => setTimeout(wake, 50));
  t.same(states(rig), ['a failed', 'b good', 'c good', 'd good', 's spare']);
  await rig.stop();
});
