import { type Command, Option } from 'commander';
import type { CopySummary } from '../../copy/from-unit.js';
import type { Piece } from '../../copy/pieces.js';
import { copyToUnit, type HoleTreatment, type WriteOptions } from '../../copy/to-unit.js';
import { copyUnitToUnit, type UnitCopySummary } from '../../copy/unit-to-unit.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { ProtectedBlocks } from '../../protected-blocks.js';
import { type CommonOptions, command, print, shownUrl, withUnit } from '../context.js';
import { addCopyOptions, type CopyFlags, copyOptions, summaryText } from '../copy-options.js';
import { openSource } from '../files.js';
import { bytesText } from '../format.js';
import { parseNumber, UsageError } from '../sizes.js';

type WriteFlags = CommonOptions &
  CopyFlags & {
    lba: string;
    fromLu?: string;
    holes: HoleTreatment;
    detectZeros: boolean;
    sync: boolean;
    protect: boolean;
    appTag?: string;
  };

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
    .option('--protect', 'make protection information, and send it along', false)
    .option('--app-tag <n>', 'its application tag, with --protect; 0 if left out')
    .option('--no-sync', 'leave out SYNCHRONIZE CACHE at the end')
    .action(async (url: string, path: string, options: WriteFlags) => {
      const started = performance.now();
      if (options.fromLu !== undefined && path !== '-') throw new UsageError('give a file or --from-lu, not both');
      if (options.fromLu !== undefined && options.protect) throw new UsageError('--protect goes with a file');
      if (options.appTag !== undefined && !options.protect) throw new UsageError('--app-tag goes with --protect');
      const { fromLu } = options;
      const copy = fromLu === undefined ? copyFile(path, url, options) : copyUnit(fromLu, url, options);
      tell(options, await copy, started);
    });
}

function tell(options: WriteFlags, summary: CopySummary | UnitCopySummary, started: number): void {
  const seconds = (performance.now() - started) / 1000;
  const fate = { unmap: 'unmapped', skip: 'skipped', write: 'zeros' }[options.holes];
  const holes = 'holes' in summary && summary.holes > 0 ? ` (${bytesText(summary.holes)} ${fate})` : '';
  const verb = 'offloaded' in summary && summary.offloaded ? 'the array copied' : 'wrote';
  print(options, { ...summary, seconds }, () => summaryText(verb, summary.bytes, holes, seconds));
}

async function copyFile(path: string, url: string, options: WriteFlags): Promise<CopySummary> {
  const source = await openSource(path);
  const name = path === '-' ? 'standard input' : path;
  try {
    return await onto(url, options, name, source.bytes, ({ unit, lba, room }, copy) =>
      copyToUnit(unit, lba, within(source.pieces(copy.chunkBytes, unit.blockSize), room, name), copy),
    );
  } finally {
    await source.close();
  }
}

/** From one logical unit to another, of the same array or not. */
function copyUnit(from: string, url: string, options: WriteFlags): Promise<UnitCopySummary> {
  return withUnit(from, options, async (source) => {
    const { bytes } = await source.readCapacity();
    return await onto(url, options, shownUrl(from), bytes, ({ unit, lba }, copy) =>
      copyUnitToUnit(source, unit, lba, copy),
    );
  });
}

/** Where a copy goes. */
interface Place {
  readonly unit: LogicalUnit;
  /** First block. */
  readonly lba: number;
  /** Bytes from there to the end. */
  readonly room: number;
}

/** Copies to a unit. @param bytes to be copied; null: known at the end */
function onto<T>(
  url: string,
  options: WriteFlags,
  name: string,
  bytes: number | null,
  copy: (place: Place, options: WriteOptions) => Promise<T>,
): Promise<T> {
  return withUnit(url, options, async (unit) => {
    const { blocks, blockSize } = await unit.readCapacity();
    const lba = parseNumber(options.lba, '--lba');
    const room = (blocks - lba) * blockSize;
    if (bytes !== null && bytes > room) throw tooLarge(name, bytes, room);
    const { holes, detectZeros } = options;
    const access = options.protect ? await ProtectedBlocks.of(unit, tagOf(options)) : unit;
    const { bar, ...shape } = await copyOptions(unit, options, bytes);
    try {
      const done = await copy({ unit, lba, room }, { holes, detectZeros, access, ...shape });
      if (options.sync) await unit.synchronizeCache();
      return done;
    } finally {
      bar.stop();
    }
  });
}

function tagOf({ appTag }: WriteFlags): number {
  return appTag === undefined ? 0 : parseNumber(appTag, '--app-tag', 0, 0xffff);
}

/** A stream's length is known only when it ends. */
async function* within(pieces: AsyncIterable<Piece>, room: number, name: string): AsyncGenerator<Piece> {
  for await (const piece of pieces) {
    if (piece.at + piece.bytes > room) throw tooLarge(name, piece.at + piece.bytes, room);
    yield piece;
  }
}

function tooLarge(name: string, bytes: number, room: number): UsageError {
  return new UsageError(
    `${name} has ${bytesText(bytes)} or more, the unit has room for ${bytesText(Math.max(room, 0))}`,
  );
}
