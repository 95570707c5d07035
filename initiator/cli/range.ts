/** `--lba`, `--blocks` and `--length`: which blocks a command is about. */

import type { Command } from 'commander';
import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import type { LogicalUnit } from '../logical-unit.js';
import { parseNumber, parseSize, UsageError } from './sizes.js';

export interface RangeOptions {
  readonly lba: string;
  readonly blocks?: string;
  readonly length?: string;
}

export function addRangeOptions(to: Command): Command {
  return to
    .option('--lba <n>', 'first block', '0')
    .option('--blocks <n>', 'number of blocks; by default up to the end')
    .option('--length <size>', 'the same in bytes, as 64k or 1.5g');
}

/**
 * The range in blocks.
 * @param bytes what the length is when no option says; up to the end if null
 * @throws UsageError if it is not inside the unit
 */
export async function rangeOf(
  unit: LogicalUnit,
  options: RangeOptions,
  bytes: number | null = null,
): Promise<BlockRange> {
  const { blocks: capacity, blockSize } = await unit.readCapacity();
  const lba = parseNumber(options.lba, '--lba');
  if (options.blocks !== undefined && options.length !== undefined) {
    throw new UsageError('give --blocks or --length, not both');
  }
  const blocks = blocksOf(options, blockSize) ?? (bytes === null ? capacity - lba : Math.ceil(bytes / blockSize));
  if (lba > capacity || lba + blocks > capacity) {
    throw new UsageError(
      `blocks ${lba} to ${lba + Math.max(blocks, 1) - 1} are not inside the unit, which has ${capacity}`,
    );
  }
  return { lba, blocks };
}

function blocksOf(options: RangeOptions, blockSize: number): number | null {
  if (options.blocks !== undefined) return parseNumber(options.blocks, '--blocks');
  if (options.length === undefined) return null;
  const bytes = parseSize(options.length, '--length');
  if (bytes % blockSize !== 0)
    throw new UsageError(`--length ${options.length} is not whole blocks of ${blockSize} bytes`);
  return bytes / blockSize;
}
