import { Argument, type Command } from 'commander';
import { streams } from '../../../target/base/streams.js';
import type { TapePositionData } from '../../decode/tape.js';
import { CheckCondition } from '../../errors.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { type Blocking, readTape, transferBytes, withBlocking, writeTape } from '../../tape/tape-copy.js';
import { TapeUnit } from '../../tape/tape-unit.js';
import { type CommonOptions, command, withUnit } from '../context.js';
import { summaryText } from '../copy-options.js';
import { openDestination, openSource } from '../files.js';
import { bytesText, pairs } from '../format.js';
import { SILENT, startProgress } from '../progress.js';
import { parseNumber, parseSize, UsageError } from '../sizes.js';

interface TapeOptions extends CommonOptions {
  readonly blockSize?: string;
  readonly fixed: boolean;
  readonly filemark: boolean;
  readonly progress: boolean;
}

interface Outcome {
  /** For JSON. */
  readonly result: object;
  readonly text: string;
  /** Standard output has the data themselves. */
  readonly aside?: boolean;
}

type Action = (tape: TapeUnit, argument: string | undefined, options: TapeOptions) => Promise<Outcome>;

const DONE: Outcome = { result: {}, text: '' };
const MEDIUM_NOT_PRESENT = 0x3a;
const MIB = 1 << 20;
const DEFAULT_WRITE = '64k';
const DEFAULT_READ = '1m';
/** Attributes that a status shows. */
const Shown = { remaining: 0x0000, capacity: 0x0001, barcode: 0x0806 } as const;

/** Without an argument. */
function plain(run: (tape: TapeUnit) => Promise<Outcome>): Action {
  return (tape, argument) => {
    if (argument !== undefined) throw new UsageError(`"${argument}" means nothing to this action`);
    return run(tape);
  };
}

function moving(run: (tape: TapeUnit) => Promise<void>): Action {
  return plain(async (tape) => {
    await run(tape);
    return DONE;
  });
}

/** @param least value of the argument @param preset if it is left out; null: it is needed */
function counted(
  least: number,
  preset: number | null,
  run: (tape: TapeUnit, count: number) => Promise<unknown>,
): Action {
  return async (tape, argument) => {
    if (argument === undefined && preset === null) throw new UsageError('say which block');
    await run(tape, argument === undefined ? preset! : parseNumber(argument, 'count', least));
    return DONE;
  };
}

function positionText({ object, file, beginning, endIsNear }: TapePositionData): string {
  const where = beginning ? ', the beginning' : endIsNear ? ', near the end' : '';
  return `block ${object}, file ${file}${where}`;
}

async function tell(tape: TapeUnit): Promise<Outcome> {
  const position = await tape.position();
  return { result: { block: position.object, file: position.file }, text: positionText(position) };
}

/** Null: there is no medium. */
async function ifPresent<T>(asked: Promise<T>): Promise<T | null> {
  return asked.catch((error: Error) => {
    if (error instanceof CheckCondition && error.sense.asc >> 8 === MEDIUM_NOT_PRESENT) return null;
    throw error;
  });
}

async function status(tape: TapeUnit): Promise<Outcome> {
  const limits = await tape.limits();
  const mode = await tape.mode();
  const position = await ifPresent(tape.position());
  const attributes = position === null ? null : await tape.attributes();
  const mebibytes = (id: number) => {
    const value = attributes?.get(id)?.value;
    return value?.length === 8 ? Number(value.readBigUInt64BE(0)) * MIB : null;
  };
  const result = {
    medium: position !== null,
    ...(position && { block: position.object, file: position.file }),
    ...(position && { beginning: position.beginning, endIsNear: position.endIsNear }),
    blockLength: mode.blockLength,
    limits,
    density: mode.density,
    buffered: mode.bufferedMode !== 0,
    writeProtected: mode.writeProtected,
    remaining: mebibytes(Shown.remaining),
    capacity: mebibytes(Shown.capacity),
    barcode: attributes?.get(Shown.barcode)?.value.toString('latin1').trim() ?? null,
  };
  const yesNo = (value: boolean) => (value ? 'yes' : 'no');
  const bytes = (value: number | null) => (value === null ? 'not told' : bytesText(value));
  const text = pairs([
    ['medium', position === null ? 'none' : 'loaded'],
    ...(position === null ? [] : [['position', positionText(position)] as const]),
    ['block length', mode.blockLength === 0 ? 'variable' : mode.blockLength],
    ['blocks', `${limits.least} to ${limits.most} bytes`],
    ['density', `0x${mode.density.toString(16)}`],
    ['buffered', yesNo(result.buffered)],
    ['write protected', yesNo(mode.writeProtected)],
    ['remaining', bytes(result.remaining)],
    ['capacity', bytes(result.capacity)],
    ['barcode', result.barcode ?? 'none'],
  ]);
  return { result, text };
}

function blocking(options: TapeOptions, preset: string, most: number): Blocking {
  if (options.fixed && options.blockSize === undefined) throw new UsageError('--fixed needs --block-size');
  const asked = parseSize(options.blockSize ?? preset, '--block-size');
  const blockBytes = options.blockSize === undefined ? Math.min(asked, most) : asked;
  if (blockBytes < 1 || blockBytes > most) {
    throw new UsageError(`--block-size ${options.blockSize} is not from 1 to ${most}, as the drive takes them`);
  }
  return { blockBytes, fixed: options.fixed };
}

async function write(tape: TapeUnit, path = '-', options: TapeOptions): Promise<Outcome> {
  const started = performance.now();
  const blocks = blocking(options, DEFAULT_WRITE, (await tape.limits()).most);
  const source = await openSource(path);
  const bar = options.progress ? startProgress(source.bytes) : SILENT;
  try {
    const pieces = source.pieces(transferBytes(blocks), blocks.blockBytes);
    const advance = (bytes: number) => bar.advance(bytes);
    const summary = await withBlocking(tape, blocks, () => writeTape(tape, pieces, blocks, advance));
    const near = (await tape.writeFilemarks(options.filemark ? 1 : 0)) || summary.nearEnd;
    const seconds = (performance.now() - started) / 1000;
    const text = summaryText('wrote', summary.bytes, ` in ${summary.blocks} blocks`, seconds);
    return {
      result: { ...summary, nearEnd: near, seconds },
      text: near ? `${text}; the end of the medium is near` : text,
    };
  } finally {
    bar.stop();
    await source.close();
  }
}

async function read(tape: TapeUnit, path = '-', options: TapeOptions): Promise<Outcome> {
  const started = performance.now();
  const blocks = blocking(options, DEFAULT_READ, (await tape.limits()).most);
  const destination = await openDestination(path);
  const bar = options.progress ? startProgress(null) : SILENT;
  try {
    const advance = (bytes: number) => bar.advance(bytes);
    const summary = await withBlocking(tape, blocks, () => readTape(tape, destination.sink, blocks, advance));
    const seconds = (performance.now() - started) / 1000;
    const where = summary.end === 'filemark' ? 'up to a filemark' : 'up to the end of data';
    const text = summaryText('read', summary.bytes, ` in ${summary.blocks} blocks ${where}`, seconds);
    return { result: { ...summary, seconds }, text, aside: path === '-' };
  } finally {
    bar.stop();
    await destination.close();
  }
}

/** Named as those of mt. */
const ACTIONS: Readonly<Record<string, Action>> = {
  status: plain(status),
  tell: plain(tell),
  rewind: moving((tape) => tape.rewind()),
  fsf: counted(0, 1, (tape, count) => tape.spaceFilemarks(count)),
  bsf: counted(0, 1, (tape, count) => tape.spaceFilemarks(-count)),
  fsr: counted(0, 1, (tape, count) => tape.spaceBlocks(count)),
  bsr: counted(0, 1, (tape, count) => tape.spaceBlocks(-count)),
  eod: moving((tape) => tape.spaceToEnd()),
  seek: counted(0, null, (tape, block) => tape.locate(block)),
  weof: counted(0, 1, (tape, count) => tape.writeFilemarks(count)),
  erase: moving((tape) => tape.erase()),
  load: moving((tape) => tape.load()),
  unload: moving((tape) => tape.unload()),
  write,
  read,
};

async function tapeOf(unit: LogicalUnit): Promise<TapeUnit> {
  const tape = await TapeUnit.of(unit);
  if (tape === null) throw new UsageError('the unit is no tape');
  return tape;
}

export function tapeCommand(): Command {
  return command('tape', 'position, read and write a tape, as mt and dd do', [
    'tape status iscsi://127.0.0.1:3260/iqn.example/6',
    'tar c directory | lunctl tape write iscsi://127.0.0.1:3260/iqn.example/6',
    'tape fsf iscsi://127.0.0.1:3260/iqn.example/6 2',
    'tape read iscsi://127.0.0.1:3260/iqn.example/6 | tar t',
  ])
    .addArgument(new Argument('<action>', 'what to do').choices(Object.keys(ACTIONS)))
    .argument('<url>', 'the logical unit')
    .argument('[argument]', 'how many files, blocks or filemarks (1); seek: the block; read and write: a file (-)')
    .option(
      '--block-size <size>',
      `write: bytes of a block (${DEFAULT_WRITE}); read: the most that one has (${DEFAULT_READ})`,
    )
    .option('--fixed', 'blocks of a fixed length, many in a command; the last one is filled up with zeros', false)
    .option('--no-filemark', 'write: no filemark at the end')
    .option('--no-progress', 'no progress bar, on a terminal either')
    .action(async (action: string, url: string, argument: string | undefined, options: TapeOptions) => {
      const { result, text, aside } = await withUnit(url, options, async (unit) =>
        ACTIONS[action]!(await tapeOf(unit), argument, options),
      );
      const shown = options.json ? JSON.stringify(result, null, 2) : text;
      if (shown !== '') (aside ? streams().err : streams().out).write(`${shown}\n`);
    });
}
