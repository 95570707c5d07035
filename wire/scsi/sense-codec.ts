/**
 * Sense data on the wire (SPC-5 4.4), both formats, encoded by the array and decoded by initiators.
 *
 * Fixed format, 18 bytes here:
 *   0     VALID (80h) | response code 70h current, 71h deferred
 *   2     FILEMARK 80h, EOM 40h, ILI 20h, sense key (low four bits)
 *   3–6   INFORMATION, big-endian; VALID is clear when the value needs more than 32 bits
 *   7     additional length (10)
 *   12,13 ASC, ASCQ
 *   15–17 sense-key specific: SKSV 80h and, for ILLEGAL REQUEST, C/D 40h, BPV 08h, bit, field pointer;
 *         for NOT READY and NO SENSE, progress
 *
 * Descriptor format:
 *   0     response code 72h current, 73h deferred
 *   1–3   sense key, ASC, ASCQ
 *   7     additional length, then descriptors: type, length, content
 *         00h information: VALID, reserved, 8 bytes; 02h sense-key specific: 2 reserved, 3 bytes, reserved;
 *         05h block commands: reserved, ILI 20h
 *
 * Left out when encoding: FRU codes, command-specific information, deferred errors.
 */

import { readUint64, writeUint64 } from './cdb.js';
import { type FieldPointer, type Sense, SenseKey } from './sense.js';

const FIXED_LENGTH = 18;
const SKS_VALID = 0x80;

const Descriptor = { information: 0x00, keySpecific: 0x02, blockCommands: 0x05 } as const;

/** What an initiator makes of sense data. */
export interface DecodedSense {
  readonly descriptor: boolean;
  /** The error belongs to an earlier command. */
  readonly deferred: boolean;
  readonly key: number;
  /** ASC in the high byte, ASCQ in the low one. */
  readonly asc: number;
  readonly information: number | null;
  readonly field: FieldPointer | null;
  /** 0 to 65535. */
  readonly progress: number | null;
  readonly ili: boolean;
}

/** Sense data of 18 bytes (fixed), or 8 and its descriptors. */
export function encodeSense(sense: Sense, descriptor: boolean): Buffer {
  return descriptor ? encodeDescriptor(sense) : encodeFixed(sense);
}

function encodeFixed(sense: Sense): Buffer {
  const bytes = Buffer.alloc(FIXED_LENGTH);
  bytes[0] = 0x70;
  bytes[2] = sense.key | (sense.ili ? 0x20 : 0);
  if (sense.information !== undefined && sense.information <= 0xffffffff) {
    bytes[0] = 0xf0;
    bytes.writeUInt32BE(sense.information, 3);
  }
  bytes[7] = FIXED_LENGTH - 8;
  bytes.writeUInt16BE(sense.asc, 12);
  writeKeySpecific(sense, bytes, 15);
  return bytes;
}

function encodeDescriptor(sense: Sense): Buffer {
  const bytes = Buffer.alloc(8 + 12 + 8 + 4);
  bytes[0] = 0x72;
  bytes[1] = sense.key;
  bytes.writeUInt16BE(sense.asc, 2);
  let end = 8;
  if (sense.information !== undefined) {
    bytes[end] = Descriptor.information;
    bytes[end + 1] = 10;
    bytes[end + 2] = 0x80;
    writeUint64(bytes, sense.information, end + 4);
    end += 12;
  }
  if (sense.field !== undefined || sense.progress !== undefined) {
    bytes[end] = Descriptor.keySpecific;
    bytes[end + 1] = 6;
    writeKeySpecific(sense, bytes, end + 4);
    end += 8;
  }
  if (sense.ili) {
    bytes[end] = Descriptor.blockCommands;
    bytes[end + 1] = 2;
    bytes[end + 3] = 0x20;
    end += 4;
  }
  bytes[7] = end - 8;
  return bytes.subarray(0, end);
}

function writeKeySpecific(sense: Sense, bytes: Buffer, at: number): void {
  if (sense.field !== undefined) {
    const { inCdb, byte, bit } = sense.field;
    bytes[at] = SKS_VALID | (inCdb ? 0x40 : 0) | (bit === undefined ? 0 : 0x08 | bit);
    bytes.writeUInt16BE(byte, at + 1);
  } else if (sense.progress !== undefined) {
    bytes[at] = SKS_VALID;
    bytes.writeUInt16BE(sense.progress, at + 1);
  }
}

/** Reads either format, as far as the bytes go; null if they are no sense data. */
export function decodeSense(bytes: Buffer): DecodedSense | null {
  const code = bytes.length > 0 ? bytes[0]! & 0x7f : 0;
  if (code === 0x70 || code === 0x71) return decodeFixed(bytes, code === 0x71);
  if (code === 0x72 || code === 0x73) return decodeDescriptor(bytes, code === 0x73);
  return null;
}

function decodeFixed(bytes: Buffer, deferred: boolean): DecodedSense | null {
  if (bytes.length < 8) return null;
  const end = Math.min(bytes.length, 8 + bytes[7]!);
  const key = bytes[2]! & 0x0f;
  return {
    descriptor: false,
    deferred,
    key,
    asc: end >= 14 ? bytes.readUInt16BE(12) : 0,
    information: bytes[0]! & 0x80 ? bytes.readUInt32BE(3) : null,
    ...keySpecific(key, end >= 18 ? bytes.subarray(15, 18) : null),
    ili: (bytes[2]! & 0x20) !== 0,
  };
}

function decodeDescriptor(bytes: Buffer, deferred: boolean): DecodedSense | null {
  if (bytes.length < 8) return null;
  const end = Math.min(bytes.length, 8 + bytes[7]!);
  const key = bytes[1]! & 0x0f;
  let information: number | null = null;
  let specific: Buffer | null = null;
  let ili = false;
  for (let at = 8; at + 2 <= end; at += 2 + bytes[at + 1]!) {
    const content = bytes.subarray(at + 2, Math.min(end, at + 2 + bytes[at + 1]!));
    if (bytes[at] === Descriptor.information && content.length >= 10 && content[0]! & 0x80) {
      information = readUint64(content, 2);
    } else if (bytes[at] === Descriptor.keySpecific && content.length >= 5) {
      specific = content.subarray(2, 5);
    } else if (bytes[at] === Descriptor.blockCommands && content.length >= 2) {
      ili = (content[1]! & 0x20) !== 0;
    }
  }
  return {
    descriptor: true,
    deferred,
    key,
    asc: bytes.readUInt16BE(2),
    information,
    ...keySpecific(key, specific),
    ili,
  };
}

function keySpecific(key: number, bytes: Buffer | null): Pick<DecodedSense, 'field' | 'progress'> {
  const none = { field: null, progress: null };
  if (bytes === null || !(bytes[0]! & SKS_VALID)) return none;
  const value = bytes.readUInt16BE(1);
  if (key === SenseKey.notReady || key === SenseKey.noSense) return { field: null, progress: value };
  if (key !== SenseKey.illegalRequest) return none;
  const inCdb = (bytes[0]! & 0x40) !== 0;
  const field = bytes[0]! & 0x08 ? { inCdb, byte: value, bit: bytes[0]! & 0x07 } : { inCdb, byte: value };
  return { field, progress: null };
}
