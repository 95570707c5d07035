/**
 * Timestamps (SPC-5 5.2, 6.42, 6.50): milliseconds since 1970.
 *
 *   report, 12 bytes   TIMESTAMP PARAMETER DATA LENGTH 2 (10) · ORIGIN (2:0) · reserved · TIMESTAMP 6 · reserved 2
 *   set, 12 bytes      reserved 4 · TIMESTAMP 6 · reserved 2
 */

export const TIMESTAMP_LIST_BYTES = 12;
const TIMESTAMP_BYTE = 4;
const TIMESTAMP_BYTES = 6;
const LIMIT = 2 ** (8 * TIMESTAMP_BYTES);

/** TIMESTAMP ORIGIN. */
export const TimestampOrigin = {
  /** Set by SET TIMESTAMP. */
  host: 0b010,
  /** Set by other means: here the clock of the machine. */
  outside: 0b011,
} as const;

export function encodeTimestamp(milliseconds: number, origin: number): Buffer {
  const data = Buffer.alloc(TIMESTAMP_LIST_BYTES);
  data.writeUInt16BE(TIMESTAMP_LIST_BYTES - 2, 0);
  data[2] = origin;
  // A clock that was set close to the field's end begins anew.
  data.writeUIntBE(milliseconds % LIMIT, TIMESTAMP_BYTE, TIMESTAMP_BYTES);
  return data;
}

/** Milliseconds that a SET TIMESTAMP list sets. */
export function decodeTimestamp(list: Buffer): number {
  return list.readUIntBE(TIMESTAMP_BYTE, TIMESTAMP_BYTES);
}
