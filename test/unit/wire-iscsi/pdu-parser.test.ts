import fc from 'fast-check';
import t, { type Test } from 'tap';
import { BHS_BYTES, setAhsLength, setDataSegmentLength } from '../../../wire/iscsi/bhs.js';
import { dataDigest, headerDigest, paddingBytes, writeDigest } from '../../../wire/iscsi/digest.js';
import { LOGIN_LIMITS, type Pdu, PduError, PduParser } from '../../../wire/iscsi/pdu-parser.js';

interface Frame {
  ahs: Buffer;
  data: Buffer;
}

function encode(frame: Frame, digests: { header: boolean; data: boolean }): Buffer {
  const bhs = Buffer.alloc(BHS_BYTES, 0x5a);
  setAhsLength(bhs, 0, frame.ahs.length);
  setDataSegmentLength(bhs, 0, frame.data.length);
  const header = Buffer.alloc(digests.header ? 4 : 0);
  if (digests.header) writeDigest(header, 0, headerDigest(bhs, frame.ahs.length > 0 ? frame.ahs : null));
  const trailer = Buffer.alloc(digests.data && frame.data.length > 0 ? 4 : 0);
  if (trailer.length > 0) writeDigest(trailer, 0, dataDigest([frame.data], frame.data.length));
  return Buffer.concat([bhs, frame.ahs, header, frame.data, paddingBytes(frame.data.length), trailer]);
}

function collect(digests: { header: boolean; data: boolean }, limits = LOGIN_LIMITS) {
  const pdus: Pdu[] = [];
  const parser = new PduParser((pdu) => pdus.push(pdu), limits);
  parser.headerDigest = digests.header;
  parser.dataDigest = digests.data;
  return { pdus, parser };
}

const bytes = (count: number) => Buffer.from(Array.from({ length: count }, (_, i) => (i * 7 + count) & 0xff));

for (const digests of [
  { header: false, data: false },
  { header: true, data: false },
  { header: true, data: true },
  { header: false, data: true },
]) {
  const label = `header digest ${digests.header}, data digest ${digests.data}`;
  const frames: Frame[] = [
    { ahs: bytes(0), data: bytes(0) },
    { ahs: bytes(8), data: bytes(5) },
    { ahs: bytes(1020), data: bytes(4096) },
    { ahs: bytes(0), data: bytes(8192) },
    { ahs: bytes(0), data: bytes(1) },
  ];
  const stream = Buffer.concat(frames.map((frame) => encode(frame, digests)));
  const check = (t: Test, pdus: Pdu[]) => {
    t.equal(pdus.length, frames.length);
    for (const [i, frame] of frames.entries()) {
      const pdu = pdus[i]!;
      t.equal(pdu.dataLength, frame.data.length);
      t.ok(pdu.dataIntact);
      t.ok(Buffer.concat(pdu.data).equals(frame.data), 'data');
      t.same(pdu.ahs ?? Buffer.alloc(0), frame.ahs);
    }
  };

  t.test(`${label}: whole`, async (t) => {
    const { pdus, parser } = collect(digests);
    parser.push(stream);
    check(t, pdus);
    t.notOk(parser.midway);
    t.ok(
      pdus.every((pdu) => pdu.bhs.buffer === stream.buffer),
      'headers are slices',
    );
  });

  t.test(`${label}: byte by byte, few slices`, async (t) => {
    const { pdus, parser } = collect(digests);
    for (const byte of stream) parser.push(Buffer.of(byte));
    check(t, pdus);
    t.ok(
      pdus.every((pdu) => pdu.data.length <= 1),
      'crumbs gathered',
    );
  });

  t.test(`${label}: any cuts`, async (t) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 30 }), (cuts) => {
        const { pdus, parser } = collect(digests);
        const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
        for (let i = 1; i < places.length; i++) parser.push(stream.subarray(places[i - 1], places[i]));
        for (const [i, frame] of frames.entries()) {
          if (!Buffer.concat(pdus[i]!.data).equals(frame.data)) return false;
        }
        return pdus.length === frames.length;
      }),
      { seed: 7143, numRuns: 200 },
    );
    t.comment('seed 7143');
  });
}

t.test('large pieces are slices of their chunks, crumbs between them are not', async (t) => {
  const limits = { maxDataSegment: 300_000, maxAhs: 0 };
  const { pdus, parser } = collect({ header: false, data: false }, limits);
  const data = bytes(262_144);
  const stream = encode({ ahs: bytes(0), data }, { header: false, data: false });
  parser.push(stream.subarray(0, 60_000));
  parser.push(stream.subarray(60_000, 60_010));
  parser.push(stream.subarray(60_010));
  t.equal(pdus[0]!.data.length, 3);
  t.ok(Buffer.concat(pdus[0]!.data).equals(data));
  t.same(
    pdus[0]!.data.map((part) => part.buffer === stream.buffer),
    [true, false, true],
  );
});

t.test('data segment above the limit: refused from its header', async (t) => {
  const { parser } = collect({ header: false, data: false });
  const stream = encode({ ahs: bytes(0), data: bytes(8193) }, { header: false, data: false });
  t.throws(() => parser.push(stream.subarray(0, 48)), { name: 'PduError', code: 'data-segment-too-long' });
  t.throws(() => parser.push(stream), /used after an error/);
});

t.test('AHS above the limit', async (t) => {
  const { parser } = collect({ header: false, data: false }, { maxDataSegment: 8192, maxAhs: 8 });
  const stream = encode({ ahs: bytes(12), data: bytes(0) }, { header: false, data: false });
  t.throws(() => parser.push(stream), { code: 'ahs-too-long' });
});

t.test('header digest', async (t) => {
  const digests = { header: true, data: false };
  const stream = encode({ ahs: bytes(4), data: bytes(16) }, digests);
  for (const at of [0, 6, 47, 50]) {
    const { parser, pdus } = collect(digests);
    const bad = Buffer.from(stream);
    bad[at]! ^= 0x10;
    try {
      parser.push(bad);
      t.fail('accepted');
    } catch (error) {
      t.ok(error instanceof PduError && error.code === 'header-digest', `bit flipped in byte ${at}`);
    }
    t.equal(pdus.length, 0);
  }
});

t.test('data digest: the PDU is delivered as not intact, the next one is fine', async (t) => {
  const digests = { header: true, data: true };
  const one = encode({ ahs: bytes(0), data: bytes(10) }, digests);
  const bad = Buffer.from(one);
  bad[54]! ^= 1;
  const { parser, pdus } = collect(digests);
  parser.push(Buffer.concat([bad, one]));
  t.same(
    pdus.map((pdu) => pdu.dataIntact),
    [false, true],
  );
});

t.test('settings changed from within onPdu hold from the next PDU on', async (t) => {
  const lengths: number[] = [];
  const parser = new PduParser((pdu) => {
    lengths.push(pdu.dataLength);
    parser.headerDigest = true;
    parser.limits.maxDataSegment = 65536;
  });
  parser.push(
    Buffer.concat([
      encode({ ahs: bytes(0), data: bytes(3) }, { header: false, data: false }),
      encode({ ahs: bytes(0), data: bytes(20_000) }, { header: true, data: false }),
    ]),
  );
  t.same(lengths, [3, 20_000]);
});

t.test('large segments in memory of the owner, in any cuts, and received there', async (t) => {
  const limits = { maxDataSegment: 300_000, maxAhs: 1020 };
  for (const digests of [
    { header: false, data: false },
    { header: true, data: true },
  ]) {
    const lengths = [0, 100, 16_383, 16_384, 70_001, 5, 262_144];
    const frames = lengths.map((length) => ({ ahs: bytes(length % 3 === 0 ? 4 : 0), data: bytes(length) }));
    const stream = Buffer.concat(frames.map((frame) => encode(frame, digests)));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 40 }), (reads) => {
        const pdus: Pdu[] = [];
        const segments = { fromBytes: 16_384, take: (length: number) => Buffer.alloc(length, 0xee) };
        const parser = new PduParser((pdu) => pdus.push(pdu), limits, segments);
        parser.headerDigest = digests.header;
        parser.dataDigest = digests.data;
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          // As a socket does it: into the place that the parser names, or into a chunk.
          const target = parser.target;
          const want = Math.min(reads[turn % reads.length]!, stream.length - at);
          if (target === null) {
            const chunk = Buffer.alloc(want + 7);
            stream.copy(chunk, 0, at, at + want);
            parser.push(chunk, want);
            at += want;
          } else {
            const got = stream.copy(target, 0, at, at + Math.min(want, target.length));
            parser.filled(got);
            at += got;
          }
        }
        return frames.every(({ data }, i) => {
          const pdu = pdus[i]!;
          return pdu.dataIntact && Buffer.concat(pdu.data).equals(data) && pdu.supplied === data.length >= 16_384;
        });
      }),
      { seed: 7143, numRuns: 60 },
    );
  }
  t.comment('seed 7143');
});
