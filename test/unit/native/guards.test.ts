/** Guards of protection information: CRC-16 with polynomial 8BB7h (SBC-4 4.21.4). */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { each } from './each.js';

const seed = Number(process.env.LUNARRAY_SEED ?? Date.now() % 1e6);
t.comment(`LUNARRAY_SEED=${seed}`);

/** One bit at a time, as the standard draws it. */
function bitwise(data: Uint8Array): number {
  let crc = 0;
  for (const byte of data) {
    for (let bit = 7; bit >= 0; bit--) {
      const out = ((crc >> 15) ^ (byte >> bit)) & 1;
      crc = ((crc << 1) & 0xffff) ^ (out ? 0x8bb7 : 0);
    }
  }
  return crc;
}

const counted = (length: number, of: (index: number) => number) => Buffer.from(Array.from({ length }, (_, i) => of(i)));

/** Samples of SBC-4 4.21.4.4, and the usual check value. */
const SAMPLES: readonly (readonly [string, Buffer, number])[] = [
  ['32 bytes of 00h', Buffer.alloc(32), 0x0000],
  ['32 bytes of FFh', Buffer.alloc(32, 0xff), 0xa293],
  ['00h to 1Fh', counted(32, (i) => i), 0x0224],
  ['FFFFh and zeros', counted(32, (i) => (i < 2 ? 0xff : 0)), 0x21b8],
  ['123456789', Buffer.from('123456789'), 0xd0db],
];

for (const [name, { guards }] of each) {
  t.test(`${name}: samples`, async (t) => {
    for (const [what, data, expected] of SAMPLES) {
      const into = new Uint16Array(1);
      guards(data, data.length, data.length, into);
      t.equal(into[0], expected, what);
    }
  });

  t.test(`${name}: any block, any stride`, async (t) => {
    const random = seededRandom(seed);
    for (let round = 0; round < 100; round++) {
      const bytes = 1 + random.below(600);
      const stride = bytes + random.below(20);
      const count = random.below(6);
      const data = random.bytes(count * stride + random.below(9));
      const into = new Uint16Array(count);
      guards(data, bytes, stride, into);
      const expected = [...into.keys()].map((i) => bitwise(data.subarray(i * stride, i * stride + bytes)));
      t.same([...into], expected, `round ${round}: ${count} of ${bytes} bytes each ${stride}`);
    }
  });

  t.test(`${name}: what does not fit is refused`, async (t) => {
    t.throws(() => guards(Buffer.alloc(1031), 512, 520, new Uint16Array(2)), RangeError);
    guards(Buffer.alloc(1032), 512, 520, new Uint16Array(2));
    guards(Buffer.alloc(0), 512, 520, new Uint16Array(0));
    t.throws(() => guards(Buffer.alloc(10), -1, 520, new Uint16Array(1)), RangeError);
    t.throws(() => guards('no' as unknown as Buffer, 1, 1, new Uint16Array(1)), TypeError);
  });
}
