/** EXTENDED COPY parameter lists: both formats into one structure; lists that lie, with the exact sense. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { CopyLimits } from '../../../target/copy/copy-limits.js';
import { thirdPartyCopyOut } from '../../../wire/scsi/cdb-build.js';
import { type CopyList, decodeCopyList } from '../../../wire/scsi/extended-copy.js';
import type { Sense } from '../../../wire/scsi/sense.js';
import { blocks, bytes, CopyRig, copyList, cscd, image, sendList } from './copy-rig.js';

const decode = (list: Buffer, format: CopyList['format'] = 'lid1') => {
  const read = decodeCopyList(list, format, CopyLimits);
  return 'key' in read ? read : read.list;
};

t.test('the two formats say the same', async (t) => {
  const segments = [blocks(5, 6, 7, { dc: true, cat: true }), bytes(9, [1, 2], [3, 4]), image(0, 8, 9)];
  const parts = { cscds: [cscd(0, { pad: true, blockLength: 512 }), cscd(1)], segments };
  const [one, four] = (['lid1', 'lid4'] as const).map(
    (format) => decode(copyList({ ...parts, format, listId: 7, listIdUsage: 2, priority: 3 }), format) as CopyList,
  );
  t.match(one, { listId: 7, listIdUsage: 2, priority: 3, immediate: false });
  t.same(
    one!.segments.map(({ at: _at, ...rest }) => rest),
    four!.segments.map(({ at: _at, ...rest }) => rest),
  );
  t.match(one!.segments, [
    { kind: 'blocks', number: 0, at: 80, destinationCount: true, concatenate: true, hold: false, blocks: 5 },
    { kind: 'bytes', bytes: 9, sourceLba: 1, sourceOffset: 2, destinationLba: 3, destinationOffset: 4 },
    { kind: 'image', blocks: Number.MAX_SAFE_INTEGER, sourceLba: 8, destinationLba: 9 },
  ]);
  t.same([...one!.cscds.keys()], [0, 1]);
  t.same([...four!.cscds.keys()], [1, 2], 'the header stands for ID 0');
  for (const [id, cscd] of [...one!.cscds, ...four!.cscds]) t.match(cscd, { at: 16 + 32 * id });
  const address = { kind: 'designator', designatorType: 3, codeSet: 1 };
  t.match(one!.cscds.get(0), { pad: true, blockLength: 512, deviceType: 0, address });
});

/** A good list, changed. */
const good = {
  lid1: copyList({ segments: [blocks(1, 0, 0)] }),
  lid4: copyList({ format: 'lid4', segments: [blocks(1, 0, 0)] }),
};
type Change = (list: Buffer) => Buffer | undefined;
const at =
  (byte: number, value: number): Change =>
  (list) => {
    list[byte] = value;
    return undefined;
  };
/** One byte more of inline data than may be; its length stands at `byte`. */
const withInline =
  (byte: number, width: number): Change =>
  (list) => {
    const inline = Buffer.alloc(CopyLimits.inlineBytes + 1);
    list.writeUIntBE(inline.length, byte, width);
    return Buffer.concat([list, inline]);
  };
/** LIST ID USAGE 11b and no list identifier, LID4. */
const withoutId = (list: Buffer) => {
  list[1] = 0x18;
  return list.fill(0, 20, 24);
};
const error = (name: string, byte?: number, bit?: number) => {
  if (byte === undefined) return { name };
  return { name, field: bit === undefined ? { inCdb: false, byte } : { inCdb: false, byte, bit } };
};
const LENGTH = 'parameter-list-length';
const FIELD = 'invalid-field-in-list';

const lies: readonly (readonly [string, 'lid1' | 'lid4', Change, ReturnType<typeof error>])[] = [
  ['header cut', 'lid1', (list) => list.subarray(0, 15), error(LENGTH)],
  ['header cut', 'lid4', (list) => list.subarray(0, 47), error(LENGTH)],
  ['last segment cut', 'lid1', (list) => list.subarray(0, -1), error(LENGTH)],
  ['CSCD list longer than all', 'lid1', at(2, 0xff), error(LENGTH)],
  ['segment list of 4 GiB', 'lid1', at(8, 0xff), error(LENGTH)],
  ['inline data of 4 GiB', 'lid1', at(12, 0xff), error(LENGTH)],
  ['all three at their largest', 'lid4', (list) => void list.fill(0xff, 42, 48), error(LENGTH)],
  ['half a CSCD descriptor', 'lid1', at(3, 48), error(FIELD, 2)],
  ['half a CSCD descriptor', 'lid4', at(43, 48), error(FIELD, 42)],
  ['inline data above the limit', 'lid1', withInline(12, 4), error('inline-data-length', 12)],
  ['inline data above the limit', 'lid4', withInline(46, 2), error('inline-data-length', 46)],
  ['reserved list ID usage', 'lid1', at(1, 0x08), error(FIELD, 1, 4)],
  ['a list ID where there is none', 'lid1', at(1, 0x18), error(FIELD, 0)],
  ['a list ID where there is none', 'lid4', at(1, 0x18), error(FIELD, 20)],
  ['unknown list format', 'lid4', at(0, 2), error(FIELD, 0)],
  ['header CSCD length', 'lid4', at(3, 0x40), error(FIELD, 2)],
  ['header CSCD type', 'lid4', at(16, 0xe4), error(FIELD, 16)],
  ['IMMED without list ID', 'lid4', (list) => withoutId(at(15, 1)(list) ?? list), error('immediate-not-allowed')],
  ['IMMED with sense', 'lid4', at(15, 3), error('immediate-not-allowed')],
  ['CSCD of another transport', 'lid1', at(16, 0xe7), error('unsupported-target-descriptor', 16)],
  ['second CSCD of another type', 'lid1', at(48, 0xe0), error('unsupported-target-descriptor', 48)],
  ['CSCD extension', 'lid4', at(48, 0xff), error('unsupported-target-descriptor', 48)],
  ['designator longer than its field', 'lid1', at(23, 21), error(FIELD, 23)],
  ['segment of no kind', 'lid1', at(80, 0x17), error('unsupported-segment-descriptor', 80)],
  ['segment of no kind', 'lid4', at(112, 0xbd), error('unsupported-segment-descriptor', 112)],
  ['segment shorter than its kind', 'lid1', at(83, 0x14), error(FIELD, 82)],
  ['segment that reaches beyond the list', 'lid1', at(80, 0x0a), error(FIELD, 82)],
  ['segment of another length', 'lid1', at(82, 0xff), error(FIELD, 82)],
  [
    'rest of a segment',
    'lid1',
    (list) => Buffer.concat([at(11, 30)(list) ?? list, Buffer.from([2, 0])]),
    error(LENGTH),
  ],
];

t.test('lists that lie', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  for (const [name, format, change, expected] of lies) {
    const copied = Buffer.from(good[format]);
    const { sense, status } = sendList(host, change(copied) ?? copied, format);
    t.equal(status, 2, `${format}: ${name}`);
    t.match(sense, { key: 5, ...expected }, `${format}: ${name}`);
    if (expected.field === undefined) t.equal(sense?.field, undefined);
  }
  t.same(
    rig.layers.map(({ calls }) => calls),
    [[], []],
    'nothing was read or written',
  );
});

t.test('more descriptors than the limits allow', async (t) => {
  const host = new CopyRig().host('a');
  const many = <T>(count: number, one: T) => new Array<T>(count).fill(one);
  const segment = blocks(0, 0, 0);
  const cscds = many(CopyLimits.cscds, cscd(0));
  const segments = many(CopyLimits.segments, segment);
  t.equal(sendList(host, copyList({ cscds, segments })).status, 0, 'as many as are allowed');
  const over = { cscds: [...cscds, cscd(0)], segments: [...segments, segment] };
  t.match(sendList(host, copyList({ cscds: over.cscds, segments: [segment] })).sense, error('too-many-targets', 2));
  const at = 16 + 64 + 28 * CopyLimits.segments;
  t.match(sendList(host, copyList({ segments: over.segments })).sense, error('too-many-segments', at));
  const long = many(CopyLimits.segments + 200, segment);
  t.match(sendList(host, copyList({ segments: long })).sense, error(LENGTH), 'more bytes than any list may have');
});

t.test('the length in the CDB', async (t) => {
  const host = new CopyRig().host('a');
  const list = good.lid1;
  for (const length of [1, 15, 0x00010000, 0xffffffff]) {
    t.match(host.run(thirdPartyCopyOut(0, length), list).sense, error(LENGTH), `${length}`);
    t.equal(host.owner.responded.at(-1)?.dataOutLength, 0, 'nothing was fetched');
  }
  t.match(
    host.run(thirdPartyCopyOut(0, list.length), list.subarray(0, 40)).sense,
    error(LENGTH),
    'the host sends less',
  );
  t.equal(host.run(thirdPartyCopyOut(0, list.length), list).status, 0);
});

for (const seed of [11, 12]) {
  t.test(`any bytes, seed ${seed}: refused or taken, by both formats`, async (t) => {
    const random = seededRandom(seed);
    const endings = new Set<string>();
    for (let round = 0; round < 20_000; round++) {
      const format = random.below(2) === 0 ? 'lid1' : 'lid4';
      const list = Buffer.from(random.below(8) === 0 ? random.bytes(random.below(200)) : good[format]);
      for (let i = random.below(4); i > 0; i--) list[random.below(list.length || 1)] = random.below(256);
      const read: CopyList | Sense = decode(
        list.subarray(0, list.length - (random.below(4) === 0 ? random.below(9) : 0)),
        format,
      );
      endings.add('key' in read ? read.name : 'taken');
    }
    for (const ending of ['taken', LENGTH, FIELD, 'unsupported-target-descriptor', 'unsupported-segment-descriptor']) {
      t.ok(endings.has(ending), ending);
    }
  });
}
