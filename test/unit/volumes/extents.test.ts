/** Allocation states: region map, drive extents and dirty data laid over each other. */
import fc from 'fast-check';
import t from 'tap';
import type { CachedVolume } from '../../../target/cache/types.js';
import type { DriveExtent } from '../../../target/disk/types.js';
import type { BlockExtent } from '../../../target/volumes/block-layer.js';
import { AllocationMap } from '../../../target/volumes/extents.js';
import type { Pool } from '../../../target/volumes/pool.js';
import { REGION_BYTES, RegionTable } from '../../../target/volumes/regions.js';
import { brief, extents, flush, GiB, rig, TiB, unmap, write } from './fixture.js';

const SEED = Number(process.env.LUNARRAY_SEED ?? 20261120);
const STRIDE = REGION_BYTES / 512;

t.test('what was never written, was written, is dirty, was unmapped', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const { top, blocks } = array.volumes.createLdev({ bytes: 10 * TiB });
  const data = Buffer.alloc(32 * 1024, 1);
  t.same(brief(await extents(top, 0, blocks)), [[0, blocks, false]], 'all of an empty LDEV');
  await write(top, 64, data);
  t.same(
    brief(await extents(top, 0, 1024)),
    [
      [0, 64, false],
      [64, 64, true],
      [128, 896, false],
    ],
    'dirty',
  );
  await flush(top);
  await write(top, 128, data);
  t.same(
    brief(await extents(top, 0, 1024)),
    [
      [0, 64, false],
      [64, 128, true],
      [192, 832, false],
    ],
    'on the drive and dirty are joined',
  );
  await flush(top);
  await unmap(top, 96, 64);
  t.same(brief(await extents(top, 64, 128)), [
    [64, 32, true],
    [96, 64, false],
    [160, 32, true],
  ]);
  t.same(brief(await extents(top, 100, 8)), [[100, 8, false]], 'from within a stretch');
  t.same(brief(await extents(top, 0, 1024, 2)), [
    [0, 64, false],
    [64, 32, true],
  ]);
  await write(top, blocks - 64, data);
  t.same(brief(await extents(top, blocks - 128, 128)), [
    [blocks - 128, 64, false],
    [blocks - 64, 64, true],
  ]);
  await array.stop();
});

t.test('adjacent runs of neighbouring regions are one', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const { top } = array.volumes.createLdev({ bytes: GiB });
  const data = Buffer.alloc(64 * 1024, 1);
  await write(top, 3 * STRIDE, data);
  await write(top, 2 * STRIDE - 64, data);
  t.same(brief(await extents(top, 0, 4 * STRIDE)), [
    [0, 2 * STRIDE - 64, false],
    [2 * STRIDE - 64, 128, true],
    [2 * STRIDE + 64, STRIDE - 64, false],
    [3 * STRIDE, 128, true],
    [3 * STRIDE + 128, STRIDE - 128, false],
  ]);
  await array.stop();
});

t.test('4096-byte blocks', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const { top } = array.volumes.createLdev({ bytes: GiB, blockSize: 4096 });
  await write(top, 8, Buffer.alloc(16384, 1), 4096);
  await flush(top);
  t.same(brief(await extents(top, 0, 64)), [
    [0, 8, false],
    [8, 4, true],
    [12, 52, false],
  ]);
  await array.stop();
});

t.test('a fully provisioned LDEV is mapped throughout', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  const { top, blocks } = array.volumes.createLdev({ bytes: GiB, thin: false });
  t.same(brief(await extents(top, 10, blocks - 10)), [[10, blocks - 10, true]]);
  await array.stop();
});

t.test('any state of regions, drives and cache agrees with a model', async (t) => {
  t.comment(`seed ${SEED}`);
  const REGIONS = 6;
  const PIECE = REGION_BYTES / 8;
  const bits = (length: number) => fc.array(fc.boolean(), { minLength: length, maxLength: length });
  fc.assert(
    fc.property(
      fc.shuffledSubarray([0, 1, 2, 3, 4, 5]),
      bits(REGIONS * 8),
      bits(REGIONS * 8),
      fc.constantFrom<512 | 4096>(512, 4096),
      fc.integer({ min: 1, max: 12 }),
      fc.nat(100),
      (assigned, onDrive, dirty, blockSize, limit, offset) => {
        const regions = new RegionTable();
        for (const [place, region] of assigned.entries()) regions.add(region, 2 ** 24 + place);
        const group = {
          extents: (at: number, bytes: number): DriveExtent[] => {
            const list: DriveExtent[] = [];
            for (let each = at; each < at + bytes; ) {
              const end = Math.min((Math.floor(each / PIECE) + 1) * PIECE, at + bytes);
              list.push({ offset: each, bytes: end - each, allocated: onDrive[Math.floor(each / PIECE)]! });
              each = end;
            }
            return list;
          },
        };
        const pool = {
          address: (place: number, into: number) => ({ group, offset: (place - 2 ** 24) * REGION_BYTES + into }),
        } as unknown as Pool;
        const isDirty = (piece: number) => dirty[piece]! && regions.get(Math.floor(piece / 8)) !== 0;
        const volume = {
          dirtyRuns: (sector: number, sectors: number) => {
            const runs: [number, number][] = [];
            for (let at = sector; at < sector + sectors; ) {
              const piece = Math.floor((at * 512) / PIECE);
              const end = Math.min(((piece + 1) * PIECE) / 512, sector + sectors);
              if (isDirty(piece)) runs.push([at, end - at]);
              at = end;
            }
            return runs;
          },
        } as unknown as CachedVolume;
        const map = new AllocationMap({ blockSize, thin: true, volumePool: pool, regions });
        const total = (REGIONS * REGION_BYTES) / blockSize;
        let list: readonly BlockExtent[] = [];
        map.extents(volume, offset, total - offset, limit, (failure, found) => {
          if (failure !== null) throw new Error(failure.kind);
          list = found;
        });
        if (list.length === 0 || list.length > limit) throw new Error(`${list.length} extents of ${limit}`);
        const mapped = (lba: number) => {
          const piece = Math.floor((lba * blockSize) / PIECE);
          const place = regions.get(Math.floor(piece / 8));
          return place !== 0 && (isDirty(piece) || onDrive[(place - 2 ** 24) * 8 + (piece % 8)]!);
        };
        let at = offset;
        for (const [index, extent] of list.entries()) {
          if (extent.lba !== at || extent.blocks <= 0) throw new Error('not adjacent');
          if (index > 0 && extent.mapped === list[index - 1]!.mapped) throw new Error('not joined');
          for (let lba = at; lba < at + extent.blocks; lba += PIECE / blockSize) {
            if (mapped(lba) !== extent.mapped) throw new Error(`block ${lba}`);
          }
          if (mapped(at + extent.blocks - 1) !== extent.mapped) throw new Error('last block');
          at += extent.blocks;
        }
        if (list.length < limit && at !== total) throw new Error(`ends at ${at} of ${total}`);
      },
    ),
    { seed: SEED, numRuns: 500 },
  );
  t.pass('no counterexample');
});
