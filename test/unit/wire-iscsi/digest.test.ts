import t from 'tap';
import { dataDigest, headerDigest, writeDigest } from '../../../wire/iscsi/digest.js';

/** The examples of RFC 7143 A.4 (appendix: CRC examples), in the byte order of the wire. */
const examples: [string, Buffer, string][] = [
  ['32 bytes of zeros', Buffer.alloc(32), 'aa36918a'],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), '43aba862'],
  ['incrementing', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), '4e79dd46'],
  ['decrementing', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), '5cdb3f11'],
];

for (const [name, data, wire] of examples) {
  t.test(name, async (t) => {
    const to = Buffer.alloc(4);
    writeDigest(to, 0, headerDigest(data, null));
    t.equal(to.toString('hex'), wire);
    t.equal(headerDigest(data.subarray(0, 12), data.subarray(12)), headerDigest(data, null), 'AHS goes on');
    t.equal(dataDigest([data.subarray(0, 5), data.subarray(5)], 32), headerDigest(data, null), 'in parts');
  });
}

t.test('padding counts as zeros', async (t) => {
  t.equal(dataDigest([Buffer.of(1, 2, 3, 4, 5)], 5), dataDigest([Buffer.of(1, 2, 3, 4, 5, 0, 0, 0)], 8));
});
