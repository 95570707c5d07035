/** Lists whose parts lie about each other: lengths that nest, wrap and overlap; numbers that wrap; keys of others. */
import t from 'tap';
import { CopyLimits } from '../../../target/copy/copy-limits.js';
import { encodeRegisterSegment } from '../../../wire/scsi/copy-segments.js';
import { Status } from '../../../wire/scsi/status.js';
import { keys, out } from '../scsi-primary/persistent-rig.js';
import { inList } from '../scsi-primary/rig.js';
import { blocks, bytes, CopyRig, copy, copyList, cscd, image, inSegment, sendList } from './copy-rig.js';
import { populate, TokenRig, tokenFor, writeUsing } from './token-rig.js';

const LENGTH = { key: 5, asc: 0x1a00 };
/** LBA fields of all ones: the block behind the last that can be counted. */
const END = 2 ** 53;

/** A list of two CSCDs, at 16 and 48, and two segments, at 80 and 108. */
const two = () => copyList({ segments: [blocks(1, 0, 0), blocks(1, 1, 1)] });
const SECOND = 108;

t.test('one part of the list inside of another', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  const bent = (change: (list: Buffer) => void) => {
    const list = two();
    change(list);
    return sendList(host, list).sense;
  };
  t.match(
    bent((list) => {
      list.writeUInt16BE(96, 2);
      list.writeUInt32BE(24, 8);
    }),
    { key: 5, asc: 0x2607, field: { inCdb: false, byte: 80 } },
    'segments taken for a CSCD',
  );
  t.match(
    bent((list) => {
      list.writeUInt16BE(32, 2);
      list.writeUInt32BE(88, 8);
    }),
    { key: 5, asc: 0x2609, field: { inCdb: false, byte: 48 } },
    'a CSCD taken for a segment',
  );
  t.match(
    bent((list) => list.writeUInt16BE(24 + 28, 82)),
    inList(82),
    'a segment that has the next one inside',
  );
  t.match(
    bent((list) => list.writeUInt16BE(0, SECOND + 2)),
    inList(SECOND + 2),
    'a segment of no length',
  );
  t.match(
    bent((list) => list.writeUInt16BE(0xffff, SECOND + 2)),
    inList(SECOND + 2),
    'beyond the list',
  );
  t.match(
    bent((list) => list.writeUInt32BE(55, 8)),
    inList(SECOND + 2),
    'the segment list cuts its last one off',
  );
  t.match(
    bent((list) => list.writeUInt32BE(0xfffffff0, 8)),
    LENGTH,
    'lengths whose sum wraps in 32 bits',
  );
  t.match(
    bent((list) => {
      list.writeUInt32BE(0xffffffff, 8);
      list.writeUInt32BE(0xffffffff, 12);
    }),
    LENGTH,
  );
  t.same(
    rig.layers.map(({ calls }) => calls),
    [[], []],
    'nothing was read or written',
  );
});

t.test('the same over all lengths: refused, or as many segments as there are', async (t) => {
  const host = new CopyRig().host('a');
  for (let at = 0; at < 16; at++) {
    for (const value of [0x00, 0x01, 0x20, 0x40, 0x7f, 0x80, 0xff]) {
      const list = two();
      list[at] = value;
      const { status, sense } = sendList(host, list);
      t.ok(status === Status.good || sense?.key === 5, `byte ${at}: ${value}`);
    }
  }
});

t.test('LBAs and amounts that wrap', async (t) => {
  const host = new CopyRig().host('a');
  const beyond = (byte: number) => ({ key: 0xa, asc: 0x0000, segment: 0, field: inSegment(byte) });
  const sense = (segment: Buffer) => copy(host, { segments: [segment] }).sense;
  t.match(sense(blocks(1, END, 0)), beyond(12));
  t.match(sense(blocks(1, 0, END)), beyond(20));
  t.match(sense(blocks(0xffff, 1000, 0)), beyond(12));
  t.match(sense(bytes(0xffffffff, [0, 511], [0, 0])), beyond(12));
  t.match(sense(bytes(1, [0, 0], [END, 0])), beyond(20));
  t.match(sense(bytes(1, [0, 512], [0, 0])), { key: 0xa, asc: 0x2600, field: inSegment(28) });
  t.match(sense(bytes(1, [0, 0], [0, 0xffff])), { key: 0xa, asc: 0x2600, field: inSegment(30) });
  t.match(sense(image(1, END, 0)), beyond(8));
  t.match(sense(image(0, 0, END)), beyond(16));
});

t.test('token ranges that wrap, overlap, nest, or are together too much', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const token = tokenFor(host, [[0, 8]], { listId: 9 });
  const cases: [string, [number, number][], object, number][] = [
    ['wraps', [[END, 0xffffffff]], { key: 5, asc: 0x2100 }, 0],
    ['ends beyond', [[1000, 0xffffffff]], { key: 5, asc: 0x2100, information: 1000 }, 0],
    [
      'the same twice',
      [
        [0, 4],
        [0, 4],
      ],
      {},
      16,
    ],
    [
      'the second within the first',
      [
        [0, 100],
        [50, 1],
      ],
      {},
      16,
    ],
    [
      'the first within the second',
      [
        [50, 1],
        [0, 100],
      ],
      {},
      16,
    ],
    [
      'the last block',
      [
        [0, 4],
        [3, 4],
      ],
      {},
      16,
    ],
  ];
  for (const [name, ranges, expected, at] of cases) {
    const pointed = (base: number) => (at === 0 ? expected : inList(base + at));
    t.match(populate(host, ranges).sense, pointed(16), `POPULATE TOKEN: ${name}`);
    t.match(writeUsing(host, token, ranges).sense, pointed(536), `WRITE USING TOKEN: ${name}`);
  }
  t.ok(rig.layers[1]!.data.every((byte) => byte === 0));
});

t.test('counts over the limits: the field that tells the count, or the first descriptor too many', async (t) => {
  const host = new CopyRig().host('a');
  const many = (count: number, one: Buffer) => new Array<Buffer>(count).fill(one);
  const lists = (format: 'lid1' | 'lid4') => ({
    cscds: copyList({ format, cscds: many(CopyLimits.cscds + 1, cscd(0)), segments: [] }),
    segments: copyList({ format, cscds: [], segments: many(CopyLimits.segments + 1, blocks(0, 0, 0)) }),
  });
  const over = (asc: number, byte: number) => ({ key: 5, asc, field: { inCdb: false, byte } });
  const last = 28 * CopyLimits.segments;
  t.match(sendList(host, lists('lid1').cscds).sense, over(0x2606, 2));
  t.match(sendList(host, lists('lid4').cscds, 'lid4').sense, over(0x2606, 42));
  t.match(sendList(host, lists('lid1').segments).sense, over(0x2608, 16 + last));
  t.match(sendList(host, lists('lid4').segments, 'lid4').sense, over(0x2608, 48 + last));
});

t.test('a segment cannot register by the key of another nexus, nor take its reservation', async (t) => {
  const rig = new CopyRig();
  const [host, other] = [rig.host('a'), rig.host('b')];
  out(other, 'register', { action: 7 });
  const pair = Buffer.alloc(16);
  pair.writeBigUInt64BE(7n, 0);
  pair.writeBigUInt64BE(8n, 8);
  const segments = [encodeRegisterSegment({ source: 0, destination: 0, keys: pair })];
  t.match(copy(host, { segments }).sense, {
    key: 0xa,
    asc: 0x0d01,
    segment: 0,
    field: { inCdb: false, byte: 16 },
    forwarded: { from: 'destination', status: Status.reservationConflict },
  });
  t.same(keys(other).keys, [7]);
});
