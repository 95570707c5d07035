import type { Command } from 'commander';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../range.js';

export function syncCommand(): Command {
  return addRangeOptions(
    command('sync', 'make written data survive loss of power (SYNCHRONIZE CACHE)', [
      'sync iscsi://127.0.0.1:3260/iqn.example/0',
      'sync --lba 0 --blocks 2048 iscsi://127.0.0.1:3260/iqn.example/0',
    ]).argument('<url>', 'the logical unit'),
  ).action(async (url: string, options: CommonOptions & RangeOptions) => {
    const range = await withUnit(url, options, async (unit) => {
      const synced = await rangeOf(unit, options);
      const explicit = options.blocks !== undefined || options.length !== undefined;
      // Zero blocks means to the end, and reaches past 2^32 blocks as well.
      await unit.synchronizeCache(synced.lba, explicit ? synced.blocks : 0);
      return synced;
    });
    print(options, range, () => `synchronized ${range.blocks} blocks from ${range.lba}`);
  });
}
