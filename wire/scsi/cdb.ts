/**
 * Fields of command descriptor blocks and parameter lists (SPC-5 4.2). All fields are big-endian.
 * The position of the operation-specific fields follows from the CDB's size:
 *
 *   size  LBA       length           control
 *     6   1.4–3     4  (0 = 256)     5
 *    10   2–5       7–8              9
 *    12   2–5       6–9              11
 *    16   2–9       10–13            15
 */

/**
 * What a 64-bit field that exceeds 2^53 reads as. No capacity, length or offset in this array comes near,
 * so every range check refuses it.
 */
export const BEYOND_ANYTHING = Number.MAX_SAFE_INTEGER;

/** Eight bytes as a number; `BEYOND_ANYTHING` if it does not fit exactly. */
export function readUint64(buffer: Buffer, offset: number): number {
  const high = buffer.readUInt32BE(offset);
  if (high >= 0x200000) return BEYOND_ANYTHING;
  return high * 0x100000000 + buffer.readUInt32BE(offset + 4);
}

/** Stores a safe integer in eight bytes. */
export function writeUint64(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt32BE(Math.floor(value / 0x100000000), offset);
  buffer.writeUInt32BE(value % 0x100000000, offset + 4);
}

/** LOGICAL BLOCK ADDRESS of a 6-byte CDB: 21 bits. */
export function lba6(cdb: Buffer): number {
  return ((cdb[1]! & 0x1f) << 16) | cdb.readUInt16BE(2);
}

/** TRANSFER LENGTH of READ(6) and WRITE(6): 0 means 256 (SBC-4 5.9). */
export function length6(cdb: Buffer): number {
  return cdb[4] === 0 ? 256 : cdb[4]!;
}

/** LOGICAL BLOCK ADDRESS of a 10- or 12-byte CDB. */
export function lba10(cdb: Buffer): number {
  return cdb.readUInt32BE(2);
}

export function length10(cdb: Buffer): number {
  return cdb.readUInt16BE(7);
}

export function length12(cdb: Buffer): number {
  return cdb.readUInt32BE(6);
}

/** LOGICAL BLOCK ADDRESS of a 16-byte CDB. */
export function lba16(cdb: Buffer): number {
  return readUint64(cdb, 2);
}

export function length16(cdb: Buffer): number {
  return cdb.readUInt32BE(10);
}
