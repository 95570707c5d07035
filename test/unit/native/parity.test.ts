import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import t from 'tap';
import { implementations, type NativeFunctions } from '../../../native/index.js';
import { combineTypeScript, inverse, multiply, power } from '../../../native/parity.js';
import { seededRandom } from '../../../target/base/random.js';
import { checkout } from '../../support/root.js';
import { each } from './each.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);

/** Bit by bit, as the definition has it. */
function product(a: number, b: number): number {
  let sum = 0;
  for (let bit = 7; bit >= 0; bit--) {
    sum <<= 1;
    if (sum & 0x100) sum ^= 0x11d;
    if ((b >> bit) & 1) sum ^= a;
  }
  return sum;
}

t.test('the field', (t) => {
  let wrong = 0;
  for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) if (multiply(a, b) !== product(a, b)) wrong++;
  t.equal(wrong, 0, 'all products');
  for (let a = 1; a < 256; a++) if (multiply(a, inverse(a)) !== 1) wrong++;
  t.equal(wrong, 0, 'all inverses');
  t.same([0, 1, 7, 8, 254].map(power), [1, 2, 128, 0x1d, 142]);
  t.end();
});

/** Addon variants for other processors are reached past the checks. */
function variants(): (readonly [string, NativeFunctions['combine']])[] {
  const list = each.map(([name, native]) => [name, native.combine] as const);
  const file = join(checkout, 'native', 'build', 'Release', 'lunarray.node');
  if (implementations.addon === null || !existsSync(file)) return list;
  const raw = createRequire(import.meta.url)(file) as Record<string, NativeFunctions['combine']>;
  return [...list, ['addon, portable', raw.combinePortable!], ['addon, SSSE3', raw.combineShuffle16!]];
}

for (const [name, combine] of variants()) {
  t.test(`${name}: sums of products`, (t) => {
    t.comment(`LUNARRAY_SEED=${seed}`);
    const random = seededRandom(seed);
    for (let round = 0; round < 120; round++) {
      const length = random.below(4) === 0 ? random.below(5000) : random.below(300);
      const unaligned = () =>
        random
          .bytes(length + 3)
          .subarray(random.below(4))
          .subarray(0, length);
      const sources = Array.from({ length: random.below(10) }, unaligned);
      const targets = Array.from({ length: random.below(4) }, unaligned);
      const factors = random.bytes(targets.length * sources.length).map((value) => (value < 90 ? value % 2 : value));
      combine(targets, sources, factors);
      for (const [index, target] of targets.entries()) {
        const expected = Buffer.alloc(length);
        for (const [k, source] of sources.entries()) {
          const factor = factors[index * sources.length + k]!;
          for (let i = 0; i < length; i++) expected[i]! ^= multiply(factor, source[i]!);
        }
        if (!expected.equals(target)) t.fail(`round ${round}, target ${index} of ${length} bytes`);
      }
    }
    const both = random.bytes(1000);
    const before = Buffer.from(both);
    combine([both], [both, before], Uint8Array.of(3, 2));
    t.ok(both.equals(before), 'into a source: 3x + 2x = x');
    t.end();
  });
}

for (const [name, native] of each) {
  t.test(`${name}: wrong arguments of combine`, (t) => {
    const one = Buffer.alloc(1);
    t.throws(() => native.combine([one], [Buffer.alloc(2)], Uint8Array.of(1)), RangeError);
    t.throws(() => native.combine([one], [one], Uint8Array.of(1, 2)), RangeError);
    t.throws(() => native.combine([one, Buffer.alloc(3)], [one], Uint8Array.of(1, 2)), RangeError);
    t.throws(() => native.combine(one as unknown as Buffer[], [one], Uint8Array.of(1)), TypeError);
    native.combine([], [], new Uint8Array());
    combineTypeScript([], [], new Uint8Array());
    t.end();
  });
}
