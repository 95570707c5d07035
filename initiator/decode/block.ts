/** Answers of block and unit commands as an initiator reads them. */
import * as wire from '../../wire/scsi/capacity.js';
import { readUint64 } from '../../wire/scsi/cdb.js';
import { decodeLun } from '../../wire/scsi/lun.js';
import type { ProtectionType } from '../../wire/scsi/protection.js';

/** READ CAPACITY(16) data (SBC-4 5.21.2). */
export interface CapacityData {
  readonly blocks: number;
  readonly blockSize: number;
  /** Whole size in bytes. */
  readonly bytes: number;
  /** Logical blocks per physical block. */
  readonly blocksPerPhysical: number;
  readonly lowestAligned: number;
  /** LBPME: thin provisioning is managed. */
  readonly provisioningManaged: boolean;
  /** LBPRZ: unmapped blocks read as zeros. */
  readonly readsZeros: boolean;
  readonly protectionEnabled: boolean;
  /** Type of protection information, 0: none. */
  readonly protectionType: ProtectionType;
}

/** Null: too short, or a capacity that no number holds. */
export function decodeCapacity16(data: Buffer): CapacityData | null {
  const capacity = wire.decodeCapacity16(data);
  return capacity && capacityData(capacity);
}

/** READ CAPACITY(10) data (SBC-4 5.20.2); null also if the unit is too large for it. */
export function decodeCapacity10(data: Buffer): CapacityData | null {
  const capacity = wire.decodeCapacity10(data);
  if (capacity === null || capacity.blocks === null) return null;
  const { blocks, blockSize } = capacity;
  const untold = { physicalExponent: 0, lowestAligned: 0, thin: false, readsZeros: false, protection: 0 } as const;
  return capacityData({ ...untold, blocks, blockSize });
}

function capacityData(capacity: wire.Capacity): CapacityData {
  const { blocks, blockSize, lowestAligned, readsZeros } = capacity;
  return {
    blocks,
    blockSize,
    bytes: blocks * blockSize,
    blocksPerPhysical: 2 ** capacity.physicalExponent,
    lowestAligned,
    provisioningManaged: capacity.thin,
    readsZeros,
    protectionEnabled: capacity.protection !== 0,
    protectionType: capacity.protection,
  };
}

/** LUNs of REPORT LUNS data (SPC-5 6.34); those that are not single-level are left out. */
export function decodeLuns(data: Buffer): number[] {
  if (data.length < 8) return [];
  const end = Math.min(data.length, 8 + data.readUInt32BE(0));
  const luns: number[] = [];
  for (let at = 8; at + 8 <= end; at += 8) {
    const lun = decodeLun(data.subarray(at, at + 8));
    if (lun !== null) luns.push(lun);
  }
  return luns;
}

/** A stretch of blocks in one provisioning state (SBC-4 5.6.2). */
export interface LbaExtent {
  readonly lba: number;
  readonly blocks: number;
  readonly state: 'mapped' | 'deallocated' | 'anchored';
}

const STATES = ['mapped', 'deallocated', 'anchored'] as const;

/** Extents of GET LBA STATUS data; unknown states count as mapped. */
export function decodeLbaStatus(data: Buffer): LbaExtent[] {
  if (data.length < 8) return [];
  const end = Math.min(data.length, 4 + data.readUInt32BE(0));
  const extents: LbaExtent[] = [];
  for (let at = 8; at + 16 <= end; at += 16) {
    extents.push({
      lba: readUint64(data, at),
      blocks: data.readUInt32BE(at + 8),
      state: STATES[data[at + 12]! & 0x0f] ?? 'mapped',
    });
  }
  return extents;
}
