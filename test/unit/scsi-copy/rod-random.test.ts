/** Random lists that populate RODs, write in between and copy from them, against a model of plain buffers. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { blocks, bytes, copy, cscd, OWN_UNIT } from './copy-rig.js';
import { populateBy, populateByOne, rod } from './rod-rig.js';
import { information, TokenRig, writeUsing } from './token-rig.js';

const BLOCKS = 600;
const SIZE = 512;
/** CSCD IDs. */
const RODS = [0, 1];
const OTHER = 2;

const seed = Number(process.env.LUNARRAY_SEED ?? 1122);

t.test(`RODs against a model, seed ${seed}`, async (t) => {
  const random = seededRandom(seed);
  for (let round = 0; round < 60; round++) {
    const rig = new TokenRig([{ blocks: BLOCKS }, { blocks: BLOCKS }]);
    const host = rig.host('a');
    const model = rig.layers.map((layer) => {
      for (let lba = 0; lba < BLOCKS; lba += 1 + random.below(60)) {
        layer.fill(lba, Math.min(1 + random.below(40), BLOCKS - lba), 1 + random.below(255));
      }
      return Buffer.from(layer.data);
    }) as [Buffer, Buffer];
    const contents: Buffer[] = RODS.map(() => Buffer.alloc(0));
    const taken = RODS.map(() => new Set<number>());
    const read = new Set<number>();
    const segments: Buffer[] = [];

    /** Up to three ranges of blocks that the ROD does not have. */
    const populate = (id: number) => {
      const ranges: [number, number][] = [];
      for (let i = random.below(3); i >= 0; i--) {
        const lba = random.below(BLOCKS - 40);
        const count = random.below(40);
        const all = Array.from({ length: count }, (_, k) => lba + k);
        if (all.some((one) => taken[id]!.has(one))) continue;
        for (const one of all) taken[id]!.add(one);
        ranges.push([lba, count]);
        contents[id] = Buffer.concat([contents[id]!, model[0].subarray(lba * SIZE, (lba + count) * SIZE)]);
      }
      if (ranges.length === 1 && random.below(2) === 0) segments.push(populateByOne(ranges[0]!, id));
      else if (ranges.length > 0) segments.push(populateBy(ranges, id));
    };
    const write = (id: number) => {
      const size = contents[id]!.length;
      if (size === 0) return;
      read.add(id);
      const own = random.below(2) === 0;
      const target = model[own ? 0 : 1];
      const ends = { source: id, destination: own ? OWN_UNIT : OTHER };
      if (random.below(2) === 0) {
        const from = random.below(size / SIZE);
        const count = 1 + random.below(size / SIZE - from);
        const to = random.below(BLOCKS - count + 1);
        segments.push(blocks(count, from, to, ends));
        contents[id]!.copy(target, to * SIZE, from * SIZE, (from + count) * SIZE);
      } else {
        const from = random.below(size);
        const count = 1 + random.below(size - from);
        const to = random.below(BLOCKS * SIZE - count);
        const place = (byte: number) => [Math.floor(byte / SIZE), byte % SIZE] as const;
        segments.push(bytes(count, place(from), place(to), ends));
        contents[id]!.copy(target, to, from, from + count);
      }
    };
    for (let i = 2 + random.below(12); i > 0; i--) {
      const id = random.below(2);
      if (!read.has(id) && random.below(3) > 0) populate(id);
      else write(id);
    }

    const cscds = [...RODS.map(() => rod({ wantsToken: true })), cscd(1)];
    const { sense } = copy(host, { cscds, segments });
    const right = sense === null && rig.layers.every((layer, i) => layer.data.equals(model[i]!));
    if (!right) t.fail(`round ${round}: ${sense?.name ?? 'other data'}`);
    for (const { cscd: id, token } of information(host).tokens) {
      const count = contents[id]!.length / SIZE;
      if (count > BLOCKS || count === 0) continue;
      writeUsing(host, token, [[0, count]], { deleteToken: true });
      if (!rig.layers[1]!.view(0, count).equals(contents[id]!)) t.fail(`round ${round}: token of ROD ${id}`);
    }
  }
  t.pass('all rounds');
});
