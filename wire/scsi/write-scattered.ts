/**
 * Parameter list of WRITE SCATTERED (SBC-4 5.55): what to write where, followed by the blocks.
 *
 *   header        reserved 32
 *   descriptor    LOGICAL BLOCK ADDRESS 8 · NUMBER OF LOGICAL BLOCKS 4 · reserved (protection information) 20
 *   data          at LOGICAL BLOCK DATA OFFSET, in the order of the descriptors
 */
import { readUint64 } from './cdb.js';

const HEADER = 32;
const DESCRIPTOR = 32;
export const NUMBER_OF_BLOCKS_BYTE = 8;

export interface ScatteredRange {
  /** Byte of the list at which the descriptor begins. */
  readonly offset: number;
  readonly lba: number;
  readonly blocks: number;
}

/** Bytes of header and descriptors. */
export function scatteredListBytes(descriptors: number): number {
  return HEADER + descriptors * DESCRIPTOR;
}

/** @param list at least `scatteredListBytes(descriptors)` bytes */
export function decodeScatteredRanges(list: Buffer, descriptors: number): readonly ScatteredRange[] {
  return Array.from({ length: descriptors }, (_, index) => {
    const offset = HEADER + index * DESCRIPTOR;
    return { offset, lba: readUint64(list, offset), blocks: list.readUInt32BE(offset + NUMBER_OF_BLOCKS_BYTE) };
  });
}
