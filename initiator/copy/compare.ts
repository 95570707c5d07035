/** Compares a file or stream with what a unit holds. */
import { native } from '../../native/index.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { CopyOptions } from './from-unit.js';
import type { Piece } from './pieces.js';
import { inParallel } from './workers.js';

/** Outcome of a comparison. */
export interface Comparison {
  readonly bytes: number;
  /** Offset of the first byte that differs, null if none does. */
  readonly firstDifference: number | null;
  /** Blocks that differ, of those compared before it ended. */
  readonly blocksDiffering: number;
}

/**
 * Compares pieces with the unit from `lba` on.
 * @param all go on after the first difference
 */
export async function compareWithUnit(
  unit: LogicalUnit,
  lba: number,
  pieces: AsyncIterable<Piece>,
  options: CopyOptions & { readonly all: boolean },
): Promise<Comparison> {
  const { blockSize } = await unit.readCapacity();
  let first: number | null = null;
  let blocksDiffering = 0;
  let compared = 0;

  async function* untilDifferent(): AsyncGenerator<Piece> {
    for await (const piece of pieces) {
      if (first !== null && !options.all) return;
      // Holes of any size are read back in chunks like the rest.
      for (let done = 0; done < piece.bytes; done += options.chunkBytes) {
        const bytes = Math.min(options.chunkBytes, piece.bytes - done);
        const data = piece.data?.subarray(done, done + bytes) ?? null;
        yield { at: piece.at + done, bytes, used: Math.min(bytes, piece.used - done), data };
      }
    }
  }

  await inParallel(untilDifferent(), options.depth, async (piece) => {
    const length = piece.used;
    const expected = (piece.data ?? Buffer.alloc(piece.bytes)).subarray(0, length);
    const found = (await unit.read(lba + piece.at / blockSize, piece.bytes / blockSize)).subarray(0, length);
    for (let at = 0; at < length; at += blockSize) {
      const differs = native.compare([expected.subarray(at)], [found.subarray(at)]);
      if (differs < 0) break;
      const offset = piece.at + at + differs;
      first = Math.min(first ?? offset, offset);
      blocksDiffering += 1;
      at += Math.floor(differs / blockSize) * blockSize;
    }
    compared += length;
    options.progress?.(length);
  });
  return { bytes: compared, firstDifference: first, blocksDiffering };
}
