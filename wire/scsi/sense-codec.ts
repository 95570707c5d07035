/**
 * Sense data on the wire (SPC-5 4.4), both formats, encoded by the array and decoded by initiators.
 *
 * Fixed format, 18 bytes here:
 *   0     VALID (80h) | response code 70h current, 71h deferred
 *   2     FILEMARK 80h, EOM 40h, ILI 20h, sense key (low four bits)
 *   3–6   INFORMATION, big-endian; VALID is clear when the value needs more than 32 bits
 *   7     additional length (10, and what is forwarded)
 *   8–11  COMMAND-SPECIFIC INFORMATION; for COPY ABORTED the offsets of what the copy source (8) and the copy
 *         destination (9) answered, 0: nothing; 10–11 segment number
 *   12,13 ASC, ASCQ
 *   15–17 sense-key specific: SKSV 80h and, for ILLEGAL REQUEST, C/D 40h, BPV 08h, bit, field pointer;
 *         for NOT READY and NO SENSE, progress; for COPY ABORTED SD 20h (pointer into the segment descriptor), BPV …
 *   18–   for COPY ABORTED: status byte and sense data of the copy source or destination
 *
 * Descriptor format:
 *   0     response code 72h current, 73h deferred
 *   1–3   sense key, ASC, ASCQ
 *   7     additional length, then descriptors: type, length, content
 *         00h information: VALID, reserved, 8 bytes; 02h sense-key specific: 2 reserved, 3 bytes, reserved;
 *         01h command-specific: 2 reserved, 8 bytes (the segment number in the third and fourth);
 *         04h stream commands: reserved, FILEMARK 80h, EOM 40h, ILI 20h; 05h block commands: reserved, ILI 20h;
 *         0Ch forwarded: SOURCE (1 copy source, 2 copy destination), status, sense data
 *
 * Left out when encoding: FRU codes.
 */

import { readUint64, writeUint64 } from './cdb.js';
import { type FieldPointer, type ForwardedSense, type Sense, SenseKey } from './sense.js';

const FIXED_LENGTH = 18;
/** VALID of the fixed format's first byte. */
const INFORMATION_VALID = 0x80;
const SKS_VALID = 0x80;

const SEGMENT_RELATIVE = 0x20;

const Descriptor = {
  information: 0x00,
  commandSpecific: 0x01,
  keySpecific: 0x02,
  streamCommands: 0x04,
  blockCommands: 0x05,
  forwarded: 0x0c,
} as const;

/** SOURCE field of a forwarded sense data descriptor. */
const FORWARDED_FROM = { source: 1, destination: 2 } as const;

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
  readonly eom: boolean;
  readonly filemark: boolean;
  /** COPY ABORTED: number of the segment descriptor. */
  readonly segment: number | null;
  readonly forwarded: DecodedForwarded | null;
}

export interface DecodedForwarded {
  readonly from: 'source' | 'destination';
  readonly status: number;
  readonly sense: DecodedSense | null;
}

/** Sense data of 18 bytes (fixed), or 8 and its descriptors. */
export function encodeSense(sense: Sense, descriptor: boolean): Buffer {
  return descriptor ? encodeDescriptor(sense) : encodeFixed(sense);
}

function encodeFixed(sense: Sense): Buffer {
  const bytes = Buffer.alloc(FIXED_LENGTH);
  bytes[0] = sense.deferred ? 0x71 : 0x70;
  bytes[2] = sense.key | streamBits(sense);
  if (sense.information !== undefined && sense.information <= 0xffffffff) {
    bytes[0] |= INFORMATION_VALID;
    // Negative ones in two's complement.
    bytes.writeUInt32BE(sense.information >>> 0, 3);
  }
  bytes.writeUInt16BE(sense.asc, 12);
  writeKeySpecific(sense, bytes, 15);
  if (sense.segment !== undefined) bytes.writeUInt16BE(sense.segment, 10);
  else if (sense.commandInformation !== undefined) bytes.writeUInt32BE(sense.commandInformation, 8);
  const answer = sense.forwarded === undefined ? null : forwardedBytes(sense.forwarded, false);
  if (answer !== null) bytes[sense.forwarded!.from === 'source' ? 8 : 9] = FIXED_LENGTH;
  bytes[7] = FIXED_LENGTH - 8 + (answer?.length ?? 0);
  return answer === null ? bytes : Buffer.concat([bytes, answer]);
}

/** FILEMARK, EOM and ILI, as they stand in both formats. */
function streamBits({ filemark, eom, ili }: Sense): number {
  return (filemark ? 0x80 : 0) | (eom ? 0x40 : 0) | (ili ? 0x20 : 0);
}

/** Status byte and sense data. What is forwarded forwards nothing itself, so this ends. */
function forwardedBytes({ status, sense }: ForwardedSense, descriptor: boolean): Buffer {
  const head = Buffer.from([status]);
  return sense === null ? head : Buffer.concat([head, encodeSense(sense, descriptor)]);
}

function encodeDescriptor(sense: Sense): Buffer {
  const bytes = Buffer.alloc(8 + 12 + 12 + 8 + 4);
  bytes[0] = sense.deferred ? 0x73 : 0x72;
  bytes[1] = sense.key;
  bytes.writeUInt16BE(sense.asc, 2);
  let end = 8;
  if (sense.information !== undefined) {
    bytes[end] = Descriptor.information;
    bytes[end + 1] = 10;
    bytes[end + 2] = 0x80;
    bytes.writeBigInt64BE(BigInt(sense.information), end + 4);
    end += 12;
  }
  if (sense.segment !== undefined || sense.commandInformation !== undefined) {
    bytes[end] = Descriptor.commandSpecific;
    bytes[end + 1] = 10;
    if (sense.segment !== undefined) bytes.writeUInt16BE(sense.segment, end + 6);
    else writeUint64(bytes, sense.commandInformation!, end + 4);
    end += 12;
  }
  if (sense.field !== undefined || sense.progress !== undefined) {
    bytes[end] = Descriptor.keySpecific;
    bytes[end + 1] = 6;
    writeKeySpecific(sense, bytes, end + 4);
    end += 8;
  }
  if (streamBits(sense) !== 0) {
    bytes[end] = Descriptor.streamCommands;
    bytes[end + 1] = 2;
    bytes[end + 3] = streamBits(sense);
    end += 4;
  }
  const list: Buffer[] = [bytes.subarray(0, end)];
  if (sense.forwarded !== undefined) {
    const answer = forwardedBytes(sense.forwarded, true);
    list.push(Buffer.from([Descriptor.forwarded, answer.length + 1, FORWARDED_FROM[sense.forwarded.from]]), answer);
  }
  const whole = Buffer.concat(list);
  whole[7] = whole.length - 8;
  return whole;
}

function writeKeySpecific(sense: Sense, bytes: Buffer, at: number): void {
  if (sense.field !== undefined) {
    const { inCdb, byte, bit, inSegment } = sense.field;
    const where = inSegment ? SEGMENT_RELATIVE : inCdb ? 0x40 : 0;
    bytes[at] = SKS_VALID | where | (bit === undefined ? 0 : 0x08 | bit);
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
    ...readStreamBits(bytes[2]!),
    ...(key === SenseKey.copyAborted ? copyFields(bytes, end) : NO_COPY),
  };
}

function readStreamBits(byte: number): Pick<DecodedSense, 'ili' | 'eom' | 'filemark'> {
  return { ili: (byte & 0x20) !== 0, eom: (byte & 0x40) !== 0, filemark: (byte & 0x80) !== 0 };
}

const NO_COPY = { segment: null, forwarded: null } as const;

/** COMMAND-SPECIFIC INFORMATION of COPY ABORTED in fixed format. */
function copyFields(bytes: Buffer, end: number): Pick<DecodedSense, 'segment' | 'forwarded'> {
  if (end < 12) return NO_COPY;
  const from = bytes[8] !== 0 ? 'source' : 'destination';
  const at = bytes[8]! || bytes[9]!;
  const forwarded = at >= FIXED_LENGTH && at < end ? decodeForwarded(from, bytes.subarray(at, end)) : null;
  return { segment: bytes.readUInt16BE(10), forwarded };
}

/** Of what is forwarded, nothing that it forwards itself is read. */
function decodeForwarded(from: DecodedForwarded['from'], bytes: Buffer): DecodedForwarded {
  const code = bytes.length > 1 ? bytes[1]! & 0x7f : 0;
  const sense = bytes.subarray(1);
  const known = code === 0x70 || code === 0x72;
  return { from, status: bytes[0]!, sense: known ? decodeInner(sense, code === 0x72) : null };
}

function decodeInner(bytes: Buffer, descriptor: boolean): DecodedSense | null {
  const key = bytes.length > 2 ? (descriptor ? bytes[1]! : bytes[2]!) & 0x0f : 0;
  if (key === SenseKey.copyAborted) return null;
  return descriptor ? decodeDescriptor(bytes, false) : decodeFixed(bytes, false);
}

function decodeDescriptor(bytes: Buffer, deferred: boolean): DecodedSense | null {
  if (bytes.length < 8) return null;
  const end = Math.min(bytes.length, 8 + bytes[7]!);
  const key = bytes[1]! & 0x0f;
  let information: number | null = null;
  let specific: Buffer | null = null;
  let stream = readStreamBits(0);
  let segment: number | null = null;
  let forwarded: DecodedForwarded | null = null;
  for (let at = 8; at + 2 <= end; at += 2 + bytes[at + 1]!) {
    const content = bytes.subarray(at + 2, Math.min(end, at + 2 + bytes[at + 1]!));
    if (bytes[at] === Descriptor.information && content.length >= 10 && content[0]! & 0x80) {
      information = readUint64(content, 2);
    } else if (bytes[at] === Descriptor.keySpecific && content.length >= 5) {
      specific = content.subarray(2, 5);
    } else if (bytes[at] === Descriptor.streamCommands && content.length >= 2) {
      stream = readStreamBits(content[1]!);
    } else if (bytes[at] === Descriptor.blockCommands && content.length >= 2) {
      stream = readStreamBits(content[1]! & 0x20);
    } else if (key !== SenseKey.copyAborted) {
      // The other descriptors are read for COPY ABORTED only.
    } else if (bytes[at] === Descriptor.commandSpecific && content.length >= 10) {
      segment = content.readUInt16BE(4);
    } else if (bytes[at] === Descriptor.forwarded && content.length >= 2) {
      forwarded = decodeForwarded((content[0]! & 0x0f) === 1 ? 'source' : 'destination', content.subarray(1));
    }
  }
  return {
    descriptor: true,
    deferred,
    key,
    asc: bytes.readUInt16BE(2),
    information,
    ...keySpecific(key, specific),
    ...stream,
    segment,
    forwarded,
  };
}

function keySpecific(key: number, bytes: Buffer | null): Pick<DecodedSense, 'field' | 'progress'> {
  const none = { field: null, progress: null };
  if (bytes === null || !(bytes[0]! & SKS_VALID)) return none;
  const value = bytes.readUInt16BE(1);
  if (key === SenseKey.notReady || key === SenseKey.noSense) return { field: null, progress: value };
  if (key !== SenseKey.illegalRequest && key !== SenseKey.copyAborted) return none;
  const copy = key === SenseKey.copyAborted;
  const field = {
    inCdb: !copy && (bytes[0]! & 0x40) !== 0,
    byte: value,
    ...(bytes[0]! & 0x08 ? { bit: bytes[0]! & 0x07 } : {}),
    ...(copy && bytes[0]! & SEGMENT_RELATIVE ? { inSegment: true } : {}),
  };
  return { field, progress: null };
}
