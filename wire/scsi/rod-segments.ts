/**
 * Segment descriptors of EXTENDED COPY that populate a ROD (SPC-5 6.4.6.20, 6.4.6.21), beside those of `copy-segments.ts`,
 * where bytes 0 to 7 are drawn; all fields big-endian. The source is the logical unit that got the command.
 *
 *   BEh  block ranges → ROD   13 RANGE DESCRIPTOR TYPE (01h) · 14–15 RANGE DESCRIPTORS LENGTH · 16– range descriptors
 *   BFh  block range → ROD    8–15 LBA · 16–19 blocks
 */
import { type BlockRange, decodeRanges, encodeRanges, type ListedRange, RANGE_DESCRIPTOR } from './block-ranges.js';
import { readUint64, writeUint64 } from './cdb.js';
import type { SegmentBase, SegmentFormat } from './copy-segments.js';
import { invalidFieldInParameterList } from './sense.js';

export const RodSegmentType = { ranges: 0xbe, range: 0xbf } as const;

/** Adds blocks to the end of a ROD. */
export interface PopulateSegment extends SegmentBase {
  readonly kind: 'populate';
  readonly ranges: readonly ListedRange[];
}

const RANGE_TYPE_AT = 13;
const RANGES_LENGTH_AT = 14;
const RANGES_AT = 16;
/** RANGE DESCRIPTOR TYPE: four gibi-block range descriptors. */
const FOUR_GIBI_BLOCKS = 0x01;
const RANGE_AT = 8;
const ONE_RANGE_BYTES = 20;
/** What DESCRIPTOR LENGTH can say. */
const LONGEST = 0xffff;

const severalRanges: SegmentFormat = {
  bytes: RANGES_AT,
  most: LONGEST,
  decode: (data, base) => {
    if (data[RANGE_TYPE_AT] !== FOUR_GIBI_BLOCKS) return invalidFieldInParameterList(base.at + RANGE_TYPE_AT);
    const bytes = data.readUInt16BE(RANGES_LENGTH_AT);
    const whole = bytes > 0 && bytes % RANGE_DESCRIPTOR === 0 && RANGES_AT + bytes === data.length;
    if (!whole) return invalidFieldInParameterList(base.at + RANGES_LENGTH_AT);
    const ranges = decodeRanges(data, RANGES_AT, bytes).map((range) => ({ ...range, at: base.at + range.at }));
    return { ...base, kind: 'populate', ranges };
  },
};

const oneRange: SegmentFormat = {
  bytes: ONE_RANGE_BYTES,
  decode: (data, base) => {
    const range = { lba: readUint64(data, RANGE_AT), blocks: data.readUInt32BE(RANGE_AT + 8), at: base.at + RANGE_AT };
    return { ...base, kind: 'populate', ranges: [range] };
  },
};

/** By type code, ascending. */
export const rodFormats: readonly (readonly [number, SegmentFormat])[] = [
  [RodSegmentType.ranges, severalRanges],
  [RodSegmentType.range, oneRange],
];

type Ends = Pick<SegmentBase, 'source' | 'destination'>;

function encode(type: number, bytes: number, { source, destination }: Ends): Buffer {
  const data = Buffer.alloc(bytes);
  data[0] = type;
  data.writeUInt16BE(bytes - 4, 2);
  data.writeUInt16BE(source, 4);
  data.writeUInt16BE(destination, 6);
  return data;
}

/** BEh. */
export function encodePopulateSegment(segment: Ends & { readonly ranges: readonly BlockRange[] }): Buffer {
  const ranges = encodeRanges(segment.ranges);
  const data = encode(RodSegmentType.ranges, RANGES_AT + ranges.length, segment);
  data[RANGE_TYPE_AT] = FOUR_GIBI_BLOCKS;
  data.writeUInt16BE(ranges.length, RANGES_LENGTH_AT);
  ranges.copy(data, RANGES_AT);
  return data;
}

/** BFh. */
export function encodePopulateRangeSegment(segment: Ends & BlockRange): Buffer {
  const data = encode(RodSegmentType.range, ONE_RANGE_BYTES, segment);
  writeUint64(data, segment.lba, RANGE_AT);
  data.writeUInt32BE(segment.blocks, RANGE_AT + 8);
  return data;
}
