/** Whole regions unmapped by hosts, on real files: what administrators see of it, and what stays. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { nativeKind } from '../../../native/index.js';
import type { Log } from '../../../target/base/log.js';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { brief, extents, flush, GiB, type Rig, read, rig, unmap, write } from './fixture.js';

const STRIDE = REGION_BYTES / 512;
const DATA = Buffer.alloc(64 * 1024, 0xda);

/** What the drives hold, in bytes. */
function used(array: Rig): number {
  const drives = join(array.dir, 'drives');
  return readdirSync(drives).reduce((sum, file) => sum + statSync(join(drives, file)).blocks * 512, 0);
}

const freeBytes = (array: Rig) => array.volumes.pools()[0]!.freeBytes;

t.test('they are the pool’s again, and others can have them', async (t) => {
  const array = rig(t);
  array.addPool(4 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  const other = array.volumes.createLdev({ bytes: GiB });
  for (let region = 0; region < 4; region++) await write(top, region * STRIDE + 104, DATA);
  await flush(top);
  t.match(await write(other.top, 0, DATA), { kind: 'no-space' });
  t.equal(await unmap(top, STRIDE - 1, 2 * STRIDE + 1), null);
  t.equal(array.volumes.assignedBytes(0), 2 * REGION_BYTES, 'told at once');
  t.same(brief(await extents(top, STRIDE, 2 * STRIDE)), [[STRIDE, 2 * STRIDE, false]]);
  await array.volumes.settled();
  t.equal(freeBytes(array), 2 * REGION_BYTES);
  if (nativeKind === 'addon') t.equal(used(array), 2 * DATA.length);
  t.equal(await write(other.top, 0, DATA), null);
  t.same(await read(other.top, 128, 128), Buffer.alloc(65536));
  t.same(await read(top, STRIDE + 104, 128), Buffer.alloc(65536));
  t.equal(await write(top, STRIDE + 104, DATA), null, 'a region anew');
  t.match(await write(top, 2 * STRIDE + 104, DATA), { kind: 'no-space' });
  t.same(await read(top, 104, 128), DATA);
  t.same(await read(top, 3 * STRIDE + 104, 128), DATA);
  await array.stop();
});

t.test('a write during the return takes the region back', async (t) => {
  const array = rig(t);
  array.addPool(2 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  await write(top, 0, DATA);
  await write(top, STRIDE, DATA);
  const unmapped = unmap(top, 0, 2 * STRIDE);
  const written = write(top, 8, Buffer.alloc(512, 1));
  t.same(await Promise.all([unmapped, written]), [null, null]);
  await array.volumes.settled();
  t.equal(array.volumes.assignedBytes(0), REGION_BYTES);
  t.equal(freeBytes(array), REGION_BYTES);
  t.same(await read(top, 0, 9), Buffer.concat([Buffer.alloc(8 * 512), Buffer.alloc(512, 1)]));
  array.kill();
  array.open();
  t.same(await read(array.volumes.ldev(0)!.top, 0, 9), Buffer.concat([Buffer.alloc(8 * 512), Buffer.alloc(512, 1)]));
  await array.stop();
});

t.test('the last region goes back though the LDEV ends within it', async (t) => {
  const array = rig(t);
  array.addPool(4 * REGION_BYTES);
  const { top, blocks } = array.volumes.createLdev({ bytes: REGION_BYTES + 4096 });
  await write(top, STRIDE, Buffer.alloc(4096, 1));
  // Read ahead, beyond the end too.
  for (let block = 0; block < 8; block++) await read(top, STRIDE + block, 1);
  t.equal(await unmap(top, STRIDE, blocks - STRIDE), null);
  t.equal(array.volumes.assignedBytes(0), 0);
  await array.volumes.settled();
  t.equal(freeBytes(array), 4 * REGION_BYTES);
  array.volumes.expandLdev(0, { bytes: 2 * REGION_BYTES });
  t.same(await read(top, STRIDE, 64), Buffer.alloc(64 * 512));
  t.equal(await write(top, STRIDE, DATA), null);
  t.equal(await unmap(top, STRIDE, 8), null);
  t.equal(array.volumes.assignedBytes(0), REGION_BYTES, 'not whole any more');
  await array.stop();
});

t.test('a fully provisioned LDEV keeps its regions', async (t) => {
  const array = rig(t);
  array.addPool(4 * REGION_BYTES);
  const { top, blocks } = array.volumes.createLdev({ bytes: 2 * REGION_BYTES, thin: false });
  await write(top, 0, DATA);
  t.equal(await unmap(top, 0, blocks), null);
  await array.volumes.settled();
  t.equal(array.volumes.assignedBytes(0), 2 * REGION_BYTES);
  t.equal(freeBytes(array), 2 * REGION_BYTES);
  t.same(await read(top, 0, 128), Buffer.alloc(65536));
  await array.stop();
});

t.test('a stop in order ends the return', async (t) => {
  const array = rig(t);
  array.addPool(2 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  await write(top, 0, DATA);
  await unmap(top, 0, STRIDE);
  await array.volumes.sync();
  array.kill();
  array.open();
  t.equal(array.volumes.assignedBytes(0), 0);
  t.equal(freeBytes(array), 2 * REGION_BYTES);
  await array.stop();
});

t.test('deleted during the return', async (t) => {
  const array = rig(t);
  array.addPool(2 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  await write(top, 0, DATA);
  await write(top, STRIDE, DATA);
  const unmapped = unmap(top, 0, STRIDE);
  const deleted = array.volumes.deleteLdev(0);
  await unmapped;
  await deleted;
  await array.volumes.settled();
  t.equal(freeBytes(array), 2 * REGION_BYTES);
  await array.stop();
});

t.test('drives that cannot be synced: the region stays with its LDEV, empty', async (t) => {
  const warnings: string[] = [];
  const log: Log = { info() {}, warn: (message) => void warnings.push(message), error() {} };
  const broken = { kind: 'io-error', message: 'drive-pool: broken' } as const;
  const array = rig(t, {
    log,
    reclaimer: (adapter) => ({
      punch: (group, offset, bytes, done) => adapter.punch(group, offset, bytes, done),
      sync: (_group, done) => done(broken),
    }),
  });
  array.addPool(2 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  await write(top, 0, DATA);
  await write(top, STRIDE, DATA);
  t.equal(await unmap(top, 0, 2 * STRIDE), null);
  t.equal(await write(top, 0, Buffer.alloc(512, 1)), null);
  await array.volumes.settled();
  t.equal(array.volumes.assignedBytes(0), 2 * REGION_BYTES);
  t.equal(freeBytes(array), 0);
  t.match(warnings, [/1 unmapped regions stay with their LDEVs: drive-pool: broken/]);
  t.same(await read(top, 1, 127), Buffer.alloc(127 * 512));
  t.same(await read(top, STRIDE, 128), Buffer.alloc(65536));
  await array.stop();
});
