import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { crc32cTypeScript } from '../../../native/index.js';
import { seededRandom } from '../../../target/base/random.js';
import { each } from './each.js';

/** One bit at a time, from the polynomial as the standard writes it. */
function reference(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    for (let bit = 0; bit < 8; bit++) {
      const feedback = ((crc >>> 31) ^ (byte >>> bit)) & 1;
      crc = ((crc << 1) ^ (feedback ? 0x1edc6f41 : 0)) >>> 0;
    }
  }
  let reflected = 0;
  for (let bit = 0; bit < 32; bit++) reflected = (reflected * 2 + ((crc >>> bit) & 1)) >>> 0;
  return ~reflected >>> 0;
}

// RFC 7143 Appendix A.4 (bytes as transmitted, least significant first).
const vectors: readonly (readonly [string, Buffer, number])[] = [
  ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['ascending', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ['descending', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
  ['123456789', Buffer.from('123456789'), 0xe3069283],
];

const addonFile = ['../../../', '../../../../']
  .map((up) => fileURLToPath(new URL(`${up}native/build/Release/lunarray.node`, import.meta.url)))
  .find(existsSync);
const software = addonFile && createRequire(import.meta.url)(addonFile).crc32cSoftware;
const variants: (readonly [string, (data: Uint8Array, seed: number) => number])[] = [
  ...each.map(([name, functions]) => [name, functions.crc32c] as const),
  ['short input', crc32cTypeScript],
  ...(software ? [['addon without instructions', software] as const] : []),
];

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);

for (const [name, crc32c] of variants) {
  t.test(name, (t) => {
    for (const [what, data, expected] of vectors) t.equal(crc32c(data, 0), expected, what);
    t.comment(`LUNARRAY_SEED=${seed}`);
    const random = seededRandom(seed);
    const lengths = [0, 1, 7, 8, 9, 95, 96, 97, 191, 192, 193, 1535, 1536, 1537, 6143, 6144, 6145, 13000];
    for (const length of [...lengths, ...Array.from({ length: 20 }, () => random.below(9000))]) {
      const at = random.below(16);
      const data = random.bytes(length + at).subarray(at);
      const expected = reference(data);
      t.equal(crc32c(data, 0), expected, `${length} bytes`);
      const split = random.below(length + 1);
      t.equal(
        crc32c(data.subarray(split), crc32c(data.subarray(0, split), 0)),
        expected,
        `${length} split at ${split}`,
      );
    }
    t.end();
  });
}

for (const [name, { writeCrcs }] of each) {
  t.test(`${name}: digests of a stream in parts`, (t) => {
    t.comment(`LUNARRAY_SEED=${seed}`);
    const random = seededRandom(seed);
    for (let round = 0; round < 50; round++) {
      const pairs = Array.from(
        { length: 1 + random.below(9) },
        () => [random.below(5000), random.below(9000)] as const,
      );
      const bytes = pairs.reduce((sum, [skip, covered]) => sum + skip + covered + 4, random.below(100));
      const stream = random.bytes(bytes);
      const expected = Buffer.from(stream);
      let at = 0;
      for (const [skip, covered] of pairs) {
        const end = at + skip + covered;
        expected.writeUInt32LE(reference(expected.subarray(at + skip, end)), end);
        at = end + 4;
      }
      const parts: Buffer[] = [];
      for (let from = 0; from < bytes; ) {
        const to = Math.min(bytes, from + random.below(3000));
        parts.push(stream.subarray(from, to));
        from = to;
      }
      writeCrcs(parts, Uint32Array.from([...pairs.flat(), 7, 7]), pairs.length);
      t.ok(stream.equals(expected), `${pairs.length} digests in ${parts.length} parts`);
    }
    t.throws(() => writeCrcs([Buffer.alloc(51)], Uint32Array.of(0, 48), 1), RangeError, 'no room for the digest');
    t.throws(() => writeCrcs([Buffer.alloc(99)], Uint32Array.of(0, 48), 2), RangeError, 'fewer runs than said');
    t.end();
  });
}
