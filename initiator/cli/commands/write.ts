import { type Command, Option } from 'commander';
import type { CopySummary } from '../../copy/from-unit.js';
import type { Piece } from '../../copy/pieces.js';
import { copyToUnit, type HoleTreatment } from '../../copy/to-unit.js';
import { copyUnitToUnit, type UnitCopySummary } from '../../copy/unit-to-unit.js';
import { type CommonOptions, command, print, shownUrl, withUnit } from '../context.js';
import { addCopyOptions, type CopyFlags, copyOptions, summaryText } from '../copy-options.js';
import { openSource } from '../files.js';
import { bytesText } from '../format.js';
import { parseNumber, UsageError } from '../sizes.js';

type WriteFlags = CommonOptions &
  CopyFlags & { lba: string; fromLu?: string; holes: HoleTreatment; detectZeros: boolean; sync: boolean };

export function writeCommand(): Command {
  return addCopyOptions(
    command('write', 'copy a file or stream onto a logical unit', [
      'write iscsi://127.0.0.1:3260/iqn.example/0 disk.img',
      'zstdcat disk.img.zst | lunctl write iscsi://127.0.0.1:3260/iqn.example/0 -',
      'write --from-lu iscsi://127.0.0.1:3260/iqn.example/0 iscsi://127.0.0.1:3261/iqn.example/1',
    ])
      .argument('<url>', 'the logical unit')
      .argument('[file]', 'what to copy; - is standard input', '-')
      .option('--lba <n>', 'first block', '0')
      .option('--from-lu <url>', 'copy another logical unit, not a file; the array does it by itself if it can'),
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
      if (options.fromLu !== undefined) {
        if (path !== '-') throw new UsageError('give a file or --from-lu, not both');
        tell(options, await copyUnit(options.fromLu, url, options), started);
        return;
      }
      const source = await openSource(path);
      let summary: CopySummary;
      try {
        summary = await withUnit(url, options, async (unit) => {
          const { blocks, blockSize } = await unit.readCapacity();
          const lba = parseNumber(options.lba, '--lba');
          const room = (blocks - lba) * blockSize;
          if (source.bytes !== null && source.bytes > room) throw tooLarge(nameOf(path), source.bytes, room);
          const { bar, ...copy } = await copyOptions(unit, options, source.bytes);
          try {
            const pieces = within(source.pieces(copy.chunkBytes, blockSize), room, nameOf(path));
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
      tell(options, summary, started);
    });
}

function tell(options: WriteFlags, summary: CopySummary | UnitCopySummary, started: number): void {
  const seconds = (performance.now() - started) / 1000;
  const fate = { unmap: 'unmapped', skip: 'skipped', write: 'zeros' }[options.holes];
  const holes = 'holes' in summary && summary.holes > 0 ? ` (${bytesText(summary.holes)} ${fate})` : '';
  const verb = 'offloaded' in summary && summary.offloaded ? 'the array copied' : 'wrote';
  print(options, { ...summary, seconds }, () => summaryText(verb, summary.bytes, holes, seconds));
}

/** From one logical unit to another, of the same array or not. */
function copyUnit(from: string, url: string, options: WriteFlags): Promise<UnitCopySummary> {
  return withUnit(from, options, (source) =>
    withUnit(url, options, async (unit) => {
      const { blocks, blockSize } = await source.readCapacity();
      const capacity = await unit.readCapacity();
      const lba = parseNumber(options.lba, '--lba');
      const room = (capacity.blocks - lba) * capacity.blockSize;
      if (blocks * blockSize > room) throw tooLarge(shownUrl(from), blocks * blockSize, room);
      const { bar, ...copy } = await copyOptions(unit, options, blocks * blockSize);
      try {
        const done = await copyUnitToUnit(source, unit, lba, {
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
    }),
  );
}

/** A stream's length is known only when it ends. */
async function* within(pieces: AsyncIterable<Piece>, room: number, name: string): AsyncGenerator<Piece> {
  for await (const piece of pieces) {
    if (piece.at + piece.bytes > room) throw tooLarge(name, piece.at + piece.bytes, room);
    yield piece;
  }
}

const nameOf = (path: string) => (path === '-' ? 'standard input' : path);

function tooLarge(name: string, bytes: number, room: number): UsageError {
  return new UsageError(
    `${name} has ${bytesText(bytes)} or more, the unit has room for ${bytesText(Math.max(room, 0))}`,
  );
}
