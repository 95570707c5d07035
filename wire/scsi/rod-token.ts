/**
 * ROD tokens (SPC-5 5.17.6.4, 5.17.6.5), 512 bytes, big-endian:
 *
 *   0–3      ROD TYPE                               header
 *   6–7      ROD TOKEN LENGTH (01F8h)
 *   8–15     COPY MANAGER ROD TOKEN IDENTIFIER      body: with the header, the ROD management token of 96 bytes
 *   16–47    CREATOR LOGICAL UNIT DESCRIPTOR: an identification CSCD descriptor
 *   48–63    NUMBER OF BYTES REPRESENTED
 *   96–127   device type specific data: of block devices what READ CAPACITY(16) tells behind the last LBA (SBC-4 6.7)
 *   128–255  TARGET DEVICE DESCRIPTOR: a designation descriptor, padded with zeros
 *   256–511  EXTENDED ROD TOKEN DATA: secure random numbers
 *
 * The block device zero ROD token has a header only (SBC-4 4.28.4).
 */
import { readUint64, writeUint64 } from './cdb.js';

export const ROD_TOKEN_BYTES = 512;
export const MANAGEMENT_TOKEN_BYTES = 96;
export const EXTENDED_BYTES = 256;
/** ROD TOKEN LENGTH. */
export const ROD_TOKEN_LENGTH = ROD_TOKEN_BYTES - 8;

/** ROD TYPE (SPC-5 table 110, SBC-4 table 30). */
export const RodType = {
  /** In ROD CSCD descriptors only: that of the token. */
  ofToken: 0,
  pointInTimeDefault: 0x00800000,
  pointInTimeVulnerable: 0x00800001,
  pointInTimePersistent: 0x00800002,
  /** In requests only. */
  pointInTimeAny: 0x0080ffff,
  zero: 0xffff0001,
} as const;

const LENGTH_AT = 6;
const ID_AT = 8;
const CREATOR_AT = 16;
const BYTES_AT = 56;
const DEVICE_DATA_AT = 96;
const DEVICE_DATA_BYTES = 32;
const TARGET_AT = 128;
const TARGET_BYTES = 128;
const EXTENDED_AT = 256;

/** Byte of a field in the token that a refusal points at. */
export const RodTokenField = { type: 0, length: LENGTH_AT, identifier: ID_AT, target: TARGET_AT } as const;

export interface RodTokenSpec {
  readonly type: number;
  /** 8 bytes. */
  readonly identifier: Buffer;
  /** CSCD descriptor, 32 bytes. */
  readonly creator: Buffer;
  /** Represented. */
  readonly bytes: number;
  /** READ CAPACITY(16) parameter data. */
  readonly capacity: Buffer;
  /** Designation descriptor of the SCSI target device. */
  readonly target: Buffer;
  /** Secure random numbers, 256 bytes. */
  readonly secret: Buffer;
}

export function encodeRodToken(spec: RodTokenSpec): Buffer {
  const token = Buffer.alloc(ROD_TOKEN_BYTES);
  token.writeUInt32BE(spec.type, 0);
  token.writeUInt16BE(ROD_TOKEN_LENGTH, LENGTH_AT);
  spec.identifier.copy(token, ID_AT, 0, 8);
  spec.creator.copy(token, CREATOR_AT, 0, BYTES_AT - 8 - CREATOR_AT);
  writeUint64(token, spec.bytes, BYTES_AT);
  spec.capacity.copy(token, DEVICE_DATA_AT, 8, 8 + DEVICE_DATA_BYTES);
  spec.target.copy(token, TARGET_AT, 0, TARGET_BYTES);
  spec.secret.copy(token, EXTENDED_AT, 0, EXTENDED_BYTES);
  return token;
}

export function zeroRodToken(): Buffer {
  const token = Buffer.alloc(ROD_TOKEN_BYTES);
  token.writeUInt32BE(RodType.zero, 0);
  token.writeUInt16BE(ROD_TOKEN_LENGTH, LENGTH_AT);
  return token;
}

/** Fields of a token of 512 bytes, whoever made it. */
export interface RodTokenFields {
  readonly type: number;
  readonly length: number;
  readonly identifier: Buffer;
  /** Of those represented; beyond 2^53 as `BEYOND_ANYTHING`. */
  readonly bytes: number;
  /** Per logical block of the unit that it was made of. */
  readonly blockSize: number;
  /** Padded with zeros. */
  readonly target: Buffer;
}

export function decodeRodToken(token: Buffer): RodTokenFields {
  return {
    type: token.readUInt32BE(0),
    length: token.readUInt16BE(LENGTH_AT),
    identifier: token.subarray(ID_AT, ID_AT + 8),
    bytes: readUint64(token, BYTES_AT),
    blockSize: token.readUInt32BE(DEVICE_DATA_AT),
    target: token.subarray(TARGET_AT, TARGET_AT + TARGET_BYTES),
  };
}

/** Pads a designation descriptor to its field in the token. */
export function targetField(descriptor: Buffer): Buffer {
  return Buffer.concat([descriptor], TARGET_BYTES);
}
