/**
 * Parameter list of WRITE SCATTERED (SBC-4 5.55): what to write where, followed by the blocks.
 *
 *   header        reserved 32
 *   descriptor    LOGICAL BLOCK ADDRESS 8 · NUMBER OF LOGICAL BLOCKS 4 · of WRITE SCATTERED(32): EXPECTED INITIAL
 *                 REFERENCE TAG 4 · EXPECTED APPLICATION TAG 2 · APPLICATION TAG MASK 2 · reserved 12
 *   data          at LOGICAL BLOCK DATA OFFSET, in the order of the descriptors
 */
import { readUint64 } from './cdb.js';

const HEADER = 32;
const DESCRIPTOR = 32;
export const NUMBER_OF_BLOCKS_BYTE = 8;
const REFERENCE_TAG_BYTE = 12;
const APPLICATION_TAG_BYTE = 16;
const MASK_BYTE = 18;

export interface ScatteredRange {
  /** Byte of the list at which the descriptor begins. */
  readonly offset: number;
  readonly lba: number;
  readonly blocks: number;
  /** As WRITE SCATTERED(32) tells them. */
  readonly referenceTag: number;
  readonly applicationTag: number;
  readonly mask: number;
}

/** Bytes of header and descriptors. */
export function scatteredListBytes(descriptors: number): number {
  return HEADER + descriptors * DESCRIPTOR;
}

/** @param list at least `scatteredListBytes(descriptors)` bytes */
export function decodeScatteredRanges(list: Buffer, descriptors: number): readonly ScatteredRange[] {
  return Array.from({ length: descriptors }, (_, index) => {
    const offset = HEADER + index * DESCRIPTOR;
    return {
      offset,
      lba: readUint64(list, offset),
      blocks: list.readUInt32BE(offset + NUMBER_OF_BLOCKS_BYTE),
      referenceTag: list.readUInt32BE(offset + REFERENCE_TAG_BYTE),
      applicationTag: list.readUInt16BE(offset + APPLICATION_TAG_BYTE),
      mask: list.readUInt16BE(offset + MASK_BYTE),
    };
  });
}
