/**
 * Parameter list header of FORMAT UNIT (SBC-4 5.4.2).
 *
 *   short, 4   PROTECTION FIELD USAGE (2:0) · FOV (7) DPRY (6) DCRT (5) STPF (4) IP (3) IMMED (1) ·
 *              DEFECT LIST LENGTH 2
 *   long, 8    the same two · reserved · P_I_INFORMATION (7:4) PROTECTION INTERVAL EXPONENT (3:0) ·
 *              DEFECT LIST LENGTH 4
 */

export const FormatFlag = { fov: 0x80, dpry: 0x40, dcrt: 0x20, stpf: 0x10, ip: 0x08, immed: 0x02 } as const;

export interface FormatHeader {
  readonly protectionFieldUsage: number;
  readonly flags: number;
  /** P_I_INFORMATION and PROTECTION INTERVAL EXPONENT; 0 in the short header. */
  readonly protectionInterval: number;
  /** Bytes. */
  readonly defectListLength: number;
}

export function formatHeaderBytes(long: boolean): number {
  return long ? 8 : 4;
}

/** @param list at least `formatHeaderBytes(long)` bytes */
export function decodeFormatHeader(list: Buffer, long: boolean): FormatHeader {
  return {
    protectionFieldUsage: list[0]! & 0x07,
    flags: list[1]!,
    protectionInterval: long ? list[3]! : 0,
    defectListLength: long ? list.readUInt32BE(4) : list.readUInt16BE(2),
  };
}
