/** Options that `read`, `write` and `verify` share. */
import type { Command } from 'commander';
import type { CopyOptions } from '../copy/from-unit.js';
import type { LogicalUnit } from '../logical-unit.js';
import { bytesText, durationText } from './format.js';
import { type Progress, SILENT, startProgress } from './progress.js';
import { parseNumber, parseSize, UsageError } from './sizes.js';

export interface CopyFlags {
  readonly depth: string;
  readonly chunk: string;
  readonly progress: boolean;
}

/** Rounded down to whole blocks where these are odd. */
const DEFAULT_CHUNK = '256k';

export function addCopyOptions(to: Command): Command {
  return to
    .option('--depth <n>', 'commands in flight', '32')
    .option('--chunk <size>', 'bytes per command', DEFAULT_CHUNK)
    .option('--no-progress', 'no progress bar, on a terminal either');
}

/** Checked copy options, and the bar they report to. */
export async function copyOptions(
  unit: LogicalUnit,
  flags: CopyFlags,
  total: number | null,
): Promise<CopyOptions & { readonly bar: Progress; readonly depth: number }> {
  const depth = parseNumber(flags.depth, '--depth', 1, 1024);
  const { blockSize } = await unit.readCapacity();
  const asked = parseSize(flags.chunk, '--chunk');
  const chunk = flags.chunk === DEFAULT_CHUNK ? asked - (asked % blockSize) : asked;
  if (chunk < blockSize || chunk > 1 << 26 || chunk % blockSize !== 0) {
    throw new UsageError(`--chunk ${flags.chunk} is not whole blocks of ${blockSize} bytes up to 64m`);
  }
  const bar = flags.progress ? startProgress(total) : SILENT;
  return {
    depth,
    chunkBytes: Math.min(chunk, (await unit.maxTransferBlocks()) * blockSize),
    progress: (bytes) => bar.advance(bytes),
    bar,
  };
}

/** One line about a finished copy: `wrote 1.0 GiB (…) in 3s, 341 MiB/s`. */
export function summaryText(verb: string, bytes: number, detail: string, seconds: number): string {
  const rate = seconds > 0 ? `, ${bytesText(Math.round(bytes / seconds))}/s` : '';
  return `${verb} ${bytesText(bytes)}${detail} in ${seconds < 10 ? `${seconds.toFixed(1)}s` : durationText(seconds)}${rate}`;
}
