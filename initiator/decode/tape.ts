/** What sequential-access devices tell of themselves, as an initiator reads it (SSC-5 7.3, 7.6). Short answers: nulls. */
import { readUint64 } from '../../wire/scsi/cdb.js';

export interface TapePositionData {
  /** Objects and filemarks before it. */
  readonly object: number;
  readonly file: number;
  readonly beginning: boolean;
  /** Beyond the early warning. */
  readonly endIsNear: boolean;
}

/** READ POSITION, long form. Null: too short, or the drive does not know. */
export function decodeTapePosition(data: Buffer): TapePositionData | null {
  if (data.length < 24) return null;
  const unknown = (data[0]! & 0x0c) !== 0;
  if (unknown) return null;
  return {
    object: readUint64(data, 8),
    file: readUint64(data, 16),
    beginning: (data[0]! & 0x80) !== 0,
    endIsNear: (data[0]! & 0x40) !== 0,
  };
}

/** TRANSFER LENGTH has 24 bits. */
const LONGEST_BLOCK = 0xffffff;

/** READ BLOCK LIMITS, bytes. */
export function decodeTapeLimits(data: Buffer): { readonly most: number; readonly least: number } | null {
  // 0: the drive sets no limit.
  return data.length < 6 ? null : { most: data.readUIntBE(1, 3) || LONGEST_BLOCK, least: data.readUInt16BE(4) };
}

export interface TapeModeData {
  readonly writeProtected: boolean;
  readonly bufferedMode: number;
  readonly density: number;
  /** Bytes; 0: blocks of any length only. */
  readonly blockLength: number;
}

/** Header and block descriptor of MODE SENSE(6). */
export function decodeTapeMode(data: Buffer): TapeModeData | null {
  if (data.length < 12 || data[3]! < 8) return null;
  return {
    writeProtected: (data[2]! & 0x80) !== 0,
    bufferedMode: (data[2]! >> 4) & 0x07,
    density: data[4]!,
    blockLength: data.readUIntBE(9, 3),
  };
}
