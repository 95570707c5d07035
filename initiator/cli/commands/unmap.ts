import type { Command } from 'commander';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { bytesText } from '../format.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../range.js';
import { UsageError } from '../sizes.js';

export function unmapCommand(): Command {
  return addRangeOptions(
    command('unmap', 'give blocks back to the array (UNMAP)', [
      'unmap --lba 2048 --blocks 4096 iscsi://127.0.0.1:3260/iqn.example/0',
      'unmap --all iscsi://127.0.0.1:3260/iqn.example/0',
    ]).argument('<url>', 'the logical unit'),
  )
    .option('--all', 'the whole unit: all its data is lost')
    .action(async (url: string, options: CommonOptions & RangeOptions & { all?: boolean }) => {
      const named = options.blocks !== undefined || options.length !== undefined;
      if (!named && !options.all)
        throw new UsageError('say which blocks: --blocks, --length, or --all for the whole unit');
      if (named && options.all) throw new UsageError('--all does not go with --blocks or --length');
      const result = await withUnit(url, options, async (unit) => {
        const range = await rangeOf(unit, options);
        if (range.blocks > 0) await unit.unmap([range]);
        return { ...range, bytes: range.blocks * unit.blockSize };
      });
      print(options, result, () => `unmapped ${result.blocks} blocks (${bytesText(result.bytes)}) from ${result.lba}`);
    });
}
