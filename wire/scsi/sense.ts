/**
 * Sense data (SPC-5 4.4): one value per condition, one encoder for both formats.
 *
 * A handler names the condition by its constructor (`lbaOutOfRange(lba)`); nothing outside this file
 * knows additional sense codes.
 */

/** Sense keys (SPC-5 table 48). */
export const SenseKey = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  blankCheck: 0x8,
  vendorSpecific: 0x9,
  copyAborted: 0xa,
  abortedCommand: 0xb,
  volumeOverflow: 0xd,
  miscompare: 0xe,
  completed: 0xf,
} as const;
export type SenseKey = (typeof SenseKey)[keyof typeof SenseKey];

/** Where in the CDB or the parameter list the offending field stands (SPC-5 4.4.2.4.2). */
export interface FieldPointer {
  /** True: in the CDB. False: in the data-out parameter list. */
  readonly inCdb: boolean;
  readonly byte: number;
  /** Most significant bit of the field, if it does not fill whole bytes. */
  readonly bit?: number;
}

/** One condition, independent of the format it is sent in. */
export interface Sense {
  /** Stable name for logs, tests and fault rules, e.g. `lba-out-of-range`. */
  readonly name: string;
  readonly key: SenseKey;
  /** ASC in the high byte, ASCQ in the low one. */
  readonly asc: number;
  /** INFORMATION field: usually an LBA, for MISCOMPARE a byte offset. */
  readonly information?: number;
  readonly field?: FieldPointer;
  /** Progress, 0 to 65535 (SPC-5 4.4.2.4.4). */
  readonly progress?: number;
  /** Incorrect length indicator, end of medium, filemark (stream devices and READ LONG). */
  readonly ili?: boolean;
}
