import type { Command } from 'commander';
import { compareWithUnit } from '../../copy/compare.js';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { addCopyOptions, type CopyFlags, copyOptions, summaryText } from '../copy-options.js';
import { MiscompareError } from '../exit.js';
import { openSource } from '../files.js';
import { grouped } from '../format.js';
import { parseNumber, UsageError } from '../sizes.js';

type VerifyOptions = CommonOptions & CopyFlags & { lba: string; all?: boolean };

export function verifyCommand(): Command {
  return addCopyOptions(
    command('verify', 'compare a file or stream with what a logical unit holds', [
      'verify iscsi://127.0.0.1:3260/iqn.example/0 disk.img',
      'verify --all --json iscsi://127.0.0.1:3260/iqn.example/0 disk.img',
    ])
      .argument('<url>', 'the logical unit')
      .argument('[file]', 'what to compare with; - is standard input', '-')
      .option('--lba <n>', 'first block', '0')
      .option('--all', 'count all blocks that differ instead of ending at the first'),
  ).action(async (url: string, path: string, options: VerifyOptions) => {
    const started = performance.now();
    const source = await openSource(path);
    try {
      const result = await withUnit(url, options, async (unit) => {
        const { blocks, blockSize } = await unit.readCapacity();
        const lba = parseNumber(options.lba, '--lba');
        if (source.bytes !== null && source.bytes > (blocks - lba) * blockSize) {
          throw new UsageError(`${path} is larger than the unit from block ${lba} on`);
        }
        const { bar, ...copy } = await copyOptions(unit, options, source.bytes);
        try {
          const pieces = source.pieces(copy.chunkBytes, blockSize);
          const comparison = await compareWithUnit(unit, lba, pieces, { ...copy, all: options.all === true });
          const { firstDifference } = comparison;
          const firstLba = firstDifference === null ? null : lba + Math.floor(firstDifference / blockSize);
          return { ...comparison, firstLba };
        } finally {
          bar.stop();
        }
      });
      if (result.firstDifference !== null) {
        const count = options.all ? `${grouped(result.blocksDiffering)} blocks differ, the first` : 'differs';
        throw new MiscompareError(`${count} at byte ${result.firstDifference} (block ${result.firstLba})`, result);
      }
      const seconds = (performance.now() - started) / 1000;
      print(options, { ...result, seconds }, () => summaryText('equal:', result.bytes, '', seconds));
    } finally {
      await source.close();
    }
  });
}
