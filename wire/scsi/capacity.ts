/**
 * READ CAPACITY parameter data (SBC-4 5.19, 5.20); all fields big-endian.
 *
 *   (10)  0–3 last LBA (FFFFFFFFh: ask READ CAPACITY(16))   4–7 bytes per block
 *   (16)  0–7 last LBA   8–11 bytes per block
 *         12  P_TYPE (3:1), the type of protection information less one; PROT_EN (0)
 *         13  P_I_EXPONENT (7:4), zero; logical blocks per physical block, exponent (3:0)
 *         14  LBPME 80h, LBPRZ 40h, lowest aligned LBA (14 bits to byte 15)
 *         16–31 reserved
 */

import { BEYOND_ANYTHING, readUint64, writeUint64 } from './cdb.js';
import type { ProtectionType } from './protection.js';

const PROT_EN = 0x01;
/** By P_TYPE. */
const TYPES: readonly ProtectionType[] = [1, 2, 3];

export const READ_CAPACITY_10_BYTES = 8;
export const READ_CAPACITY_16_BYTES = 32;

export interface Capacity {
  /** Number of logical blocks. */
  readonly blocks: number;
  readonly blockSize: number;
  /** 2 to the power of this many logical blocks make a physical one. */
  readonly physicalExponent: number;
  /** LBA of the first logical block that starts a physical one. */
  readonly lowestAligned: number;
  /** LBPME: logical block provisioning management, i.e. UNMAP, is there. */
  readonly thin: boolean;
  /** LBPRZ: unmapped blocks read as zeros. */
  readonly readsZeros: boolean;
  readonly protection: ProtectionType;
}

export function encodeCapacity10(blocks: number, blockSize: number): Buffer {
  const bytes = Buffer.alloc(READ_CAPACITY_10_BYTES);
  bytes.writeUInt32BE(Math.min(blocks - 1, 0xffffffff), 0);
  bytes.writeUInt32BE(blockSize, 4);
  return bytes;
}

/** `blocks` is null when the capacity does not fit and READ CAPACITY(16) must be asked; null: too short. */
export function decodeCapacity10(bytes: Buffer): { blocks: number | null; blockSize: number } | null {
  if (bytes.length < READ_CAPACITY_10_BYTES) return null;
  const last = bytes.readUInt32BE(0);
  return { blocks: last === 0xffffffff ? null : last + 1, blockSize: bytes.readUInt32BE(4) };
}

export function encodeCapacity16(capacity: Capacity): Buffer {
  const bytes = Buffer.alloc(READ_CAPACITY_16_BYTES);
  writeUint64(bytes, capacity.blocks - 1, 0);
  bytes.writeUInt32BE(capacity.blockSize, 8);
  bytes[12] = capacity.protection === 0 ? 0 : ((capacity.protection - 1) << 1) | PROT_EN;
  bytes[13] = capacity.physicalExponent;
  const provisioning = (capacity.thin ? 0x8000 : 0) | (capacity.readsZeros ? 0x4000 : 0);
  bytes.writeUInt16BE(provisioning | capacity.lowestAligned, 14);
  return bytes;
}

/** What was cut off counts as zero. Null: too short, or a capacity beyond 2^53 blocks. */
export function decodeCapacity16(bytes: Buffer): Capacity | null {
  if (bytes.length < 12) return null;
  const last = readUint64(bytes, 0);
  if (last === BEYOND_ANYTHING) return null;
  const options = Buffer.concat([bytes.subarray(12, 16)], 4);
  return {
    blocks: last + 1,
    blockSize: bytes.readUInt32BE(8),
    physicalExponent: options[1]! & 0x0f,
    lowestAligned: options.readUInt16BE(2) & 0x3fff,
    thin: (options[2]! & 0x80) !== 0,
    readsZeros: (options[2]! & 0x40) !== 0,
    protection: (options[0]! & PROT_EN) === 0 ? 0 : (TYPES[(options[0]! >> 1) & 0x07] ?? 0),
  };
}
