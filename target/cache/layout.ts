/**
 * Layout of cache.mem. Integers are in the machine's byte order (a mapping is read by the machine that wrote
 * it; the magic number shows a file from one of the other order as foreign).
 *
 * ```
 * page 0      header        words below; boot ids at bytes 128 and 192, owner at 256
 * page 1      intent        word 0: entries committed (0: none); from byte 64 on, 8 bytes an entry:
 *                           slot index, sector map; with the index's bits inverted (a negative number) the
 *                           entry has no data: its sectors are in place and become dirty
 * page 2…     intent data   INTENT_SLOTS slots; the entries' sectors stand packed one after the other
 * …           directory     32 bytes a slot (words below), padded to a page
 * …           data          16 KiB a slot
 * ```
 * What stands before the data is part 0 of the memory (`PartedMemory`), the data its other parts (`partLengths`).
 * An intent has room for several entries because a write that must be atomic over many slots is committed by
 * the same one store: INTENT_SLOTS slots of data, which lie in one slot more when they do not start at a slot.
 */
import type { PartedMemory } from '../disk/types.js';
import { ATOMIC_BYTES, SLOT_BYTES } from './types.js';

export const PAGE_BYTES = 4096;
export const INTENT_SLOTS = ATOMIC_BYTES / SLOT_BYTES;
export const INTENT_ENTRIES = INTENT_SLOTS + 1;

/** Indices of header words (32 bits). Words 1 to 7 are fixed when the file is formatted and under the checksum. */
export const HeaderWord = {
  magic: 0,
  version: 1,
  slots: 2,
  slotBytes: 3,
  recordBytes: 4,
  intentSlots: 5,
  directoryPage: 6,
  dataPage: 7,
  checksum: 8,
  /** Counts openings; its lowest bit chooses the boot id in force. */
  generation: 9,
  /** Equal to the generation: everything is on the medium (a clean close with dirty slots left). */
  settled: 10,
} as const;

export const MAGIC = 0x4c554e43;
/** Stands in place of the magic number while a file is being formatted: nothing in it counts yet. */
export const FORMATTING = 0x464d5421;
export const VERSION = 1;

export const BOOT_ID_OFFSETS = [128, 192] as const;
export const BOOT_ID_BYTES = 64;

/** Serial number of the array whose data this is; zeros: not known. */
export const OWNER_OFFSET = 256;
export const OWNER_BYTES = 32;

export const INTENT_OFFSET = PAGE_BYTES;
export const INTENT_ENTRIES_OFFSET = INTENT_OFFSET + 64;
export const INTENT_DATA_OFFSET = 2 * PAGE_BYTES;
export const DIRECTORY_OFFSET = INTENT_DATA_OFFSET + INTENT_SLOTS * SLOT_BYTES;

/** Indices of a directory record's words (32 bits). */
export const RecordWord = {
  volume: 0,
  /** Dirty map. 0: the rest of the record means nothing. */
  dirty: 1,
  slotLow: 2,
  slotHigh: 3,
  /** Words 4 and 5, a 64-bit float: of two dirty records for one place the higher one counts. */
  sequence: 4,
} as const;
export const RECORD_WORDS = 8;
export const RECORD_BYTES = RECORD_WORDS * 4;

/** Offset of the data area of a memory of `slots` slots. */
export function dataOffset(slots: number): number {
  return DIRECTORY_OFFSET + Math.ceil((slots * RECORD_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

/** Bytes of a memory of `slots` slots. */
export function memoryBytes(slots: number): number {
  return dataOffset(slots) + slots * SLOT_BYTES;
}

/** Slots in one part of the data area: a power of two, 1 GiB. */
const PART_SLOTS = 1 << 16;

/**
 * Bytes of the parts of a memory of `slots` slots: everything before the data area (2 MiB a GiB), then the data, as
 * many slots in each part as in the first one. No array of the machine's has more than 4 GiB.
 * @param partSlots a power of two
 */
export function partLengths(slots: number, partSlots = PART_SLOTS): number[] {
  const lengths = [dataOffset(slots)];
  for (let left = slots; left > 0; left -= partSlots) lengths.push(Math.min(left, partSlots) * SLOT_BYTES);
  return lengths;
}

/** `count` 32-bit words of what stands before the data, from byte `offset` on; left out: all of them. */
export function controlWords({ parts: [control] }: PartedMemory, offset = 0, count = control!.length >> 2): Int32Array {
  return new Int32Array(control!.buffer, control!.byteOffset + offset, count);
}

/** Where slot `index` is: part, and offset in it. */
export function placeInParts(parts: readonly Buffer[], index: number): { part: number; offset: number } {
  const inPart = parts[1]!.length / SLOT_BYTES;
  return { part: 1 + Math.floor(index / inPart), offset: (index % inPart) * SLOT_BYTES };
}

/** Slots that fit in `bytes`; may be below 1. Inverse of `memoryBytes`. */
export function slotsIn(bytes: number): number {
  let slots = Math.floor((bytes - DIRECTORY_OFFSET) / (SLOT_BYTES + RECORD_BYTES));
  while (slots > 0 && memoryBytes(slots) > bytes) slots--;
  return slots;
}
