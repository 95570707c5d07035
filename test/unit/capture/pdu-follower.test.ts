/** Whatever the pieces in which a stream comes: the same PDUs, each with its head, nothing lost or held back for long. */
import fc from 'fast-check';
import t from 'tap';
import { PduFollower } from '../../../target/ports/iscsi/capture/pdu-follower.js';

const SEED = Number(process.env.LUNARRAY_SEED ?? Date.now() % 2 ** 31);

interface Shape {
  readonly opcode: number;
  readonly ahs: number;
  readonly data: number;
}

function pdu({ opcode, ahs, data }: Shape, headerDigest: boolean, dataDigest: boolean, fill: number): Buffer {
  const bhs = Buffer.alloc(48, fill);
  bhs[0] = opcode;
  bhs[4] = ahs;
  bhs.writeUIntBE(data, 5, 3);
  const login = opcode === 0x03 || opcode === 0x43 || opcode === 0x23;
  return Buffer.concat([
    bhs,
    Buffer.alloc(4 * ahs, fill),
    Buffer.alloc(headerDigest && !login ? 4 : 0, fill),
    Buffer.alloc(data + (-data & 3), fill),
    Buffer.alloc(dataDigest && !login && data > 0 ? 4 : 0, fill),
  ]);
}

const shapes = fc.array(
  fc.record({
    opcode: fc.constantFrom(0x01, 0x41, 0x05, 0x03, 0x43, 0x23, 0x25),
    ahs: fc.constantFrom(0, 0, 0, 1, 7, 255),
    data: fc.constantFrom(0, 0, 1, 4, 511, 8192),
  }),
  { maxLength: 8 },
);

t.test('cut anywhere', async (t) => {
  t.comment(`seed ${SEED}`);
  const check = () =>
    fc.assert(
      fc.property(
        shapes,
        fc.boolean(),
        fc.boolean(),
        fc.array(fc.nat(600), { maxLength: 40 }),
        (list, header, data, cuts) => {
          const pdus = list.map((shape, index) => pdu(shape, header, data, index + 1));
          const stream = Buffer.concat(pdus);
          const follower = new PduFollower(() => ({ headerDigest: header, dataDigest: data }));
          const found: { head: string; bytes: Buffer }[] = [];
          let at = 0;
          const give = (end: number) => {
            // What was given is used again afterwards, as the memory of input is.
            const chunk = Buffer.from(stream.subarray(at, end));
            at = end;
            const middle = chunk.length >> 1;
            follower.follow([chunk.subarray(0, middle), chunk.subarray(middle)], (head, pieces, bytes) => {
              const content = Buffer.concat(pieces);
              if (content.length !== bytes) throw new Error('wrong length');
              if (head !== null) found.push({ head: head.toString('hex'), bytes: content });
              else found[found.length - 1]!.bytes = Buffer.concat([found[found.length - 1]!.bytes, content]);
            });
            chunk.fill(0);
          };
          for (const cut of cuts) if (at + cut < stream.length) give(at + cut);
          give(stream.length);
          return (
            found.length === pdus.length &&
            found.every(
              ({ head, bytes }, index) =>
                bytes.equals(pdus[index]!) &&
                head === pdus[index]!.subarray(0, 48 + 4 * list[index]!.ahs).toString('hex'),
            )
          );
        },
      ),
      { seed: SEED, numRuns: 200 },
    );
  t.doesNotThrow(check);
});

t.test('data is passed on as it comes, a head when it is whole', async (t) => {
  const follower = new PduFollower(() => ({ headerDigest: false, dataDigest: false }));
  const lengths: number[] = [];
  const follow = (bytes: Buffer) => follower.follow([bytes], (_head, _pieces, length) => lengths.push(length));
  const whole = pdu({ opcode: 0x05, ahs: 0, data: 1000 }, false, false, 1);
  follow(whole.subarray(0, 47));
  t.same(lengths, []);
  follow(whole.subarray(47, 148));
  t.same(lengths, [148]);
  follow(whole.subarray(148, 500));
  t.same(lengths, [148, 352]);
});
