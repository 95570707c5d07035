/**
 * Log pages (SPC-5 7.3).
 *
 *   page        DS (7) SPF (6) PAGE CODE (5:0) · SUBPAGE CODE · PAGE LENGTH 2 (n − 3) · parameters
 *   parameter   PARAMETER CODE 2 · control byte 1 · PARAMETER LENGTH 1 (n − 3) · value
 *   control     DU (7)  TSD (5)  FORMAT AND LINKING (1:0): 00b counter, 01b ASCII list,
 *               10b unbounded counter, 11b binary list
 */
import { writeUint64 } from './cdb.js';

export const LogPage = {
  supportedPages: 0x00,
  writeErrorCounters: 0x02,
  readErrorCounters: 0x03,
  verifyErrorCounters: 0x05,
  /** Of disks. */
  logicalBlockProvisioning: 0x0c,
  /** Of tapes. */
  sequentialAccess: 0x0c,
  temperature: 0x0d,
  startStopCycles: 0x0e,
  backgroundScan: 0x15,
  generalStatistics: 0x19,
  powerTransitions: 0x1a,
  tapeAlert: 0x2e,
  informationalExceptions: 0x2f,
  /** Vendor specific. */
  sanitizeStatus: 0x30,
} as const;
export const LogSubpage = { none: 0x00, all: 0xff } as const;

/** PC field of LOG SENSE (SPC-5 table 180). */
export const LogPageControl = {
  threshold: 0,
  cumulative: 1,
  defaultThreshold: 2,
  defaultCumulative: 3,
} as const;

export const ParameterFormat = { counter: 0x00, ascii: 0x01, unbounded: 0x02, binary: 0x03 } as const;

export interface LogParameter {
  readonly code: number;
  readonly format: number;
  readonly value: Buffer;
}

/** Eight bytes. @param format that of a counter which can be reset, unless given */
export function counterParameter(code: number, count: number, format: number = ParameterFormat.counter): LogParameter {
  const value = Buffer.alloc(8);
  writeUint64(value, count, 0);
  return { code, format, value };
}

/** DS is set: nothing here is saved. */
export function encodeLogPage(code: number, subpage: number, body: Buffer): Buffer {
  const data = Buffer.alloc(4 + body.length);
  data[0] = 0x80 | (subpage === 0 ? 0 : 0x40) | code;
  data[1] = subpage;
  data.writeUInt16BE(body.length, 2);
  body.copy(data, 4);
  return data;
}

export function encodeLogParameter({ code, format, value }: LogParameter): Buffer {
  const data = Buffer.alloc(4 + value.length);
  data.writeUInt16BE(code, 0);
  data[2] = format;
  data[3] = value.length;
  value.copy(data, 4);
  return data;
}
