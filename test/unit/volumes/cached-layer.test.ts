/** Blocks to sectors and back, and durability of the region map. */
import t from 'tap';
import type { CachedVolume } from '../../../target/cache/types.js';
import type { Done, IoFailure } from '../../../target/volumes/block-layer.js';
import { CachedLayer, type CachedLayerOwner } from '../../../target/volumes/cached-layer.js';
import type { AllocationMap } from '../../../target/volumes/extents.js';
import { REGION_SECTORS, RegionTable } from '../../../target/volumes/regions.js';
import { flush, GiB, hostIo, read, rig, unmap, write } from './fixture.js';

/** A cache that answers at once, and notes what it was asked. */
function stage(blockSize: 512 | 4096, failure: IoFailure | null = null) {
  const calls: (string | number)[][] = [];
  const note = (name: string, sector: number, sectors: number, done: Done) => {
    calls.push([name, sector, sectors]);
    done(failure);
  };
  const volume: CachedVolume = {
    read: (_hints, sector, sectors, done) => note('read', sector, sectors, (error) => done(error, [], () => {})),
    write: (_hints, sector, sectors, _data, done) => note('write', sector, sectors, done),
    unmap: (sector, sectors, done) => note('unmap', sector, sectors, done),
    flush: (sector, sectors, done) => note('flush', sector, sectors, done),
    prefetch: (_hints, sector, sectors, done) => note('prefetch', sector, sectors, done),
    dirtyRuns: () => [],
    discard: (done) => done(null),
  };
  const owner: CachedLayerOwner & { regions: RegionTable } = {
    blocks: 100_000,
    blockSize,
    allocation: {} as AllocationMap,
    regions: new RegionTable(),
    unmapped: (first, end) => calls.push(['unmapped', first, end]),
    syncRegions(done) {
      calls.push(['sync regions']);
      done(null);
    },
  };
  return { calls, owner, layer: new CachedLayer(volume, owner) };
}

const BAD = { kind: 'medium-error', lba: 43, write: false } as const;
const prefetch = (layer: CachedLayer, lba: number, blocks: number) =>
  new Promise<IoFailure | null>((resolve) => layer.prefetch(hostIo, lba, blocks, resolve));

t.test('512-byte blocks are sectors', async (t) => {
  const { calls, layer } = stage(512, BAD);
  t.same(await read(layer, 10, 2), BAD);
  t.same(await write(layer, 10, Buffer.alloc(1024)), BAD);
  t.same(await prefetch(layer, 10, 0), BAD);
  t.same(calls, [
    ['read', 10, 2],
    ['write', 10, 2],
    ['prefetch', 10, 99_990],
  ]);
});

t.test('4096-byte blocks are eight, in failures too', async (t) => {
  const { calls, layer } = stage(4096, BAD);
  t.same(await read(layer, 5, 2), { ...BAD, lba: 5 });
  t.same(await write(layer, 5, Buffer.alloc(8192), 4096), { ...BAD, lba: 5 });
  t.same(await flush(layer, 5, 0), { ...BAD, lba: 5 });
  t.same(await prefetch(layer, 5, 3), { ...BAD, lba: 5 });
  t.same(calls, [
    ['read', 40, 16],
    ['write', 40, 16],
    ['flush', 40, 799_960],
    ['prefetch', 40, 24],
  ]);
});

t.test('flush and FUA wait for the region map, other writes do not', async (t) => {
  const { calls, layer } = stage(512);
  await write(layer, 0, Buffer.alloc(512));
  t.same(calls.splice(0), [['write', 0, 1]]);
  await write(layer, 0, Buffer.alloc(512), 512, { ...hostIo, fua: true });
  await flush(layer, 3, 4);
  t.same(calls, [['write', 0, 1], ['sync regions'], ['flush', 3, 4], ['sync regions']]);
  const failing = stage(512, BAD);
  t.same(await flush(failing.layer), BAD);
  t.same(failing.calls, [['flush', 0, 100_000]], 'a failure is told at once');
});

t.test('a failed sync of the map fails the flush', async (t) => {
  const { owner, layer } = stage(512);
  owner.syncRegions = (done) => done({ kind: 'hardware-error', cause: 'shared memory: no' });
  t.match(await flush(layer), { kind: 'hardware-error' });
});

t.test('unmap leaves out what has no region', async (t) => {
  const { calls, owner, layer } = stage(512);
  t.equal(await unmap(layer, 0, 10 * REGION_SECTORS), null);
  t.same(calls, []);
  for (const region of [2, 3, 5]) owner.regions.add(region, 2 ** 24 + region);
  t.equal(await unmap(layer, 7, 10 * REGION_SECTORS), null);
  t.same(calls.splice(0), [
    ['unmap', 2 * REGION_SECTORS, 2 * REGION_SECTORS],
    ['unmapped', 2, 4],
    ['unmap', 5 * REGION_SECTORS, REGION_SECTORS],
    ['unmapped', 5, 6],
  ]);
  t.equal(await unmap(layer, 2 * REGION_SECTORS + 5, 3), null);
  t.same(calls, [['unmap', 2 * REGION_SECTORS + 5, 3]]);
});

t.test('regions unmapped whole are told, the last one too when it ends with the LDEV', async (t) => {
  const { calls, owner, layer } = stage(512);
  const told = () => calls.splice(0).filter(([name]) => name === 'unmapped');
  owner.regions.add(0, 2 ** 24);
  owner.regions.add(1, 2 ** 24 + 1);
  await unmap(layer, 1, 100_000 - 1);
  t.same(told(), [['unmapped', 1, 2]]);
  await unmap(layer, 0, 99_999);
  t.same(told(), [['unmapped', 0, 1]]);
  await unmap(layer, REGION_SECTORS - 1, 2);
  t.same(told(), []);
  const failing = stage(512, BAD);
  failing.owner.regions.add(0, 2 ** 24);
  t.same(await unmap(failing.layer, 0, 100_000), BAD);
  t.same(failing.calls, [['unmap', 0, REGION_SECTORS]], 'a failed unmap gives nothing back');
});

t.test('many regions are unmapped in parts that end with a region', async (t) => {
  const { calls, owner, layer } = stage(512);
  for (let region = 0; region < 300; region++) owner.regions.add(region, 2 ** 24 + region);
  await unmap(layer, 5, 300 * REGION_SECTORS - 5);
  t.same(calls, [
    ['unmap', 5, 256 * REGION_SECTORS - 5],
    ['unmapped', 1, 256],
    ['unmap', 256 * REGION_SECTORS, 44 * REGION_SECTORS],
    ['unmapped', 256, 300],
  ]);
});

t.test('closed: nothing reaches the cache', async (t) => {
  const { calls, layer } = stage(512);
  layer.close('deleted');
  const gone = { kind: 'not-ready', cause: 'deleted' };
  t.same(await read(layer, 0, 1), gone);
  t.same(await write(layer, 0, Buffer.alloc(512)), gone);
  t.same(await unmap(layer, 0, 1), gone);
  t.same(await flush(layer), gone);
  t.same(await prefetch(layer, 0, 1), gone);
  layer.extents(0, 1, 1, (failure) => t.same(failure, gone));
  t.same(calls, []);
});

t.test('the cache is told which writes are atomic', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const ldev = array.volumes.createLdev({ bytes: GiB, blockSize: 4096 });
  const atomic = { ...hostIo, atomic: true };
  t.equal(await write(ldev.top, 3, Buffer.alloc(256 * 1024, 1), 4096, atomic), null);
  const longer = Buffer.alloc(260 * 1024, 2);
  t.match(await write(ldev.top, 3, longer, 4096, atomic), { kind: 'hardware-error' }, 'more than one commit holds');
  t.same(await read(ldev.top, 3, 64), Buffer.alloc(256 * 1024, 1));
  t.equal(await write(ldev.top, 3, longer, 4096), null);
  await array.stop();
});

t.test('4096-byte blocks on a real cache', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const { top } = array.volumes.createLdev({ bytes: GiB, blockSize: 4096 });
  const data = Buffer.alloc(3 * 4096);
  for (let block = 0; block < 3; block++) data.fill(block + 1, block * 4096, (block + 1) * 4096);
  t.equal(await write(top, 1000, data, 4096), null);
  t.same(await read(top, 1001, 1), Buffer.alloc(4096, 2));
  array.kill();
  array.open();
  const again = array.volumes.ldev(0)!.top;
  t.same(await read(again, 1000, 3), data);
  t.equal(await unmap(again, 1001, 1), null);
  t.same(await read(again, 1001, 1), Buffer.alloc(4096));
  await array.stop();
});
