import { type Command, Option } from 'commander';
import type { CopySummary } from '../../copy/from-unit.js';
import { copyToUnit, type HoleTreatment, type Piece } from '../../copy/to-unit.js';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { addCopyOptions, type CopyFlags, copyOptions, summaryText } from '../copy-options.js';
import { openSource } from '../files.js';
import { bytesText } from '../format.js';
import { parseNumber, UsageError } from '../sizes.js';

type WriteFlags = CommonOptions &
  CopyFlags & { lba: string; holes: HoleTreatment; detectZeros: boolean; sync: boolean };

export function writeCommand(): Command {
  return addCopyOptions(
    command('write', 'copy a file or stream onto a logical unit', [
      'write iscsi://127.0.0.1:3260/iqn.example/0 disk.img',
      'zstdcat disk.img.zst | lunctl write iscsi://127.0.0.1:3260/iqn.example/0 -',
    ])
      .argument('<url>', 'the logical unit')
      .argument('[file]', 'what to copy; - is standard input', '-')
      .option('--lba <n>', 'first block', '0'),
  )
    .addOption(
      new Option('--holes <how>', 'holes and zeros: give blocks back, leave blocks as they are, or write zeros')
        .choices(['unmap', 'skip', 'write'])
        .default('unmap'),
    )
    .option('--no-detect-zeros', 'treat only holes of the file as holes, not every run of zeros')
    .option('--no-sync', 'leave out SYNCHRONIZE CACHE at the end')
    .action(async (url: string, path: string, options: WriteFlags) => {
      const started = performance.now();
      const source = await openSource(path);
      let summary: CopySummary;
      try {
        summary = await withUnit(url, options, async (unit) => {
          const { blocks, blockSize } = await unit.readCapacity();
          const lba = parseNumber(options.lba, '--lba');
          const room = (blocks - lba) * blockSize;
          if (source.bytes !== null && source.bytes > room) throw tooLarge(path, source.bytes, room);
          const { bar, ...copy } = await copyOptions(unit, options, source.bytes);
          try {
            const pieces = within(source.pieces(copy.chunkBytes, blockSize), room, path);
            const done = await copyToUnit(unit, lba, pieces, {
              ...copy,
              ...options,
              depth: copy.depth,
              progress: copy.progress!,
            });
            if (options.sync) await unit.synchronizeCache();
            return done;
          } finally {
            bar.stop();
          }
        });
      } finally {
        await source.close();
      }
      const seconds = (performance.now() - started) / 1000;
      const fate = { unmap: 'unmapped', skip: 'skipped', write: 'zeros' }[options.holes];
      const holes = summary.holes > 0 ? ` (${bytesText(summary.holes)} ${fate})` : '';
      print(options, { ...summary, seconds }, () => summaryText('wrote', summary.bytes, holes, seconds));
    });
}

/** A stream's length is known only when it ends. */
async function* within(pieces: AsyncIterable<Piece>, room: number, path: string): AsyncGenerator<Piece> {
  for await (const piece of pieces) {
    if (piece.at + piece.bytes > room) throw tooLarge(path, piece.at + piece.bytes, room);
    yield piece;
  }
}

function tooLarge(path: string, bytes: number, room: number): UsageError {
  const name = path === '-' ? 'standard input' : path;
  return new UsageError(
    `${name} has ${bytesText(bytes)} or more, the unit has room for ${bytesText(Math.max(room, 0))}`,
  );
}
