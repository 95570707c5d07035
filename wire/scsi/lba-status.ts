/**
 * GET LBA STATUS parameter data (SBC-4 5.7); all fields big-endian.
 *
 *   0–3  parameter data length: bytes after this field
 *   8    descriptors of 16 bytes: 0–7 LBA, 8–11 number of blocks, 12 provisioning status (low four bits)
 *
 * Left out: completion conditions and additional status, zero here.
 */

import { readUint64, writeUint64 } from './cdb.js';

export const LBA_STATUS_HEADER = 8;
export const LBA_STATUS_DESCRIPTOR = 16;

/** PROVISIONING STATUS. */
export const ProvisioningStatus = { mapped: 0, deallocated: 1, anchored: 2 } as const;

export interface LbaStatus {
  readonly lba: number;
  readonly blocks: number;
  readonly status: number;
}

export function encodeLbaStatus(list: readonly LbaStatus[]): Buffer {
  const bytes = Buffer.alloc(LBA_STATUS_HEADER + list.length * LBA_STATUS_DESCRIPTOR);
  bytes.writeUInt32BE(bytes.length - 4, 0);
  list.forEach(({ lba, blocks, status }, index) => {
    const at = LBA_STATUS_HEADER + index * LBA_STATUS_DESCRIPTOR;
    writeUint64(bytes, lba, at);
    bytes.writeUInt32BE(blocks, at + 8);
    bytes[at + 12] = status;
  });
  return bytes;
}

/** The descriptors that came whole. */
export function decodeLbaStatus(bytes: Buffer): readonly LbaStatus[] {
  const list: LbaStatus[] = [];
  if (bytes.length < LBA_STATUS_HEADER) return list;
  const end = Math.min(bytes.length, 4 + bytes.readUInt32BE(0));
  for (let at = LBA_STATUS_HEADER; at + LBA_STATUS_DESCRIPTOR <= end; at += LBA_STATUS_DESCRIPTOR) {
    list.push({
      lba: readUint64(bytes, at),
      blocks: bytes.readUInt32BE(at + 8),
      status: bytes[at + 12]! & 0x0f,
    });
  }
  return list;
}
