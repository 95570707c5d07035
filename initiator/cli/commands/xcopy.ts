import type { Command } from 'commander';
import { offloadCopy } from '../../copy/offload.js';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { summaryText } from '../copy-options.js';
import { SILENT, startProgress } from '../progress.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../range.js';
import { parseNumber, UsageError } from '../sizes.js';

type XcopyOptions = CommonOptions & RangeOptions & { toLba: string; progress: boolean };

export function xcopyCommand(): Command {
  return addRangeOptions(
    command('xcopy', 'have the array copy between its logical units (EXTENDED COPY)', [
      'xcopy iscsi://127.0.0.1:3260/iqn.example/0 iscsi://127.0.0.1:3260/iqn.example/1',
      'xcopy --lba 2048 --length 1g --to-lba 0 iscsi://127.0.0.1:3260/iqn.example/0 iscsi://127.0.0.1:3260/iqn.example/1',
    ])
      .argument('<source>', 'the logical unit to copy from, which gets the commands')
      .argument('<destination>', 'the logical unit to copy to, of the same array'),
  )
    .option('--to-lba <n>', 'first block at the destination', '0')
    .option('--no-progress', 'no progress bar, on a terminal either')
    .action(async (from: string, to: string, options: XcopyOptions) => {
      const started = performance.now();
      const bytes = await withUnit(from, options, (source) =>
        withUnit(to, options, async (destination) => {
          const range = await rangeOf(source, options);
          const toLba = parseNumber(options.toLba, '--to-lba');
          const capacity = await destination.readCapacity();
          const total = range.blocks * source.blockSize;
          if (total % capacity.blockSize !== 0) {
            throw new UsageError(
              `${total} bytes are not whole blocks of the destination (${capacity.blockSize} bytes)`,
            );
          }
          if (toLba + total / capacity.blockSize > capacity.blocks) {
            throw new UsageError(`the destination has ${capacity.blocks} blocks: too few from block ${toLba} on`);
          }
          const bar = options.progress ? startProgress(total) : SILENT;
          try {
            await offloadCopy(source, destination, range, toLba, (count) => bar.advance(count));
          } finally {
            bar.stop();
          }
          return total;
        }),
      );
      const seconds = (performance.now() - started) / 1000;
      print(options, { bytes, seconds }, () => summaryText('copied', bytes, '', seconds));
    });
}
