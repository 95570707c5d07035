/**
 * Block device range descriptors of token commands (SBC-4 5.12.3), 16 bytes each, big-endian:
 * 0–7 LBA · 8–11 number of blocks · 12–15 reserved.
 */
import { readUint64, writeUint64 } from './cdb.js';
import { invalidFieldInParameterList, lbaOutOfRange, type Sense } from './sense.js';

export const RANGE_DESCRIPTOR = 16;
const COUNT_AT = 8;

/** A stretch of logical blocks. */
export interface BlockRange {
  readonly lba: number;
  readonly blocks: number;
}

/** One that came in a parameter list. */
export interface ListedRange extends BlockRange {
  /** Byte of the parameter list that it begins at. */
  readonly at: number;
}

/** The descriptors that came whole; what is cut off at the end is ignored, as the standard says. */
export function decodeRanges(list: Buffer, start: number, bytes: number): ListedRange[] {
  const ranges: ListedRange[] = [];
  const end = Math.min(start + bytes, list.length);
  for (let at = start; at + RANGE_DESCRIPTOR <= end; at += RANGE_DESCRIPTOR) {
    ranges.push({ lba: readUint64(list, at), blocks: list.readUInt32BE(at + COUNT_AT), at });
  }
  return ranges;
}

export function encodeRanges(ranges: readonly BlockRange[]): Buffer {
  const bytes = Buffer.alloc(ranges.length * RANGE_DESCRIPTOR);
  ranges.forEach(({ lba, blocks }, index) => {
    writeUint64(bytes, lba, index * RANGE_DESCRIPTOR);
    bytes.writeUInt32BE(blocks, index * RANGE_DESCRIPTOR + COUNT_AT);
  });
  return bytes;
}

/**
 * Why ranges cannot be taken; null: they can. A range of no blocks asks for nothing, wherever it is.
 * @param capacity of the logical unit, and `most` that all may have together, in blocks
 */
export function refusalOfRanges(ranges: readonly ListedRange[], capacity: number, most: number): Sense | null {
  let total = 0;
  for (const { lba, blocks, at } of ranges) {
    if (blocks > 0 && lba + blocks > capacity) return lbaOutOfRange(lba);
    total += blocks;
    if (total > most) return invalidFieldInParameterList(at + COUNT_AT);
  }
  const taken = ranges.filter(({ blocks }) => blocks > 0).sort((a, b) => a.lba - b.lba);
  for (const [index, range] of taken.entries()) {
    const before = taken[index - 1];
    // The later one of the list is what is wrong.
    if (before !== undefined && range.lba < before.lba + before.blocks) {
      return invalidFieldInParameterList(Math.max(range.at, before.at));
    }
  }
  return null;
}
