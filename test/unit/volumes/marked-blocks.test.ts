/**
 * Marked blocks of an LDEV: on real files, through restarts, and in random order against a model. `SEED` replays one run.
 */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { MarkedLayer } from '../../../target/volumes/layers/marked.js';
import { MarkedBlocks } from '../../../target/volumes/marked-blocks.js';
import { MemoryLayer, MemoryMarks } from '../scsi-block/harness.js';
import { GiB, hostIo, MiB, read, rig, unmap, write } from './fixture.js';

const SEEDS = process.env.LUNARRAY_SEED === undefined ? [1, 2, 3] : [Number(process.env.LUNARRAY_SEED)];

t.test('marks survive kills and restarts, and go with a write or the LDEV', async (t) => {
  const array = rig(t);
  array.addPool(GiB);
  array.volumes.createLdev({ id: 1, bytes: 64 * MiB });
  const ldev = () => array.volumes.ldev(1)!;
  const plain = ldev().top;
  t.equal(ldev().marks.mark(10, 2, false), null);
  t.equal(ldev().marks.mark(20, 1, true), null);
  t.not(ldev().top, plain, 'a layer of its own');
  for (let round = 0; round < 2; round++) {
    t.match(await read(ldev().top, 0, 30), { kind: 'medium-error', lba: 10, write: false, markedBad: false });
    t.match(await read(ldev().top, 12, 9), { kind: 'medium-error', lba: 20, write: false, markedBad: true });
    array.kill();
    array.open();
  }
  t.equal(await write(ldev().top, 10, Buffer.alloc(1024, 7)), null);
  array.kill();
  array.open();
  t.same(await read(ldev().top, 10, 2), Buffer.alloc(1024, 7), 'an acknowledged write takes marks away for good');
  t.match(await read(ldev().top, 20, 1), { kind: 'medium-error' });
  t.equal(await unmap(ldev().top, 0, 1000), null);
  t.equal(ldev().top, (ldev() as unknown as { bottom: unknown }).bottom, 'without marks there is no layer');

  ldev().marks.mark(0, 1, false);
  await array.volumes.deleteLdev(1);
  array.volumes.createLdev({ id: 1, bytes: 64 * MiB });
  t.same(await read(ldev().top, 0, 1), Buffer.alloc(512), 'another LDEV of the number has none');
  await array.stop();
});

for (const seed of SEEDS) {
  t.test(`as a model has it, seed ${seed}`, async (t) => {
    const random = seededRandom(seed);
    const BLOCKS = 40;
    const store = new MemoryMarks();
    const memory = new MemoryLayer(BLOCKS, 512);
    let marks = new MarkedBlocks(store, 1, () => {});
    let top = new MarkedLayer(memory, marks);
    const model = new Map<number, boolean>();
    for (let step = 0; step < 400; step++) {
      const lba = random.below(BLOCKS);
      const blocks = 1 + random.below(BLOCKS - lba);
      const action = random.below(5);
      if (action === 0) {
        const disabled = random.below(2) === 0;
        const few = Math.min(blocks, 3);
        marks.mark(lba, few, disabled);
        for (let each = lba; each < lba + few; each++) model.set(each, disabled);
      } else if (action === 1 || action === 2) {
        const few = Math.min(blocks, 4);
        if (action === 1) await write(top, lba, Buffer.alloc(few * 512, step));
        else await unmap(top, lba, few);
        for (let each = lba; each < lba + few; each++) model.delete(each);
      } else if (action === 3) {
        marks = new MarkedBlocks(store, 1, () => {});
        top = new MarkedLayer(memory, marks);
      }
      const first = [...model.keys()].filter((each) => each >= lba && each < lba + blocks).sort((a, b) => a - b)[0];
      const result = await read(top, lba, blocks, hostIo);
      if (first === undefined) {
        if (!Buffer.isBuffer(result)) t.fail(`step ${step}: ${lba}+${blocks} is good`);
      } else {
        const expected = { kind: 'medium-error', lba: first, write: false, markedBad: model.get(first)! };
        if (JSON.stringify(result) !== JSON.stringify(expected)) t.same(result, expected, `step ${step}`);
      }
    }
    t.equal(marks.size, model.size);
  });
}
