/**
 * UNMAP parameter list (SBC-4 5.35.2); all fields big-endian.
 *
 *   0–1  UNMAP DATA LENGTH: bytes after this field
 *   2–3  UNMAP BLOCK DESCRIPTOR DATA LENGTH: bytes of descriptors
 *   8    descriptors of 16 bytes: 0–7 LBA, 8–11 number of blocks, 12–15 reserved
 */

import { readUint64 } from './cdb.js';
import { parameterListLengthError, type Sense } from './sense.js';

export const UNMAP_HEADER = 8;
export const UNMAP_DESCRIPTOR = 16;

export interface UnmapRange {
  readonly lba: number;
  readonly blocks: number;
}

/**
 * Reads a list of at least one byte. A last descriptor that BLOCK DESCRIPTOR DATA LENGTH cuts is ignored, as
 * the standard says; a list that ends before the lengths in it is refused.
 */
export function decodeUnmapList(list: Buffer): readonly UnmapRange[] | Sense {
  if (list.length < UNMAP_HEADER) return parameterListLengthError();
  const dataLength = list.readUInt16BE(0);
  const descriptorBytes = list.readUInt16BE(2);
  if (dataLength + 2 > list.length || descriptorBytes + UNMAP_HEADER > dataLength + 2) {
    return parameterListLengthError();
  }
  const ranges: UnmapRange[] = [];
  const end = UNMAP_HEADER + descriptorBytes;
  for (let at = UNMAP_HEADER; at + UNMAP_DESCRIPTOR <= end; at += UNMAP_DESCRIPTOR) {
    ranges.push({ lba: readUint64(list, at), blocks: list.readUInt32BE(at + 8) });
  }
  return ranges;
}
