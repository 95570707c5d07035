/**
 * Parameter list of SANITIZE: OVERWRITE (SBC-4 5.30.2).
 *
 *   byte 0     INVERT 80h, TEST (6:5), OVERWRITE COUNT (4:0)
 *   byte 2–3   INITIALIZATION PATTERN LENGTH
 *   byte 4…    INITIALIZATION PATTERN
 */
import { invalidFieldInParameterList, parameterListLengthError, type Sense } from './sense.js';

export const OVERWRITE_HEADER = 4;

export interface OverwriteList {
  /** Passes, 1 to 31. */
  readonly count: number;
  /** Passes write the pattern and its inversion in turns; the last one the pattern. */
  readonly invert: boolean;
  /** One byte to a logical block of them; repeated to fill each logical block. */
  readonly pattern: Buffer;
}

/** @param blockSize bytes of a logical block */
export function decodeOverwriteList(list: Buffer, blockSize: number): OverwriteList | Sense {
  if (list.length < OVERWRITE_HEADER) return parameterListLengthError();
  // TEST is vendor specific but for zero.
  if ((list[0]! & 0x60) !== 0) return invalidFieldInParameterList(0, 6);
  const count = list[0]! & 0x1f;
  if (count === 0) return invalidFieldInParameterList(0, 4);
  if (list[1] !== 0) return invalidFieldInParameterList(1);
  const bytes = list.readUInt16BE(2);
  if (bytes === 0 || bytes > blockSize) return invalidFieldInParameterList(2);
  if (OVERWRITE_HEADER + bytes !== list.length) return parameterListLengthError();
  return { count, invert: (list[0]! & 0x80) !== 0, pattern: Buffer.from(list.subarray(OVERWRITE_HEADER)) };
}
