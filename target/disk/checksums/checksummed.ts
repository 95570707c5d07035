/**
 * Sums of a drive's blocks, kept apart from the data: what a drive gives back that was not written there (silent
 * corruption, a write or read of another place, a write that never happened) is found when it is read.
 *
 * One word of 4 bytes for each block of 512, in the machine's byte order: the files never leave it.
 */
import type { BadRange, DriveDone, DriveError, DriveIo } from '../types.js';

export const BLOCK_BYTES = 512;
export const SUM_BYTES = 4;
export const PAGE_BYTES = 4096;
/** Blocks whose sums are in one page. */
export const PAGE_BLOCKS = PAGE_BYTES / SUM_BYTES;

/** Sum of a block of zeros: never written, punched, or written so. */
export const ZERO = 0;
/** Stands for a block whose content is lost: it cannot be read until it is written anew. */
export const LOST = 1;

/** A drive that knows what it should hold. Its reads fail with `corrupt` where it does not; the buffers are filled. */
export interface Checksummed extends DriveIo {
  /** Which blocks of `data` are not what was last written from `offset` on; nothing is read but sums. */
  compare(offset: number, data: Buffer, done: (error: DriveError | null, bad: readonly BadRange[]) => void): void;
  /** Reads of the range fail until it is written or punched. It counts as allocated. */
  markLost(offset: number, bytes: number, done: DriveDone): void;
  /** Sums of the range that are in memory are written again where their drive has others. */
  checkSums(offset: number, bytes: number, done: SumsDone): void;
}

/** @param wrong sums that were not on their drive, and are now */
export type SumsDone = (error: DriveError | null, wrong: number) => void;

export function isChecksummed(drive: DriveIo): drive is Checksummed {
  return 'markLost' in drive;
}

/** Length of the file of sums of a drive. */
export function sumsBytes(driveBytes: number): number {
  return Math.ceil(driveBytes / BLOCK_BYTES / PAGE_BLOCKS) * PAGE_BYTES;
}

export function corrupt(drive: string, bad: readonly BadRange[]): DriveError {
  const blocks = bad.reduce((sum, { bytes }) => sum + bytes, 0) / BLOCK_BYTES;
  const { offset, lost } = bad[0]!;
  const what = lost ? 'is lost' : 'does not hold what was written to it';
  const more = blocks === 1 ? '' : `, and ${blocks - 1} more`;
  return { kind: 'corrupt', message: `${drive}: block ${offset / BLOCK_BYTES} ${what}${more}`, bad };
}
