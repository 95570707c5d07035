/**
 * Logical unit numbers: eight bytes in four levels of two (SAM-6 4.7). This array uses one level:
 *
 *   peripheral  00 LL 00 00 00 00 00 00   LUN 0–255, bus 0
 *   flat space  4h LL 00 00 00 00 00 00   LUN 0–16383 in the low 14 bits
 *   well known  C1 WW 00 00 00 00 00 00   extended address, length 0, method 1
 */

/** The LUN of the REPORT LUNS well-known logical unit (SPC-5 8.2), as `wellKnown` of a decoded LUN. */
export const REPORT_LUNS_WELL_KNOWN = 0x01;

export const MAX_LUN = 0x3fff;

/** The number of a single-level LUN in peripheral or flat space addressing; null for anything else. */
export function decodeLun(lun: Buffer): number | null {
  if (lun.readUInt32BE(4) !== 0 || lun.readUInt16BE(2) !== 0) return null;
  const first = lun[0]!;
  if (first >> 6 === 1) return ((first & 0x3f) << 8) | lun[1]!;
  return first === 0 ? lun[1]! : null;
}

/** The W-LUN of a well-known logical unit address; null if it is none. */
export function decodeWellKnownLun(lun: Buffer): number | null {
  if (lun[0] !== 0xc1 || lun.readUInt32BE(4) !== 0 || lun.readUInt16BE(2) !== 0) return null;
  return lun[1]!;
}

/** Peripheral addressing up to 255, flat space above (as REPORT LUNS and initiators expect them). */
export function encodeLun(lun: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE(lun > 0xff ? 0x4000 | lun : lun, 0);
  return bytes;
}
