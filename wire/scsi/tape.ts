/**
 * Data that sequential-access devices tell of themselves (SSC-5 7.3, 7.5, 7.6); all fields big-endian.
 *
 *   READ BLOCK LIMITS    0 granularity (0) · 1–3 MAXIMUM BLOCK LENGTH LIMIT · 4–5 MINIMUM BLOCK LENGTH LIMIT
 *
 *   READ POSITION        short                       long                       extended
 *   0                    BOP (7) EOP (6)             BOP (7) EOP (6)            BOP (7) EOP (6)
 *                        LOLU (2): below is unknown
 *   1                    PARTITION NUMBER            (4–7)                      PARTITION NUMBER
 *   object number        4–7, 8–11 (next in buffer)  8–15                       8–15, 16–23 (next in buffer)
 *   filemarks before it                              16–23
 *   in the buffer        13–15, 16–19                                           5–7, 24–31; 2–3 length
 *
 *   REPORT DENSITY SUPPORT   0–1 bytes that follow · 4– descriptors of 52 bytes: 0, 1 density codes ·
 *                            2 WRTOK (7) DUP (6) DEFLT (5) · 5–7 bits per mm · 8–9 width · 10–11 tracks ·
 *                            12–15 capacity in 10⁶ bytes · 16–23 organization · 24–31 name · 32–51 description
 *
 * There is one partition. What is buffered survives the process, so nothing is told of it.
 */
import { writeUint64 } from './cdb.js';
import { asciiField } from './inquiry.js';

export interface TapePosition {
  /** Objects before it. */
  readonly number: number;
  /** Filemarks before it. */
  readonly file: number;
  readonly beginning: boolean;
  /** Beyond the early warning. */
  readonly endIsNear: boolean;
}

const BOP = 0x80;
const EOP = 0x40;
const LOLU = 0x04;
const EXTENDED_BYTES = 32;

export function blockLimits(maximum: number, minimum: number): Buffer {
  const data = Buffer.alloc(6);
  data.writeUIntBE(maximum, 1, 3);
  data.writeUInt16BE(minimum, 4);
  return data;
}

function flags({ beginning, endIsNear }: TapePosition): number {
  return (beginning ? BOP : 0) | (endIsNear ? EOP : 0);
}

export function shortPosition(position: TapePosition): Buffer {
  const data = Buffer.alloc(20);
  const fits = position.number <= 0xffffffff;
  data[0] = flags(position) | (fits ? 0 : LOLU);
  data.writeUInt32BE(fits ? position.number : 0, 4);
  data.writeUInt32BE(fits ? position.number : 0, 8);
  return data;
}

export function longPosition(position: TapePosition): Buffer {
  const data = Buffer.alloc(32);
  data[0] = flags(position);
  writeUint64(data, position.number, 8);
  writeUint64(data, position.file, 16);
  return data;
}

export function extendedPosition(position: TapePosition): Buffer {
  const data = Buffer.alloc(EXTENDED_BYTES);
  data[0] = flags(position);
  data.writeUInt16BE(EXTENDED_BYTES - 4, 2);
  writeUint64(data, position.number, 8);
  writeUint64(data, position.number, 16);
  return data;
}

const DENSITY_BYTES = 52;
const WRTOK = 0x80;
const DEFLT = 0x20;
const CAPACITY_UNIT = 1_000_000;

/** @param density the only one */
export function densitySupport({ code, bytes }: { readonly code: number; readonly bytes: number }): Buffer {
  const data = Buffer.alloc(4 + DENSITY_BYTES);
  data.writeUInt16BE(data.length - 2, 0);
  data[4] = code;
  data[5] = code;
  data[6] = WRTOK | DEFLT;
  data.writeUInt32BE(Math.min(Math.floor(bytes / CAPACITY_UNIT), 0xffffffff), 16);
  asciiField('LUNARRAY', 8).copy(data, 20);
  asciiField('VTAPE', 8).copy(data, 28);
  asciiField('Virtual tape', 20).copy(data, 36);
  return data;
}
