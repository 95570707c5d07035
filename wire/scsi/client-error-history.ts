/**
 * Application client error history: what hosts add to the error history of a logical unit.
 *
 * Parameter list of WRITE BUFFER with MODE 1Ch (SPC-5 6.57.15):
 *
 *    0  T10 VENDOR IDENTIFICATION 8 · ERROR TYPE 2 · CLR (0) 1 · reserved 1
 *   12  TIMESTAMP 6 · reserved 2
 *   20  CODE SET (3:0) 1 · ERROR LOCATION FORMAT 1 · ERROR LOCATION LENGTH 2
 *   24  APPLICATION CLIENT ERROR HISTORY LENGTH 2 · error location · application client error history
 *
 * The format of buffer 11h of READ BUFFER with MODE 1Ch is ours:
 *
 *   buffer      0  REPORTS 4 · DROPPED 4 (older ones that are not kept) · reserved 8, then reports, the oldest first
 *   report      0  REPORT LENGTH 2 (n − 1) · reserved 2
 *               4  TIMESTAMP 6 (of its arrival, milliseconds, as of REPORT TIMESTAMP) · RELATIVE TARGET PORT IDENTIFIER 2
 *              12  REPORT NUMBER 4 (from 1 on) · NAME LENGTH 2 · LIST LENGTH 2
 *              20  parameter list as it came · initiator port name, UTF-8 · zeros up to a multiple of four
 */
import { decodeHistory, encodeHistory, HISTORY_HEAD_BYTES } from './history-buffer.js';

/** Bytes of the fields before the error location: a list that clears has no more. */
export const CLIENT_LIST_HEAD_BYTES = 26;
const CLR_BYTE = 10;
const CLR = 0x01;
const LOCATION_LENGTH_BYTE = 22;
const HISTORY_LENGTH_BYTE = 24;
/** Both lengths are multiples of this. */
const LENGTH_UNIT = 4;

/** A parameter list, or the byte of the field that is wrong; `cut-off`: the lengths are not those of the list. */
export type ClientList = { readonly clears: boolean } | { readonly wrong: number | 'cut-off' };

export function decodeClientList(list: Buffer): ClientList {
  if (list.length < CLIENT_LIST_HEAD_BYTES) return { wrong: 'cut-off' };
  for (const byte of [LOCATION_LENGTH_BYTE, HISTORY_LENGTH_BYTE]) {
    if (list.readUInt16BE(byte) % LENGTH_UNIT !== 0) return { wrong: byte };
  }
  const bytes = list.readUInt16BE(LOCATION_LENGTH_BYTE) + list.readUInt16BE(HISTORY_LENGTH_BYTE);
  if (CLIENT_LIST_HEAD_BYTES + bytes !== list.length) return { wrong: 'cut-off' };
  return { clears: (list[CLR_BYTE]! & CLR) !== 0 };
}

/** What one host added. */
export interface ClientReport {
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly relativePort: number;
  readonly initiatorPort: string;
  /** The parameter list. */
  readonly list: Buffer;
}

const REPORT_HEAD_BYTES = 20;
const LONGEST_NAME = 255;

export function encodeClientReport({ number, timestamp, relativePort, initiatorPort, list }: ClientReport): Buffer {
  const name = Buffer.from(initiatorPort).subarray(0, LONGEST_NAME);
  const bytes = REPORT_HEAD_BYTES + list.length + name.length;
  const data = Buffer.alloc(Math.ceil(bytes / 4) * 4);
  data.writeUInt16BE(data.length - 1, 0);
  data.writeUIntBE(timestamp % 2 ** 48, 4, 6);
  data.writeUInt16BE(relativePort, 10);
  data.writeUInt32BE(number >>> 0, 12);
  data.writeUInt16BE(name.length, 16);
  data.writeUInt16BE(list.length, 18);
  list.copy(data, REPORT_HEAD_BYTES);
  name.copy(data, REPORT_HEAD_BYTES + list.length);
  return data;
}

/** Buffer 11h. @param reports as `encodeClientReport` made them */
export function encodeClientReports(reports: readonly Buffer[], dropped: number): Buffer {
  return encodeHistory(reports, dropped);
}

/** Bytes of a buffer with so many bytes of reports. */
export const clientBufferBytes = (reportBytes: number): number => HISTORY_HEAD_BYTES + reportBytes;

/** Takes buffer 11h apart, as far as it goes. */
export function decodeClientReports(data: Buffer): { readonly dropped: number; readonly reports: ClientReport[] } {
  const { dropped, entries: reports } = decodeHistory(data, REPORT_HEAD_BYTES, decodeReport);
  return { dropped, reports };
}

function decodeReport(data: Buffer): ClientReport {
  const nameAt = REPORT_HEAD_BYTES + data.readUInt16BE(18);
  return {
    number: data.readUInt32BE(12),
    timestamp: data.readUIntBE(4, 6),
    relativePort: data.readUInt16BE(10),
    initiatorPort: data.toString('utf8', nameAt, nameAt + data.readUInt16BE(16)),
    list: data.subarray(REPORT_HEAD_BYTES, nameAt),
  };
}
