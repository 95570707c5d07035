/** Copies a whole unit onto another one: by the array where it can, else through this machine. */
import { SenseKey } from '../../wire/scsi/sense.js';
import { CheckCondition } from '../errors.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { CopySummary } from './from-unit.js';
import { NotNameableError, offloadCopy } from './offload.js';
import { unitPieces } from './pieces.js';
import { copyToUnit, type WriteOptions } from './to-unit.js';

export type UnitCopySummary =
  | (CopySummary & { readonly offloaded: false })
  | { readonly bytes: number; readonly offloaded: true };

/** @param lba where the copy begins, in blocks of the destination @throws errors of the units */
export async function copyUnitToUnit(
  source: LogicalUnit,
  destination: LogicalUnit,
  lba: number,
  options: WriteOptions,
): Promise<UnitCopySummary> {
  const { blocks, blockSize } = await source.readCapacity();
  const range = { lba: 0, blocks };
  const bytes = blocks * blockSize;
  // An array makes holes of holes.
  const suits = options.holes === 'unmap' && bytes % (await destination.readCapacity()).blockSize === 0;
  if (suits && (await offloaded(source, destination, blocks, lba, options))) return { bytes, offloaded: true };
  const chunk = Math.min(options.chunkBytes, (await source.maxTransferBlocks()) * blockSize);
  const chunkBytes = Math.max(destination.blockSize, chunk - (chunk % destination.blockSize));
  const pieces = unitPieces(source, range, options.depth, chunkBytes, destination.blockSize);
  return { ...(await copyToUnit(destination, lba, pieces, options)), offloaded: false };
}

/** False: the array cannot, and nothing has been copied. */
async function offloaded(
  source: LogicalUnit,
  destination: LogicalUnit,
  blocks: number,
  lba: number,
  { progress }: WriteOptions,
): Promise<boolean> {
  let copied = 0;
  try {
    await offloadCopy(source, destination, { lba: 0, blocks }, lba, (bytes) => {
      copied += bytes;
      progress?.(bytes);
    });
    return true;
  } catch (error) {
    if (copied > 0 || !cannot(error)) throw error;
    return false;
  }
}

/** The command is not known, or the copy manager does not reach the other unit: it may be another array's. */
function cannot(error: unknown): boolean {
  if (error instanceof NotNameableError) return true;
  if (!(error instanceof CheckCondition)) return false;
  return error.sense.key === SenseKey.illegalRequest || error.sense.key === SenseKey.copyAborted;
}
