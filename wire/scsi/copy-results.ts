/**
 * Parameter data about third-party copies (SPC-5 6.20–6.25); all fields big-endian.
 *
 *   RECEIVE COPY STATUS(LID1)   0–3 AVAILABLE DATA (8) · 4 HDD (7) COPY COMMAND STATUS (6:0) · 5–6 SEGMENTS PROCESSED ·
 *                               7 TRANSFER COUNT UNITS · 8–11 TRANSFER COUNT
 *   RECEIVE COPY STATUS(LID4)   0–3 AVAILABLE DATA · 4 RESPONSE TO SERVICE ACTION · 5 COPY OPERATION STATUS ·
 *                               6–7 OPERATION COUNTER · 8–11 ESTIMATED STATUS UPDATE DELAY (milliseconds) ·
 *                               12 EXTENDED COPY COMPLETION STATUS · 13 length of the sense data field ·
 *                               14 SENSE DATA LENGTH · 15 TRANSFER COUNT UNITS · 16–23 TRANSFER COUNT ·
 *                               24–25 SEGMENTS PROCESSED · 32– sense data, padded to a multiple of four
 *   RECEIVE COPY DATA(LID4)     the same with HDD in bit 7 of byte 5; then HELD DATA LENGTH 4 and the held data
 *   ROD TOKEN INFORMATION       the same; then ROD TOKEN DESCRIPTORS LENGTH 4 and per token the ID of its CSCD 2, and it
 *   REPORT ALL ROD TOKENS       0–3 AVAILABLE DATA · 8– ROD management tokens, 96 bytes each
 *   RECEIVE COPY DATA(LID1)     0–3 AVAILABLE DATA · held data
 *   FAILURE DETAILS(LID1)       0–3 AVAILABLE DATA · 56 status · 58–59 SENSE DATA LENGTH · 60– sense data
 *   OPERATING PARAMETERS        0–3 AVAILABLE DATA · 4 SNLID (0) · 8–9, 10–11 CSCD and segment counts · 12–15 list
 *                               length · 16–19 segment length · 20–23 inline data · 24–27 held data · 34–35 total
 *                               concurrent copies · 36 those with a list identifier · 37 data segment, 39 held data
 *                               granularity (log 2) · 43 n · 44– descriptor type codes, ascending
 */

import { readUint64, writeUint64 } from './cdb.js';
import { MANAGEMENT_TOKEN_BYTES, ROD_TOKEN_BYTES } from './rod-token.js';
import { type DecodedSense, decodeSense } from './sense-codec.js';
import { Status } from './status.js';

/** COPY OPERATION STATUS (SPC-5 table 249). */
export const CopyStatus = {
  completed: 0x01,
  failed: 0x02,
  /** Of token commands: without errors, but not all blocks that were asked for. */
  partial: 0x03,
  foreground: 0x11,
  background: 0x12,
  terminated: 0x60,
} as const;
export type CopyStatus = (typeof CopyStatus)[keyof typeof CopyStatus];

/** TRANSFER COUNT UNITS: blocks of the copy destination. */
const UNIT_BLOCKS = 0xf1;

/** Bytes of a ROD token descriptor before its token. */
const TOKEN_AT = 2;
const TOKEN_DESCRIPTOR = TOKEN_AT + ROD_TOKEN_BYTES;

/** ESTIMATED STATUS UPDATE DELAY of a copy that has ended. */
export const NO_UPDATE = 0xfffffffe;

/** How a copy operation stands. */
export interface CopyProgress {
  /** Service action of the command that began it. */
  readonly serviceAction: number;
  readonly status: CopyStatus;
  /** Commands sent to sources and destinations that ended well. */
  readonly commands: number;
  /** Segments processed, with the one being processed. */
  readonly segments: number;
  /** Written to destinations, in order. */
  readonly bytes: number;
  /** SCSI status that the operation ended with. */
  readonly completion: number;
  /** Encoded sense data of its end; empty: none. */
  readonly sense: Buffer;
  readonly heldDiscarded: boolean;
  /** Of token commands: blocks represented or written, told instead of `bytes`; null: another command. */
  readonly blocks: number | null;
}

const KIBI = 1024;

/** Fits a 32-bit count: bytes, else the smallest unit that does (SPC-5 table 251). */
function countIn32(bytes: number): { readonly units: number; readonly count: number } {
  let units = 0;
  let count = bytes;
  for (; count > 0xffffffff; units++) count = Math.floor(count / KIBI);
  return { units, count };
}

const running = (status: CopyStatus) => status === CopyStatus.foreground || status === CopyStatus.background;

/** RECEIVE COPY STATUS(LID1), 12 bytes. */
export function encodeStatus1(progress: CopyProgress): Buffer {
  const data = Buffer.alloc(12);
  data.writeUInt32BE(8, 0);
  const status = running(progress.status) ? 0 : progress.status === CopyStatus.completed ? 1 : 2;
  data[4] = (progress.heldDiscarded ? 0x80 : 0) | status;
  data.writeUInt16BE(progress.segments, 5);
  const { units, count } = countIn32(progress.bytes);
  data[7] = units;
  data.writeUInt32BE(count, 8);
  return data;
}

function statusHeader(progress: CopyProgress, updateDelay: number): Buffer {
  // Only a copy that completed, with errors or without, has sense data to tell (SPC-5 6.24).
  const told = !running(progress.status) && progress.status !== CopyStatus.terminated;
  const sense = told ? progress.sense : Buffer.alloc(0);
  const field = Math.ceil(sense.length / 4) * 4;
  const data = Buffer.alloc(32 + field);
  data[4] = progress.serviceAction;
  data[5] = progress.status;
  data.writeUInt16BE(progress.commands % 0x10000, 6);
  data.writeUInt32BE(running(progress.status) ? updateDelay : NO_UPDATE, 8);
  if (progress.status === CopyStatus.terminated) data[12] = Status.taskAborted;
  else if (told) data[12] = progress.completion;
  data[13] = field;
  data[14] = sense.length;
  data[15] = progress.blocks === null ? 0 : UNIT_BLOCKS;
  writeUint64(data, progress.blocks ?? progress.bytes, 16);
  data.writeUInt16BE(progress.segments, 24);
  sense.copy(data, 32);
  return data;
}

/** A ROD token that a copy operation made. */
export interface CreatedToken {
  /** CSCD ID of its ROD in EXTENDED COPY; 0: made by another command. */
  readonly cscd: number;
  /** 512 bytes. */
  readonly token: Buffer;
}

/** RECEIVE ROD TOKEN INFORMATION (SPC-5 6.26, SBC-4 5.25). @param tokens that are to be told */
export function encodeRodTokenInformation(
  progress: CopyProgress,
  updateDelay: number,
  tokens: readonly CreatedToken[],
): Buffer {
  const descriptors = Buffer.alloc(tokens.length * TOKEN_DESCRIPTOR);
  tokens.forEach(({ cscd, token }, index) => {
    descriptors.writeUInt16BE(cscd, index * TOKEN_DESCRIPTOR);
    token.copy(descriptors, index * TOKEN_DESCRIPTOR + TOKEN_AT, 0, ROD_TOKEN_BYTES);
  });
  const length = Buffer.alloc(4);
  length.writeUInt32BE(descriptors.length, 0);
  const data = Buffer.concat([statusHeader(progress, updateDelay), length, descriptors]);
  data.writeUInt32BE(data.length - 4, 0);
  return data;
}

/** REPORT ALL ROD TOKENS (SPC-5 6.31). @param tokens whole ones, of which the beginning is told */
export function encodeAllRodTokens(tokens: readonly Buffer[]): Buffer {
  const told = tokens.map((token) => token.subarray(0, MANAGEMENT_TOKEN_BYTES));
  const data = Buffer.concat([Buffer.alloc(8), ...told]);
  data.writeUInt32BE(data.length - 4, 0);
  return data;
}

/** RECEIVE COPY STATUS(LID4). @param updateDelay milliseconds after which asking again makes sense */
export function encodeStatus4(progress: CopyProgress, updateDelay: number): Buffer {
  const data = statusHeader(progress, updateDelay);
  data.writeUInt32BE(data.length - 4, 0);
  return data;
}

/** RECEIVE COPY DATA(LID4). Held data is told of copies that completed without errors only. */
export function encodeHeld4(progress: CopyProgress, updateDelay: number, held: Buffer): Buffer {
  const head = statusHeader(progress, updateDelay);
  if (progress.heldDiscarded) head[5]! |= 0x80;
  const told = progress.status === CopyStatus.completed ? held : Buffer.alloc(0);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(told.length, 0);
  const data = Buffer.concat([head, length, told]);
  data.writeUInt32BE(data.length - 4, 0);
  return data;
}

/** RECEIVE COPY DATA(LID1). */
export function encodeHeld1(held: Buffer): Buffer {
  const data = Buffer.alloc(4 + held.length);
  data.writeUInt32BE(held.length, 0);
  held.copy(data, 4);
  return data;
}

/** RECEIVE COPY FAILURE DETAILS(LID1): 4 bytes if nothing failed. */
export function encodeFailure(status: number, sense: Buffer): Buffer {
  if (sense.length === 0) return Buffer.alloc(4);
  const data = Buffer.alloc(60 + sense.length);
  data.writeUInt32BE(data.length - 4, 0);
  data[56] = status;
  data.writeUInt16BE(sense.length, 58);
  sense.copy(data, 60);
  return data;
}

/** What a copy manager can do; lengths in bytes. */
export interface CopyParameters {
  readonly cscds: number;
  readonly segments: number;
  readonly descriptorBytes: number;
  /** 0: no limit. */
  readonly segmentBytes: number;
  readonly inlineBytes: number;
  readonly heldBytes: number;
  readonly concurrent: number;
  /** Of these, with a list identifier. */
  readonly identified: number;
  /** Logarithms to base 2. */
  readonly segmentGranularity: number;
  readonly heldGranularity: number;
  /** Segment and CSCD descriptor type codes, ascending. */
  readonly types: readonly number[];
}

/** RECEIVE COPY OPERATING PARAMETERS. SNLID: lists without an identifier are taken. */
export function encodeParameters(parameters: CopyParameters): Buffer {
  const data = Buffer.alloc(44 + parameters.types.length);
  data.writeUInt32BE(data.length - 4, 0);
  data[4] = 0x01;
  data.writeUInt16BE(parameters.cscds, 8);
  data.writeUInt16BE(parameters.segments, 10);
  data.writeUInt32BE(parameters.descriptorBytes, 12);
  data.writeUInt32BE(parameters.segmentBytes, 16);
  data.writeUInt32BE(parameters.inlineBytes, 20);
  data.writeUInt32BE(parameters.heldBytes, 24);
  data.writeUInt16BE(parameters.concurrent, 34);
  data[36] = parameters.identified;
  data[37] = parameters.segmentGranularity;
  data[39] = parameters.heldGranularity;
  data[43] = parameters.types.length;
  Buffer.from(parameters.types).copy(data, 44);
  return data;
}

/** RECEIVE COPY OPERATING PARAMETERS as an initiator reads it; null: not even a whole header came. */
export function decodeParameters(data: Buffer): CopyParameters | null {
  if (data.length < 44) return null;
  return {
    cscds: data.readUInt16BE(8),
    segments: data.readUInt16BE(10),
    descriptorBytes: data.readUInt32BE(12),
    segmentBytes: data.readUInt32BE(16),
    inlineBytes: data.readUInt32BE(20),
    heldBytes: data.readUInt32BE(24),
    concurrent: data.readUInt16BE(34),
    identified: data[36]!,
    segmentGranularity: data[37]!,
    heldGranularity: data[39]!,
    types: [...data.subarray(44, 44 + data[43]!)],
  };
}

/** RECEIVE COPY STATUS(LID4) as an initiator reads it; null: not even a whole header came. */
export interface DecodedStatus {
  readonly status: number;
  readonly commands: number;
  readonly updateDelay: number;
  readonly completion: number;
  readonly segments: number;
  /** Transferred; of token commands, blocks. */
  readonly bytes: number;
  readonly sense: DecodedSense | null;
}

export function decodeStatus4(data: Buffer): DecodedStatus | null {
  if (data.length < 32) return null;
  return {
    status: data[5]! & 0x7f,
    commands: data.readUInt16BE(6),
    updateDelay: data.readUInt32BE(8),
    completion: data[12]!,
    segments: data.readUInt16BE(24),
    bytes: readUint64(data, 16),
    sense: data[14] === 0 ? null : decodeSense(data.subarray(32, 32 + data[14]!)),
  };
}

/** RECEIVE ROD TOKEN INFORMATION as an initiator reads it, and the tokens that came whole; null: not even a header came. */
export function decodeRodTokenInformation(
  data: Buffer,
): { readonly status: DecodedStatus; readonly tokens: readonly CreatedToken[] } | null {
  const status = decodeStatus4(data);
  if (status === null) return null;
  const start = 36 + data[13]!;
  const bytes = data.length < start ? 0 : data.readUInt32BE(start - 4);
  const end = Math.min(data.length, start + bytes);
  const tokens: CreatedToken[] = [];
  for (let at = start; at + TOKEN_DESCRIPTOR <= end; at += TOKEN_DESCRIPTOR) {
    const token = Buffer.from(data.subarray(at + TOKEN_AT, at + TOKEN_DESCRIPTOR));
    tokens.push({ cscd: data.readUInt16BE(at), token });
  }
  return { status, tokens };
}

/** REPORT ALL ROD TOKENS as an initiator reads it: the management tokens that came whole. */
export function decodeAllRodTokens(data: Buffer): readonly Buffer[] {
  const tokens: Buffer[] = [];
  for (let at = 8; at + MANAGEMENT_TOKEN_BYTES <= data.length; at += MANAGEMENT_TOKEN_BYTES) {
    tokens.push(Buffer.from(data.subarray(at, at + MANAGEMENT_TOKEN_BYTES)));
  }
  return tokens;
}
