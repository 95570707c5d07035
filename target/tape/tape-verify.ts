/** VERIFY(6) on a tape drive (SSC-5 5.13): reads, and compares with what the host sent; nothing goes back. */
import { native } from '../../native/index.js';
import { filemarkDetected, incorrectLength, miscompareDuringVerify } from '../../wire/scsi/sense.js';
import { slice } from '../base/views.js';
import type { Io } from '../volumes/block-layer.js';
import type { TapeObject } from './layout.js';
import type { Problem } from './object-reader.js';
import { costOf } from './repeat.js';
import type { TapeDrive } from './tape-drive.js';
import { TapeLimits } from './tape-limits.js';
import { type Aborted, eachObject } from './tape-transfer.js';

/** How far a verification goes, and what it looks for. */
export interface Verification {
  /** What is still to be verified, in units of VERIFICATION LENGTH; INFORMATION tells what was left of it. */
  readonly length: number;
  /** Of the length, what an object stands for. */
  readonly step: (object: TapeObject) => number;
  /** Of each block, bytes; null: it does not matter. */
  readonly blockBytes: number | null;
  /** INFORMATION where a block has another length. @param left of the length */
  readonly wrongLength: (object: TapeObject, left: number) => number;
  /** A filemark is passed over. */
  readonly passesFilemarks: boolean;
  /** Data that the blocks have to hold, one after the other; null: any. */
  readonly expected: readonly Buffer[] | null;
}

/** @param bytes verified */
export type VerifyDone = (problem: Problem | null, bytes: number) => void;

/** @param count blocks of `bytes` bytes each */
export function fixedBlocks(count: number, bytes: number, expected: readonly Buffer[] | null): Verification {
  return {
    length: count,
    step: () => 1,
    blockBytes: bytes,
    wrongLength: (_object, left) => left,
    passesFilemarks: false,
    expected,
  };
}

/** One block of `bytes` bytes. */
export function variableBlock(bytes: number, expected: readonly Buffer[] | null): Verification {
  return {
    length: bytes,
    step: () => bytes,
    blockBytes: bytes,
    wrongLength: (object) => bytes - object.bytes,
    passesFilemarks: false,
    expected,
  };
}

const anyBlock = { blockBytes: null, wrongLength: () => 0, passesFilemarks: true, expected: null } as const;

/** All up to the end of `count` files. */
export function files(count: number): Verification {
  return { ...anyBlock, length: count, step: ({ kind }) => (kind === 'filemark' ? 1 : 0) };
}

/** All there is. */
export const toEndOfData: Verification = { ...anyBlock, length: Number.POSITIVE_INFINITY, step: () => 0 };

export function verify(drive: TapeDrive, io: Io, what: Verification, aborted: Aborted, done: VerifyDone): void {
  const { medium } = drive;
  let left = what.length;
  let bytes = 0;
  const end = (problem: Problem | null) => done(problem, bytes);
  const ended = () => left === 0 || aborted();
  eachObject(drive, io, ended, end, (again) => {
    medium.read(io, drive.place, TapeLimits.blockBytes, (problem, object, data, release) => {
      if (problem !== null || object === null) {
        end(problem ?? (what === toEndOfData ? medium.damage : medium.beyond(left)));
        return;
      }
      drive.place = object;
      const wrong = judge(what, object, data, left, bytes);
      release();
      if (wrong !== null) {
        end(wrong);
        return;
      }
      bytes += object.bytes;
      left -= what.step(object);
      again(costOf(object.bytes));
    });
  });
}

/** What is wrong with an object that could be read. @param verified bytes before it */
function judge(
  { blockBytes, wrongLength, passesFilemarks, expected }: Verification,
  object: TapeObject,
  data: readonly Buffer[],
  left: number,
  verified: number,
): Problem | null {
  if (object.kind === 'filemark') return passesFilemarks ? null : filemarkDetected(left);
  if (blockBytes !== null && object.bytes !== blockBytes) return incorrectLength(wrongLength(object, left));
  if (expected === null) return null;
  return native.compare(data, slice(expected, verified, object.bytes)) < 0 ? null : miscompareDuringVerify(left);
}
