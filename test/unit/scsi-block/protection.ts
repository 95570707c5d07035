/** Blocks with protection information for the tests, and CDBs of 32 bytes. */
import { native } from '../../../native/index.js';
import { encodeProtection, PI_BYTES, type ProtectionInformation } from '../../../wire/scsi/protection.js';

export function guardOf(block: Buffer): number {
  const into = new Uint16Array(1);
  native.guards(block, block.length, block.length, into);
  return into[0]!;
}

/** One block and its information; `lba` is its reference tag. */
export function protectedBlock(block: Buffer, lba: number, other: Partial<ProtectionInformation> = {}): Buffer {
  const information = Buffer.alloc(PI_BYTES);
  encodeProtection(information, 0, { guard: guardOf(block), applicationTag: 0, referenceTag: lba, ...other });
  return Buffer.concat([block, information]);
}

/** The application tag of what is written without information. */
export const MADE: Partial<ProtectionInformation> = { applicationTag: 0xffff };

/** Blocks of user data with information, the first reference tag being `lba`. */
export function protectedBlocks(
  data: Buffer,
  lba: number,
  other: Partial<ProtectionInformation> = {},
  blockSize = 512,
): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < data.length; at += blockSize) {
    blocks.push(protectedBlock(data.subarray(at, at + blockSize), lba + at / blockSize, other));
  }
  return Buffer.concat(blocks);
}

export interface LongFields {
  readonly lba: number;
  readonly length: number;
  /** Byte 10. */
  readonly options?: number;
  readonly referenceTag?: number;
  readonly applicationTag?: number;
  readonly mask?: number;
}

/** A CDB of 32 bytes (SBC-4 5.17). */
export function longCdb(action: number, fields: LongFields): Buffer {
  const cdb = Buffer.alloc(32);
  cdb[0] = 0x7f;
  cdb[7] = 0x18;
  cdb.writeUInt16BE(action, 8);
  cdb[10] = fields.options ?? 0;
  cdb.writeBigUInt64BE(BigInt(fields.lba), 12);
  cdb.writeUInt32BE(fields.referenceTag ?? 0, 20);
  cdb.writeUInt16BE(fields.applicationTag ?? 0, 24);
  cdb.writeUInt16BE(fields.mask ?? 0, 26);
  cdb.writeUInt32BE(fields.length, 28);
  return cdb;
}

/** PROTECT in the options byte. */
export const protect = (value: number): number => value << 5;
