import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { each } from './each.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);

/** Cuts `data` into a list of pieces, some empty. */
function pieces(data: Buffer, random: { below(limit: number): number }): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const step = Math.min(data.length - at, random.below(5) === 0 ? 0 : 1 + random.below(300));
    list.push(data.subarray(at, at + step));
    at += step;
  }
  return list;
}

for (const [name, native] of each) {
  t.test(`${name}: isZero`, (t) => {
    for (const length of [0, 1, 255, 256, 257, 5000, (1 << 20) + 3]) {
      const data = Buffer.alloc(length);
      t.ok(native.isZero(data), `${length} zeros`);
      for (const at of [0, length >> 1, length - 1]) {
        if (length === 0) continue;
        data[at] = 0x80;
        t.notOk(native.isZero(data), `${length} bytes, one at ${at}`);
        data[at] = 0;
      }
    }
    t.throws(() => native.isZero('' as unknown as Buffer), TypeError);
    t.end();
  });

  t.test(`${name}: compare and gather over scattered lists`, (t) => {
    t.comment(`LUNARRAY_SEED=${seed}`);
    const random = seededRandom(seed);
    for (let round = 0; round < 100; round++) {
      const data = random.bytes(1 + random.below(6000));
      const copy = Buffer.from(data);
      t.equal(native.compare(pieces(data, random), pieces(copy, random)), -1);
      const at = random.below(data.length);
      copy[at]! ^= 1;
      t.equal(native.compare(pieces(data, random), pieces(copy, random)), at);

      const from = random.below(data.length);
      const length = random.below(data.length - from + 1);
      const target = Buffer.alloc(length);
      native.gather(pieces(data, random), from, pieces(target, random));
      t.ok(target.equals(data.subarray(from, from + length)));
    }
    t.end();
  });

  t.test(`${name}: wrong arguments`, (t) => {
    const one = Buffer.alloc(1);
    t.equal(native.compare([], []), -1);
    t.throws(() => native.compare([one], []), RangeError);
    t.throws(() => native.compare([one], [1 as unknown as Buffer]), TypeError);
    t.throws(() => native.gather([one], 1, [one]), RangeError);
    t.throws(() => native.gather([one], -1, [one]), RangeError);
    t.throws(() => native.gather(one as unknown as Buffer[], 0, [one]), TypeError);
    native.gather([one], 1, []);
    t.end();
  });
}
