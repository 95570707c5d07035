import t from 'tap';
import { crc32cTypeScript } from '../../../native/index.js';
import { seededRandom } from '../../../target/base/random.js';
import { each } from './each.js';

const BLOCK = 512;
const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);

for (const [name, { blockSums }] of each) {
  t.test(`${name}: sums of blocks`, (t) => {
    const random = seededRandom(seed);
    for (let round = 0; round < 100; round++) {
      const blocks = random.below(12);
      const data = random.bytes(blocks * BLOCK);
      for (let block = 0; block < blocks; block++) {
        if (random.below(4) === 0) data.fill(0, block * BLOCK, (block + 1) * BLOCK);
        if (random.below(4) === 0) data.fill(0, block * BLOCK, (block + 1) * BLOCK - 1);
      }
      const parts: Buffer[] = [];
      for (let at = 0; at < data.length; ) {
        const end = Math.min(data.length, at + (random.below(2) ? BLOCK * random.below(4) : random.below(1500)));
        parts.push(data.subarray(at, end));
        at = end;
      }
      const first = random.below(3) === 0 ? 2 ** 40 + random.below(1000) : random.below(1000);
      const sums = new Uint32Array(blocks + 1).fill(7);
      blockSums(parts, first, sums);
      const expected = Array.from({ length: blocks }, (_, block) => {
        const content = data.subarray(block * BLOCK, (block + 1) * BLOCK);
        if (content.equals(Buffer.alloc(BLOCK))) return 0;
        const number = BigInt(first + block);
        const mixed = (number & 0xffffffffn) ^ (((number >> 32n) * 0x9e3779b1n) & 0xffffffffn);
        const crc = crc32cTypeScript(content, Number(mixed));
        return crc < 2 ? crc + 2 : crc;
      });
      t.same([...sums], [...expected, 7], `round ${round}`);
    }
    t.end();
  });

  t.test(`${name}: no block has the same sum in two places`, (t) => {
    const data = seededRandom(seed).bytes(BLOCK);
    const blocks = Array.from({ length: 1000 }, () => data);
    const sums = new Uint32Array(1000);
    blockSums(blocks, 2 ** 32 - 500, sums);
    t.equal(new Set(sums).size, 1000);
    t.end();
  });

  t.test(`${name}: a sum is never one of the reserved values`, (t) => {
    // CRCs are linear: the four bytes that bring about a wanted one are found by elimination over single bits.
    const with32 = (word: number) => {
      const block = Buffer.alloc(BLOCK, 1);
      block.writeUInt32LE(word >>> 0, BLOCK - 4);
      return block;
    };
    const base = crc32cTypeScript(with32(0), 5);
    for (const wanted of [0, 1]) {
      const rows = Array.from({ length: 32 }, (_, bit) => {
        const word = 2 ** bit;
        return { word, effect: (crc32cTypeScript(with32(word), 5) ^ base) >>> 0 };
      });
      let goal = (base ^ wanted) >>> 0;
      let word = 0;
      for (let bit = 0; bit < 32; bit++) {
        const mask = 2 ** bit;
        const index = rows.findIndex((row) => (row.effect & mask) !== 0);
        const [pivot] = rows.splice(index, 1);
        for (const row of rows) {
          if ((row.effect & mask) === 0) continue;
          row.effect = (row.effect ^ pivot!.effect) >>> 0;
          row.word = (row.word ^ pivot!.word) >>> 0;
        }
        if ((goal & mask) === 0) continue;
        goal = (goal ^ pivot!.effect) >>> 0;
        word = (word ^ pivot!.word) >>> 0;
      }
      const block = with32(word);
      t.equal(crc32cTypeScript(block, 5), wanted, 'such a block exists');
      const sums = new Uint32Array(1);
      blockSums([block], 5, sums);
      t.ok(sums[0]! > 1);
    }
    t.end();
  });

  t.test(`${name}: wrong arguments`, (t) => {
    t.throws(() => blockSums([Buffer.alloc(BLOCK + 1)], 0, new Uint32Array(9)), RangeError);
    t.throws(() => blockSums([Buffer.alloc(2 * BLOCK)], 0, new Uint32Array(1)), RangeError);
    t.throws(() => blockSums([Buffer.alloc(BLOCK)], -1, new Uint32Array(1)), RangeError);
    t.throws(() => blockSums([7 as unknown as Buffer], 0, new Uint32Array(1)), TypeError);
    t.end();
  });
}
