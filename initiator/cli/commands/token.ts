import { readFile, writeFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import {
  decodeRodToken,
  ROD_TOKEN_BYTES,
  ROD_TOKEN_LENGTH,
  type RodTokenFields,
  RodType,
} from '../../../wire/scsi/rod-token.js';
import { createToken, listTokens, writeToken } from '../../copy/tokens.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { type CommonOptions, command, print, withUnit } from '../context.js';
import { summaryText } from '../copy-options.js';
import { named } from '../files.js';
import { bytesText, table } from '../format.js';
import { SILENT, startProgress } from '../progress.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../range.js';
import { parseNumber, UsageError } from '../sizes.js';

interface TokenOptions extends CommonOptions, RangeOptions {
  readonly inactivity: string;
  readonly offset: string;
  readonly delete?: boolean;
  readonly progress: boolean;
}

/** What an action came to: a result for JSON, and its text. */
type Action = (unit: LogicalUnit, file: string | undefined, options: TokenOptions) => Promise<Outcome>;
type Outcome = { readonly result: object; readonly text: string };

function needed(file: string | undefined): string {
  if (file === undefined) throw new UsageError('name the file of the token');
  return file;
}

async function readToken(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw named(error, path);
  });
  if (bytes.length !== ROD_TOKEN_BYTES)
    throw new UsageError(`${path} is no token: it has ${bytes.length} bytes, not 512`);
  if (decodeRodToken(bytes).length !== ROD_TOKEN_LENGTH) {
    throw new UsageError(`${path} is no token: its length field (bytes 6 and 7) does not say 01F8h`);
  }
  return bytes;
}

async function create(unit: LogicalUnit, path: string | undefined, options: TokenOptions): Promise<Outcome> {
  const file = needed(path);
  const range = await rangeOf(unit, options);
  const token = await createToken(unit, range, parseNumber(options.inactivity, '--inactivity', 0, 0xffffffff));
  // Who has it can use it.
  await writeFile(file, token, { mode: 0o600 }).catch((error: unknown) => {
    throw named(error, file);
  });
  const { bytes } = decodeRodToken(token);
  return { result: { file, bytes }, text: `${file} represents ${bytesText(bytes)}` };
}

async function write(unit: LogicalUnit, path: string | undefined, options: TokenOptions): Promise<Outcome> {
  const started = performance.now();
  const token = await readToken(needed(path));
  const { blockSize } = await unit.readCapacity();
  const offset = parseNumber(options.offset, '--offset');
  const { type, bytes: whole } = decodeRodToken(token);
  // That of zeros names no amount: it goes as far as the unit, or as the range asked for.
  const left = type === RodType.zero ? null : whole - offset * blockSize;
  if (left !== null && left <= 0) {
    throw new UsageError(`--offset ${offset} is beyond what the token represents, ${bytesText(whole)}`);
  }
  const range = await rangeOf(unit, options, left);
  const bar = options.progress ? startProgress(range.blocks * blockSize) : SILENT;
  const progress = (blocks: number) => bar.advance(blocks * blockSize);
  try {
    await writeToken(unit, token, range, { offset, deleteToken: options.delete === true, progress });
  } finally {
    bar.stop();
  }
  const bytes = range.blocks * blockSize;
  const seconds = (performance.now() - started) / 1000;
  return { result: { bytes, seconds }, text: summaryText('wrote', bytes, '', seconds) };
}

function row({ type, identifier, bytes }: RodTokenFields) {
  return { identifier: identifier.toString('hex'), type: type.toString(16).padStart(8, '0'), bytes };
}

async function info(unit: LogicalUnit, path: string | undefined): Promise<Outcome> {
  const tokens = path === undefined ? await listTokens(unit) : [await readToken(path)];
  // Of those that are listed only the beginning is told.
  const rows = tokens.map((token) => row(decodeRodToken(Buffer.concat([token], ROD_TOKEN_BYTES))));
  const lines = rows.map(({ identifier, type, bytes }) => [identifier, `${type}h`, bytesText(bytes)]);
  const text = rows.length === 0 ? 'no tokens' : table(['IDENTIFIER', 'TYPE', 'REPRESENTS'], lines);
  return { result: { tokens: rows }, text };
}

const ACTIONS: Readonly<Record<string, Action>> = { create, write, info };

export function tokenCommand(): Command {
  return addRangeOptions(
    command('token', 'keep blocks as they are now, and have the array write them elsewhere (ROD tokens)', [
      'token create --lba 2048 --length 1g iscsi://127.0.0.1:3260/iqn.example/0 before.token',
      'token write iscsi://127.0.0.1:3260/iqn.example/1 before.token',
      'token info iscsi://127.0.0.1:3260/iqn.example/0',
    ])
      .addArgument(new Argument('<action>', 'what to do').choices(Object.keys(ACTIONS)))
      .argument('<url>', 'the logical unit')
      .argument('[file]', 'file of the token'),
  )
    .option('--inactivity <s>', 'create: seconds that it is good without being used; 0: as the array has it', '0')
    .option('--offset <n>', 'write: blocks of this unit to leave out at the beginning of the token', '0')
    .option('--delete', 'write: end the token afterwards')
    .option('--no-progress', 'no progress bar, on a terminal either')
    .action(async (action: string, url: string, file: string | undefined, options: TokenOptions) => {
      const { result, text } = await withUnit(url, options, (unit) => ACTIONS[action]!(unit, file, options));
      print(options, result, () => text);
    });
}
