/** Deleting gives regions back; a kill at any step of it loses nothing and leaks nothing. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { nativeKind } from '../../../native/index.js';
import type { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import type { ReclaimAdapter } from '../../../target/volumes/reclaim.js';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { codeOf, flush, GiB, type Rig, read, rig, write } from './fixture.js';

const STRIDE = REGION_BYTES / 512;
const SECRET = Buffer.alloc(64 * 1024, 0x5e);

/** Fills some blocks of three regions of LDEV 0, on the drive and in the cache. */
async function fill(array: Rig): Promise<void> {
  array.addPool(4 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  for (const region of [0, 5, 7]) await write(top, region * STRIDE, SECRET);
  await flush(top);
  await write(top, 5 * STRIDE, SECRET);
}

/** What the drives hold, in bytes. */
function used(array: Rig): number {
  const drives = join(array.dir, 'drives');
  return readdirSync(drives).reduce((sum, file) => sum + statSync(join(drives, file)).blocks * 512, 0);
}

async function expectClean(t: Test, array: Rig): Promise<void> {
  t.same(array.volumes.ldevs(), []);
  t.equal(array.volumes.pools()[0]!.freeBytes, 4 * REGION_BYTES, 'all regions are free');
  if (nativeKind === 'addon') t.equal(used(array), 0, 'the drive is empty');
  const { top } = array.volumes.createLdev({ id: 0, bytes: GiB });
  for (let region = 0; region < 4; region++) {
    t.equal(await write(top, region * STRIDE, Buffer.alloc(512, 1)), null);
    t.same(await read(top, region * STRIDE + 1, 127), Buffer.alloc(127 * 512), `region ${region} was empty`);
  }
  t.match(await write(top, 9 * STRIDE, Buffer.alloc(512)), { kind: 'no-space' }, 'and none was there twice');
}

t.test('an LDEV with paths is not deleted, and the refusal tells where they are', async (t) => {
  const array = rig(t);
  await fill(array);
  array.volumes.createPort({ name: 'CL1-A', listen: { host: '127.0.0.1', port: 0 } });
  const group = array.volumes.createHostGroup({ port: 'CL1-A', name: 'hosts' });
  array.volumes.mapLun(group.id, 3, 0);
  t.throws(() => array.volumes.deleteLdev(0), { code: 'ldev-mapped', message: /CL1-A\/hosts LUN 3/ });
  array.volumes.unmapLun(group.id, 3);
  await array.volumes.deleteLdev(0);
  await expectClean(t, array);
  await array.stop();
});

t.test('while it runs, the LDEV is gone and its number taken', async (t) => {
  const array = rig(t);
  await fill(array);
  const { top, naa } = array.volumes.ldev(0)!;
  const deleted = array.volumes.deleteLdev(0);
  t.equal(array.volumes.ldev(0), undefined);
  t.equal(
    codeOf(() => array.volumes.createLdev({ id: 0, bytes: GiB })),
    'ldev-deleting',
  );
  t.equal(array.volumes.createLdev({ bytes: 512 }).id, 1, 'the lowest free number is another');
  t.match(await write(top, 0, SECRET), { kind: 'not-ready' });
  t.match(await read(top, 0, 1), { kind: 'not-ready' });
  t.match(await flush(top), { kind: 'not-ready' });
  await deleted;
  t.not(array.volumes.createLdev({ id: 0, bytes: GiB }).naa.toString('hex'), naa.toString('hex'), 'another device');
  await array.stop();
});

/** Where the process is killed. */
const steps: Record<string, (adapter: DiskAdapter) => ReclaimAdapter> = {
  'before anything is punched': (adapter) => ({
    punch() {},
    sync: (group, done) => adapter.sync(group, done),
  }),
  'after the first punch': (adapter) => {
    let punches = 0;
    return {
      punch: (group, offset, bytes, done) => {
        if (punches++ === 0) adapter.punch(group, offset, bytes, () => done(null));
      },
      sync: (group, done) => adapter.sync(group, done),
    };
  },
  'when all is punched and not synced': (adapter) => ({
    punch: (group, offset, bytes, done) => adapter.punch(group, offset, bytes, done),
    sync() {},
  }),
};

for (const [step, reclaimer] of Object.entries(steps)) {
  t.test(`killed ${step}: the next start completes it`, async (t) => {
    const array = rig(t, { reclaimer });
    await fill(array);
    void array.volumes.deleteLdev(0);
    await new Promise<void>((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => array.adapter.idle(resolve));
    array.kill();
    array.open();
    t.equal(array.volumes.ldev(0), undefined, 'gone from the start on');
    await array.volumes.settled();
    await expectClean(t, array);
    await array.stop();
  });
}

t.test('a drive that fails leaves the deletion to a later start', async (t) => {
  const broken = { kind: 'io-error', message: 'drive-pool: broken' } as const;
  const array = rig(t, {
    reclaimer: () => ({ punch: (_group, _offset, _bytes, done) => done(broken), sync: (_group, done) => done(broken) }),
  });
  await fill(array);
  await t.rejects(array.volumes.deleteLdev(0), { code: 'drive-unusable', message: /broken/ });
  t.equal(
    codeOf(() => array.volumes.createLdev({ id: 0, bytes: GiB })),
    'ldev-deleting',
  );
  t.equal(array.volumes.pools()[0]!.freeBytes, REGION_BYTES, 'its regions are not handed out');
  await array.stop();
  array.open();
  await array.volumes.settled();
  await expectClean(t, array);
  await array.stop();
});

t.test('other LDEVs keep their regions', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const a = array.volumes.createLdev({ bytes: GiB });
  const b = array.volumes.createLdev({ bytes: GiB });
  for (let region = 0; region < 8; region++) {
    await write(a.top, region * STRIDE, SECRET);
    await write(b.top, region * STRIDE, Buffer.alloc(65536, region));
  }
  await array.volumes.deleteLdev(a.id);
  t.equal(array.volumes.pools()[0]!.freeBytes, GiB - 8 * REGION_BYTES);
  array.kill();
  array.open();
  for (let region = 0; region < 8; region++) {
    t.same(await read(array.volumes.ldev(1)!.top, region * STRIDE, 128), Buffer.alloc(65536, region));
  }
  await array.stop();
});
