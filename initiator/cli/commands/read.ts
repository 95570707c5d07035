import type { Command } from 'commander';
import { streams } from '../../../target/base/streams.js';
import { copyFromUnit } from '../../copy/from-unit.js';
import { ProtectedBlocks } from '../../protected-blocks.js';
import { type CommonOptions, command, withUnit } from '../context.js';
import { addCopyOptions, type CopyFlags, copyOptions, summaryText } from '../copy-options.js';
import { openDestination } from '../files.js';
import { bytesText } from '../format.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../range.js';

type ReadOptions = CommonOptions & CopyFlags & RangeOptions & { holes: boolean; protect: boolean };

export function readCommand(): Command {
  return addCopyOptions(
    addRangeOptions(
      command('read', 'copy a logical unit, or part of it, into a file or stream', [
        'read iscsi://127.0.0.1:3260/iqn.example/0 disk.img',
        'read --lba 0 --length 1m iscsi://127.0.0.1:3260/iqn.example/0 - | hexdump -C',
      ])
        .argument('<url>', 'the logical unit')
        .argument('[file]', 'where to; - is standard output', '-'),
    ),
  )
    .option('--no-holes', 'write zeros where the unit is not mapped, instead of leaving holes')
    .option('--protect', 'have protection information sent along, and check it', false)
    .action(async (url: string, path: string, options: ReadOptions) => {
      const started = performance.now();
      const summary = await withUnit(url, options, async (unit) => {
        const range = await rangeOf(unit, options);
        const { bar, ...copy } = await copyOptions(unit, options, range.blocks * unit.blockSize);
        const destination = await openDestination(path);
        try {
          const access = options.protect ? await ProtectedBlocks.of(unit) : unit;
          return await copyFromUnit(unit, range, destination.sink, { ...copy, access, keepHoles: options.holes });
        } finally {
          bar.stop();
          await destination.close();
        }
      });
      const seconds = (performance.now() - started) / 1000;
      report({ ...summary, seconds }, path, options);
    });
}

/** On standard error when the data themselves go to standard output. */
function report(
  summary: { bytes: number; holes: number; seconds: number },
  path: string,
  options: CommonOptions,
): void {
  const holes = summary.holes > 0 ? ` (${bytesText(summary.holes)} holes)` : '';
  const text = options.json
    ? JSON.stringify(summary, null, 2)
    : summaryText('read', summary.bytes, holes, summary.seconds);
  (path === '-' ? streams().err : streams().out).write(`${text}\n`);
}
