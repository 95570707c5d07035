/**
 * CONTROL byte of CDBs (SAM-6 5.2): VENDOR SPECIFIC (7:6) · reserved (5:3) · NACA (2) · obsolete (1:0). It is the
 * last byte of a CDB of fixed length, and byte 1 of one of variable length.
 */
import { cdbLengthOf, Opcode } from './opcodes.js';

/** Normal ACA: CHECK CONDITION of the command establishes an ACA condition (SAM-6 5.9). */
export const NACA = { mask: 0x04, bit: 2 } as const;

/** Where the byte stands in a CDB with this operation code; null: only its vendor knows. */
export function controlByteOf(opcode: number): number | null {
  if (opcode === Opcode.variableLength) return 1;
  const length = cdbLengthOf(opcode);
  return length === null ? null : length - 1;
}

/** Whether NACA is set; false for a CDB that is too short to have the byte. */
export function hasNaca(cdb: Buffer): boolean {
  const at = controlByteOf(cdb[0]!);
  return at !== null && at < cdb.length && (cdb[at]! & NACA.mask) !== 0;
}
