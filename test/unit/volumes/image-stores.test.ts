/** Where an LDEV's images keep old blocks: a hidden store of its pool, given back at the end, after a kill too. */
import t from 'tap';
import type { LostCause } from '../../../target/volumes/point-in-time/types.js';
import { REGION_BYTES } from '../../../target/volumes/regions.js';
import { flush, hostIo, MiB, type Rig, read, rig, unmap, write } from './fixture.js';

const OLD = Buffer.alloc(256 * 1024, 0x0d);
const NEW = Buffer.alloc(256 * 1024, 0x0e);

const free = (array: Rig) => array.volumes.pools()[0]!.freeBytes / REGION_BYTES;

function imageOf(array: Rig, id: number) {
  const ldev = array.volumes.ldev(id)!;
  const lost: LostCause[] = [];
  const image = ldev.freeze!([{ lba: 0, blocks: ldev.blocks }], 'keep', (cause) => lost.push(cause))!;
  const readBack = (lba: number, blocks: number) =>
    new Promise((resolve) =>
      image.read(hostIo, lba, blocks, (failure, data, release) => {
        resolve(failure ?? Buffer.concat(data));
        release();
      }),
    );
  return { image, lost, readBack };
}

async function filled(array: Rig, blockSize: 512 | 4096 = 512): Promise<void> {
  array.addPool(6 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: 64 * MiB, blockSize });
  await write(top, 0, OLD, blockSize);
  await flush(top);
}

for (const blockSize of [512, 4096] as const) {
  t.test(`old blocks outlive a write, a flush and an unmap (blocks of ${blockSize})`, async (t) => {
    const array = rig(t);
    await filled(array, blockSize);
    const before = free(array);
    const { image, readBack } = imageOf(array, 0);
    t.equal(free(array), before, 'an image takes nothing');
    const ldev = array.volumes.ldev(0)!;
    t.equal(await write(ldev.top, 1, NEW.subarray(0, 128 * 1024), blockSize), null);
    await flush(ldev.top);
    t.equal(await unmap(ldev.top, 0, ldev.blocks), null);
    await array.volumes.settled();
    t.equal(free(array), before, 'its own region is back, the store has one');
    t.same(await readBack(0, OLD.length / blockSize), OLD);
    t.same(await readBack(ldev.blocks - 8, 8), Buffer.alloc(8 * blockSize), 'what was a hole still is');
    t.same(await read(ldev.top, 0, 8), Buffer.alloc(8 * blockSize));
    image.release();
    await array.volumes.settled();
    t.equal(free(array), 6, 'and all is given back');
    await array.stop();
  });
}

t.test('a kill gives the store back, and leaves the LDEV as it is', async (t) => {
  const array = rig(t);
  await filled(array);
  const before = free(array);
  imageOf(array, 0);
  t.equal(await write(array.volumes.ldev(0)!.top, 0, NEW.subarray(0, 4096)), null);
  t.equal(free(array), before - 1);
  array.kill();
  array.open();
  await array.volumes.settled();
  t.equal(free(array), before, 'the region is free');
  t.equal(array.volumes.ldevs().length, 1, 'no store is shown as an LDEV');
  t.same(await read(array.volumes.ldev(0)!.top, 0, 512), Buffer.concat([NEW.subarray(0, 4096), OLD.subarray(4096)]));
  const again = imageOf(array, 0);
  t.equal(await write(array.volumes.ldev(0)!.top, 0, OLD.subarray(0, 4096)), null);
  t.same(await again.readBack(0, 1), NEW.subarray(0, 512), 'and images can be made anew');
  await array.stop();
});

t.test('a sanitize operation that goes on after a kill waits until what was kept before it is gone', async (t) => {
  const array = rig(t);
  await filled(array);
  const before = free(array);
  imageOf(array, 0);
  await write(array.volumes.ldev(0)!.top, 0, NEW.subarray(0, 4096));
  array.kill();
  array.open();
  t.equal(free(array), before - 1);
  await new Promise<void>((resolve) => array.volumes.ldev(0)!.endImages!('sanitized', resolve));
  t.equal(free(array), before);
  await array.stop();
});

t.test('what ends images: the LDEV is deleted, or grows; a sanitize operation', async (t) => {
  const array = rig(t);
  await filled(array);
  const change = () => write(array.volumes.ldev(0)!.top, 0, Buffer.alloc(512, free(array)));
  const sanitized = imageOf(array, 0);
  await change();
  await new Promise<void>((resolve) => array.volumes.ldev(0)!.endImages!('sanitized', resolve));
  t.same(sanitized.lost, ['sanitized']);
  t.equal(free(array), 5, 'what was kept is gone when it says so');
  const grown = imageOf(array, 0);
  await change();
  array.volumes.expandLdev(0, { bytes: 96 * MiB });
  t.same(grown.lost, ['expanded']);
  t.match(await grown.readBack(0, 1), { kind: 'not-ready' });
  const deleted = imageOf(array, 0);
  await change();
  await array.volumes.deleteLdev(0);
  t.same(deleted.lost, ['deleted']);
  await array.volumes.settled();
  t.equal(free(array), 6);
  await array.stop();
});

t.test('hosts keep room in the pool: images end first', async (t) => {
  const array = rig(t);
  array.addPool(2 * REGION_BYTES);
  const { top } = array.volumes.createLdev({ bytes: 64 * MiB });
  await write(top, 0, OLD);
  const { lost } = imageOf(array, 0);
  t.equal(await write(array.volumes.ldev(0)!.top, 0, NEW), null);
  t.same(lost, ['no-space']);
  t.equal(await write(array.volumes.ldev(0)!.top, REGION_BYTES / 512, NEW), null, 'the last region is a host’s');
  await array.stop();
});

t.test('blocks that were marked unreadable when it was made stay so in an image', async (t) => {
  const array = rig(t);
  await filled(array);
  const ldev = array.volumes.ldev(0)!;
  t.equal(ldev.marks.mark(3, 2, true), null);
  const { image, readBack } = imageOf(array, 0);
  await write(ldev.top, 0, NEW);
  t.same(await read(ldev.top, 0, 8), NEW.subarray(0, 8 * 512), 'written, and so readable');
  t.match(await readBack(0, 8), { kind: 'medium-error', lba: 3, markedBad: true });
  t.match(await readBack(4, 100), { kind: 'medium-error', lba: 4 });
  t.same(await readBack(5, 8), OLD.subarray(0, 8 * 512));
  image.release();
  const after = imageOf(array, 0);
  t.same(await after.readBack(0, 8), NEW.subarray(0, 8 * 512));
  await array.stop();
});
