/**
 * Protection information (SBC-4 4.21): eight bytes after each logical block, big-endian.
 *
 *   0–1  LOGICAL BLOCK GUARD, the block's CRC-16 (polynomial 8BB7h)
 *   2–3  LOGICAL BLOCK APPLICATION TAG
 *   4–7  LOGICAL BLOCK REFERENCE TAG
 *
 * Blocks that nobody has written since the format or an unmap have all ones. FFFFh as application tag (type 3: with
 * FFFFFFFFh as reference tag) says that a block is not to be checked.
 */

/** Bytes per block; the protection interval is the block (P_I_EXPONENT 0). */
export const PI_BYTES = 8;

/** 0: none. */
export type ProtectionType = 0 | 1 | 2 | 3;

export const PROTECTION_TYPES: readonly ProtectionType[] = [0, 1, 2, 3];

export const UNCHECKED_APPLICATION_TAG = 0xffff;
export const UNCHECKED_REFERENCE_TAG = 0xffffffff;

export interface ProtectionInformation {
  readonly guard: number;
  readonly applicationTag: number;
  readonly referenceTag: number;
}

/** @param at where the eight bytes begin */
export function decodeProtection(bytes: Buffer, at: number): ProtectionInformation {
  return {
    guard: bytes.readUInt16BE(at),
    applicationTag: bytes.readUInt16BE(at + 2),
    referenceTag: bytes.readUInt32BE(at + 4),
  };
}

export function encodeProtection(bytes: Buffer, at: number, info: ProtectionInformation): void {
  bytes.writeUInt16BE(info.guard, at);
  bytes.writeUInt16BE(info.applicationTag, at + 2);
  bytes.writeUInt32BE(info.referenceTag, at + 4);
}

/** Whether the tags say that the block is not to be checked (SBC-4 4.21.2.3 to 4.21.2.5). */
export function isUnchecked({ applicationTag, referenceTag }: ProtectionInformation, type: ProtectionType): boolean {
  if (applicationTag !== UNCHECKED_APPLICATION_TAG) return false;
  return type !== 3 || referenceTag === UNCHECKED_REFERENCE_TAG;
}

/** The reference tag of block `lba` where nobody says another one: of types 2 and 3 none is told (SBC-4 table 133). */
export function referenceTagOf(type: ProtectionType, lba: number): number {
  return type === 1 ? lba % 2 ** 32 : UNCHECKED_REFERENCE_TAG;
}
