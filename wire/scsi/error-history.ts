/**
 * Error history, as READ BUFFER(10) with MODE 1Ch returns it (SPC-5 6.18.9).
 *
 *   directory   0  T10 VENDOR IDENTIFICATION 8 · VERSION 1
 *               9  EHS_RETRIEVED (4:3)  EHS_SOURCE (2:1)  CLR_SUP (0) · reserved 20
 *              30  DIRECTORY LENGTH 2 (n − 31), then entries
 *   entry       0  SUPPORTED BUFFER ID 1 · BUFFER FORMAT 1 (0: vendor specific) · reserved 2 · MAXIMUM AVAILABLE LENGTH 4
 *
 * The format of buffer 10h is ours, VERSION 1:
 *
 *   buffer      0  RECORDS 4 · DROPPED 4 (older ones that are not kept) · reserved 8, then records, the oldest first
 *   record      0  RECORD LENGTH 2 (n − 1) · STATUS 1 · LBAV (0) 1
 *               4  TIMESTAMP 6 (milliseconds, as of REPORT TIMESTAMP) · RELATIVE TARGET PORT IDENTIFIER 2
 *              12  RECORD NUMBER 4 (from 1 on)
 *              16  LOGICAL BLOCK ADDRESS 8 · NUMBER OF LOGICAL BLOCKS 4 (what the CDB addresses; with LBAV)
 *              28  CDB 16 (its beginning)
 *              44  SENSE LENGTH 1 · NAME LENGTH 1 · reserved 2
 *              48  sense data, descriptor format · initiator port name, UTF-8 · zeros up to a multiple of four
 */
import { readUint64, writeUint64 } from './cdb.js';
import { decodeHistory, encodeHistory, HISTORY_HEAD_BYTES } from './history-buffer.js';
import { asciiField } from './inquiry.js';

export const ErrorHistoryBuffer = {
  directory: 0x00,
  newSnapshot: 0x01,
  newNexus: 0x02,
  newNexusAndSnapshot: 0x03,
  records: 0x10,
  /** What hosts have added; see client-error-history.ts. */
  clientReports: 0x11,
  clearNexus: 0xfe,
  clearNexusAndRelease: 0xff,
} as const;

/** EHS_RETRIEVED. */
export const Retrieved = { yes: 0b01, no: 0b10 } as const;
/** EHS_SOURCE. */
export const SnapshotSource = { thisCommand: 0b01, earlierCommand: 0b10 } as const;

const VERSION = 1;
/** Hosts may clear what hosts have added. */
const CLR_SUP = 0x01;
const DIRECTORY_HEAD_BYTES = 32;
const ENTRY_BYTES = 8;

/** @param entries ascending by buffer, lengths in bytes */
export function encodeErrorDirectory(
  vendor: string,
  retrieved: number,
  source: number,
  entries: readonly { readonly buffer: number; readonly bytes: number }[],
): Buffer {
  const data = Buffer.alloc(DIRECTORY_HEAD_BYTES + ENTRY_BYTES * entries.length);
  asciiField(vendor, 8).copy(data, 0);
  data[8] = VERSION;
  data[9] = (retrieved << 3) | (source << 1) | CLR_SUP;
  data.writeUInt16BE(ENTRY_BYTES * entries.length, 30);
  for (const [i, { buffer, bytes }] of entries.entries()) {
    const at = DIRECTORY_HEAD_BYTES + ENTRY_BYTES * i;
    data[at] = buffer;
    data.writeUInt32BE(bytes, at + 4);
  }
  return data;
}

/** Bytes of a directory with so many entries. */
export function errorDirectoryBytes(entries: number): number {
  return DIRECTORY_HEAD_BYTES + ENTRY_BYTES * entries;
}

/** One error of a logical unit. */
export interface ErrorRecord {
  readonly number: number;
  /** GOOD: the command had been answered before it failed. */
  readonly status: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly relativePort: number;
  readonly initiatorPort: string;
  readonly cdb: Buffer;
  /** Null: the CDB addresses no blocks. */
  readonly range: { readonly lba: number; readonly blocks: number } | null;
  /** Encoded, in descriptor format. */
  readonly sense: Buffer;
}

const RECORD_HEAD_BYTES = 48;
const CDB_BYTES = 16;
const LONGEST_FIELD = 255;
const LBAV = 0x01;

/** The most that so many records need. */
export function errorBufferBytes(records: number): number {
  return HISTORY_HEAD_BYTES + records * padded(RECORD_HEAD_BYTES + 2 * LONGEST_FIELD);
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

function encodeRecord(record: ErrorRecord): Buffer {
  const sense = record.sense.subarray(0, LONGEST_FIELD);
  const name = Buffer.from(record.initiatorPort).subarray(0, LONGEST_FIELD);
  const data = Buffer.alloc(padded(RECORD_HEAD_BYTES + sense.length + name.length));
  data.writeUInt16BE(data.length - 1, 0);
  data[2] = record.status;
  data.writeUIntBE(record.timestamp % 2 ** 48, 4, 6);
  data.writeUInt16BE(record.relativePort, 10);
  data.writeUInt32BE(record.number >>> 0, 12);
  if (record.range !== null) {
    data[3] = LBAV;
    writeUint64(data, record.range.lba, 16);
    data.writeUInt32BE(Math.min(record.range.blocks, 0xffffffff), 24);
  }
  record.cdb.copy(data, 28, 0, CDB_BYTES);
  data[44] = sense.length;
  data[45] = name.length;
  sense.copy(data, RECORD_HEAD_BYTES);
  name.copy(data, RECORD_HEAD_BYTES + sense.length);
  return data;
}

/** Buffer 10h. */
export function encodeErrorRecords(records: readonly ErrorRecord[], dropped: number): Buffer {
  return encodeHistory(records.map(encodeRecord), dropped);
}

/** Takes buffer 10h apart, as far as it goes. */
export function decodeErrorRecords(data: Buffer): { readonly dropped: number; readonly records: ErrorRecord[] } {
  const { dropped, entries: records } = decodeHistory(data, RECORD_HEAD_BYTES, decodeRecord);
  return { dropped, records };
}

function decodeRecord(data: Buffer): ErrorRecord {
  const nameAt = RECORD_HEAD_BYTES + data[44]!;
  const located = (data[3]! & LBAV) !== 0;
  return {
    number: data.readUInt32BE(12),
    status: data[2]!,
    timestamp: data.readUIntBE(4, 6),
    relativePort: data.readUInt16BE(10),
    initiatorPort: data.toString('utf8', nameAt, nameAt + data[45]!),
    cdb: data.subarray(28, 28 + CDB_BYTES),
    range: located ? { lba: readUint64(data, 16), blocks: data.readUInt32BE(24) } : null,
    sense: data.subarray(RECORD_HEAD_BYTES, nameAt),
  };
}
