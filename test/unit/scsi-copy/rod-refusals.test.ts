/** ROD CSCD descriptors and segments for RODs that are refused: each with its sense and field pointer. */
import t from 'tap';
import { encodeRegisterSegment } from '../../../wire/scsi/copy-segments.js';
import { RodType } from '../../../wire/scsi/rod-token.js';
import { inList } from '../scsi-primary/rig.js';
import {
  blocks,
  bytes,
  CopyRig,
  copy,
  cscd,
  image,
  inCopyList,
  inSegment,
  type ListSpec,
  OWN_UNIT,
} from './copy-rig.js';
import { populateBy, populateByOne, ROD_AT, type RodSpec, rod, SEGMENTS_AT, withRod, withTokenRod } from './rod-rig.js';
import { blocksAndStream, motion, TAPE } from './stream-rig.js';
import { TokenRig, tokenFor, writeUsing } from './token-rig.js';

const WEEK = 7 * 86_400;
const COPY_INVALID = { name: 'copy-invalid-field', key: 0xa, asc: 0x2600 };

t.test('ROD CSCD descriptors (SPC-5 6.4.5.9, table 144)', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const inline = tokenFor(host, [[0, 4]]);
  const remote = { name: 'token-remote', asc: 0x2302, field: { inCdb: false, byte: ROD_AT + 4 } };
  const refused: readonly (readonly [string, RodSpec, object, Partial<ListSpec>?])[] = [
    ['access upon reference', { type: 0x00010000 }, inList(ROD_AT + 8)],
    ['a type of no kind', { type: 0x00800003 }, inList(ROD_AT + 8)],
    ['zeros are not populated', { type: RodType.zero }, inList(ROD_AT + 8)],
    ['to be made by the creator of a token', { producer: 0xf800 }, inList(ROD_AT + 4)],
    ['made by another logical unit', { producer: 1 }, remote],
    ['a token of another logical unit, by its CSCD', { producer: 1, type: 0 }, remote],
    ['a null logical unit', { producer: 0xc000 }, remote],
    ['a token of a token', { producer: 0xf800, type: 0, wantsToken: true }, inList(ROD_AT + 22, 0)],
    ['a token of a token of its own', { type: 0, wantsToken: true }, inList(ROD_AT + 22, 0)],
    ['a token that nobody can ask for', { wantsToken: true }, inList(ROD_AT + 22, 0), { listId: 0, listIdUsage: 3 }],
    ['lifetime of no token', { lifetime: 1 }, inList(ROD_AT + 12)],
    ['lifetime', { lifetime: WEEK + 1, wantsToken: true }, inList(ROD_AT + 12)],
    ['inactivity timeout of no token', { inactivityTimeout: 1 }, inList(ROD_AT + 16)],
    ['inactivity timeout', { inactivityTimeout: 86_401, wantsToken: true }, inList(ROD_AT + 16)],
    ['delete what there is not', { deleteToken: true }, inList(ROD_AT + 23, 0)],
    ['a token where there is none', { tokenOffset: 1 }, inList(ROD_AT + 24)],
    ['a token beyond the inline data', { producer: 0xf800, type: 0, tokenOffset: 1 }, inList(ROD_AT + 24)],
    ['far beyond it', { producer: 0xf800, type: 0, tokenOffset: 0xffffffff }, inList(ROD_AT + 24)],
    ['without inline data', { type: 0 }, inList(ROD_AT + 24), { inline: Buffer.alloc(511) }],
  ];
  for (const [what, spec, sense, list] of refused) {
    t.match(copy(host, { cscds: withRod(spec), inline, ...list }).sense, sense, what);
  }
  const taken: readonly (readonly [string, RodSpec, Partial<ListSpec>?])[] = [
    ['any type of a point in time', { type: RodType.pointInTimeAny }],
    ['longest times', { lifetime: WEEK, inactivityTimeout: 86_400, wantsToken: true }],
    ['a token although held data is to be dropped', { wantsToken: true }, { listIdUsage: 2 }],
    ['its own token, by FFFFh', { type: 0 }],
    ['the device type of a token is ignored', { producer: 0xf800, type: 0, deviceType: 5 }],
  ];
  for (const [what, spec, list] of taken) {
    t.equal(copy(host, { cscds: withRod(spec), inline, ...list }).sense, null, what);
  }
});

t.test('segments that populate (SPC-5 6.4.6.20)', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  const sense = (segments: Buffer[], cscds = withRod()) =>
    copy(host, { cscds, segments, inline: Buffer.alloc(512) }).sense;
  const bent = (change: (segment: Buffer) => void) => {
    const segment = populateBy([[0, 4]]);
    change(segment);
    return segment;
  };
  const at = (byte: number) => inList(SEGMENTS_AT + byte);
  t.match(sense([populateBy([[0, 4]], 0, 1)]), at(4), 'another source than the unit that got the command');
  t.match(sense([populateByOne([0, 4], 1)]), at(6), 'no ROD');
  t.match(sense([populateByOne([0, 4], 9)]), at(6), 'no CSCD');
  t.match(sense([populateByOne([0, 4], OWN_UNIT)]), at(6));
  t.match(sense([populateByOne([0, 4])], withRod({ deviceType: 1 })), inList(ROD_AT + 1));
  t.match(sense([populateBy([])]), at(14), 'no ranges');
  t.match(sense([bent((segment) => segment.writeUInt8(2, 13))]), at(13), 'RANGE DESCRIPTOR TYPE');
  for (const length of [0, 15, 17, 32, 0xffff]) {
    t.match(sense([bent((segment) => segment.writeUInt16BE(length, 14))]), at(14), `ranges of ${length} bytes`);
  }
  t.match(sense([bent((segment) => segment.writeUInt16BE(11, 2))]), at(2), 'shorter than its header');
  t.match(sense([bent((segment) => segment.writeUInt16BE(0xfffc, 2))]), at(2), 'longer than the list');
  const double = [
    [10, 4],
    [0, 11],
  ] as const;
  t.match(sense([populateBy(double)]), at(32), 'the same block twice');
  t.match(sense([populateByOne([10, 4]), blocks(1, 0, 0), populateByOne([0, 11])]), at(20 + 28 + 8), 'by two segments');
  t.equal(sense([populateByOne([0, 4], 0), populateByOne([0, 4], 2)], [...withRod(), rod()]), null, 'of two RODs');
  t.match(sense([populateByOne([0, 0xffffffff])]), at(16), 'more than 256 GiB, wherever they are');
  t.match(sense([populateByOne([2 ** 53, 1])]), { name: 'copy-segment-field', segment: 0, field: inSegment(8) });
  const beyond = [
    [0, 4],
    [9999, 0],
    [1020, 5],
  ] as const;
  t.match(sense([populateBy(beyond)]), { key: 0xa, asc: 0x0000, segment: 0, field: inSegment(16 + 32) });
  t.match(sense([populateByOne([0, 4]), populateByOne([1023, 2])]), { segment: 1, field: inSegment(8) });
  const ranges = (count: number, first: number) => Array.from({ length: count }, (_, i) => [first + 2 * i, 1] as const);
  t.equal(sense([populateBy(ranges(128, 0)), populateBy(ranges(128, 300))]), null);
  t.match(sense([populateBy(ranges(128, 0)), populateBy(ranges(129, 300))]), {
    name: 'too-many-segments',
    field: { byte: SEGMENTS_AT + 16 + 2048 + 16 + 2048 },
  });
  t.match(sense([populateByOne([0, 4])], withRod({ blockLength: 4096 })), {
    name: 'incorrect-copy-target-type',
    segment: 0,
    field: inCopyList(ROD_AT + 29),
  });
  t.same(
    rig.images.map(({ alive }) => alive),
    [0, 0],
  );
});

t.test('a ROD is no destination (SPC-5 5.17.6.2.3.1)', async (t) => {
  const host = new TokenRig([{}, {}]).host('a');
  const back = { source: 1, destination: 0 };
  const at = inList(SEGMENTS_AT + 6);
  for (const segment of [
    blocks(1, 0, 0, back),
    bytes(1, [0, 0], [0, 0], back),
    Buffer.from(image(1, 0, 0)).fill(0, 6, 8),
    motion(0x10, 0, 1, 0),
    encodeRegisterSegment({ source: 0, destination: 0, keys: Buffer.alloc(16) }),
  ]) {
    t.match(copy(host, { cscds: withRod(), segments: [segment] }).sense, at, `type ${segment[0]}`);
  }
  const inline = tokenFor(host, [[0, 4]]);
  for (const segment of [blocks(1, 0, 0, back), populateByOne([0, 4])]) {
    t.match(copy(host, { cscds: withTokenRod(), segments: [segment], inline }).sense, at, `of a token: ${segment[0]}`);
  }
  const tape = [rod(), cscd(1, TAPE)];
  t.match(
    copy(host, { cscds: tape, segments: [blocksAndStream(0x01, 512, 1, 0, { source: 1, destination: 0 })] }).sense,
    at,
  );
});

t.test('what was not populated cannot be read, and what was read is populated no further', async (t) => {
  const host = new TokenRig().host('a');
  const sense = (...segments: Buffer[]) => copy(host, { cscds: withRod(), segments }).sense;
  const unreachable = { name: 'unreachable-copy-target', key: 0xa, asc: 0x0804, field: inCopyList(ROD_AT) };
  t.match(sense(blocks(1, 0, 0)), { ...unreachable, segment: 0 });
  t.match(sense(blocks(0, 0, 0), populateByOne([0, 1])), { ...unreachable, segment: 0 });
  const done = { ...COPY_INVALID, segment: 2, field: inSegment(6) };
  t.match(sense(populateByOne([0, 1]), blocks(1, 0, 0), populateByOne([8, 1])), done);
  t.match(sense(populateByOne([0, 1]), blocks(0, 0, 0), populateBy([[8, 1]])), done);
  t.match(sense(populateByOne([0, 1]), blocks(1, 1, 0)), { name: 'copy-segment-field', field: inSegment(12) });
});

t.test('tokens that cannot be used, before anything is done', async (t) => {
  const rig = new TokenRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 4, 1);
  const token = tokenFor(host, [[0, 4]]);
  const segments = [blocks(1, 0, 0, { source: OWN_UNIT, destination: 1 }), blocks(4, 0, 8)];
  const tokenAt = SEGMENTS_AT + 2 * 28;
  const bend = (at: number, value: number) => {
    const bent = Buffer.from(token);
    bent[at] = value;
    return bent;
  };
  const cases: readonly (readonly [string, Buffer, object])[] = [
    ['length', bend(7, 0xf0), { asc: 0x230a, field: inCopyList(tokenAt + 6) }],
    ['type', bend(0, 1), { asc: 0x2301, field: inCopyList(tokenAt) }],
    ['array', bend(140, token[140]! ^ 1), { asc: 0x2302, field: inCopyList(tokenAt + 128) }],
    ['identifier', bend(8, token[8]! ^ 1), { asc: 0x2304, field: inCopyList(tokenAt) }],
    ['secret', bend(511, token[511]! ^ 1), { asc: 0x2305, field: inCopyList(tokenAt) }],
  ];
  for (const [what, inline, sense] of cases) {
    t.match(copy(host, { cscds: withTokenRod(), segments, inline }).sense, { key: 5, ...sense }, what);
  }
  writeUsing(host, token, [[100, 1]], { deleteToken: true });
  const deleted = copy(host, { cscds: withTokenRod(), segments, inline: token });
  t.match(deleted.sense, { key: 5, asc: 0x2309, field: inCopyList(tokenAt) });
  t.same(rig.layers[1]!.mapped.filter(Boolean).length, 1, 'only what WRITE USING TOKEN wrote');
});

t.test('without images there are no RODs', async (t) => {
  const host = new CopyRig().host('a');
  const { sense } = copy(host, { cscds: withRod(), segments: [populateByOne([0, 1])] });
  t.match(sense, { name: 'no-rod-resources', key: 5, asc: 0x550c });
});
