/** Tables for people, JSON for tools, and the options every administration command shares. */
import { type Command, InvalidArgumentError } from 'commander';
import { streams } from '../base/streams.js';
import { ArrayError } from '../svp/errors.js';
import { parseAddress, parseLdev, parseSize } from '../svp/units.js';

export const DEFAULT_DATA = './lunarray-data';

export interface CommonOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** Adds `--data` and `--json`. */
export function administration(command: Command): Command {
  return command
    .option('--data <dir>', 'data directory of the array', process.env.LUNARRAY_DATA ?? DEFAULT_DATA)
    .option('--json', 'print JSON');
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, null, 2));
}

export function printLine(line: string): void {
  streams().out.write(`${line}\n`);
}

const BORDERLESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns with a heading line, no borders: readable, and easy for awk. */
export async function printTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): Promise<void> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push([...head], ...rows.map((row) => row.map((cell) => (cell === '' ? '-' : String(cell)))));
  for (const line of table.toString().split('\n')) printLine(line.trimEnd());
}

/** Arguments of options, checked by commander: a wrong one is a usage error with the option's name. */
export const argument = {
  size(text: string): number {
    const bytes = parseSize(text);
    if (bytes === null || bytes === 0) throw new InvalidArgumentError('A size such as 10G is needed.');
    return bytes;
  },
  ldev(text: string): string {
    if (parseLdev(text) === null) throw new InvalidArgumentError('An LDEV number such as 00:1A is needed.');
    return text.toUpperCase();
  },
  address(text: string): string {
    if (parseAddress(text) === null) throw new InvalidArgumentError('HOST:PORT is needed, such as 127.0.0.1:3260.');
    return text;
  },
  httpAddress(text: string): string {
    return text === 'off' ? text : argument.address(text);
  },
  /** Bytes a second; null: `max`. */
  rate(text: string): number | null {
    if (text === 'max') return null;
    const bytes = parseSize(text);
    if (bytes === null || bytes === 0) throw new InvalidArgumentError('"max" or a rate such as 50M is needed.');
    return bytes;
  },
  count(text: string): number {
    if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('A whole number is needed.');
    return Number(text);
  },
};

/** `CL1-A/default` as one path step of the control endpoint, each half escaped. */
export function hostGroupPath(group: string): string {
  const slash = group.indexOf('/');
  if (slash < 1 || slash === group.length - 1) {
    throw new ArrayError('usage', `"${group}" is no host group: write PORT/NAME, such as CL1-A/default.`);
  }
  return `/host-groups/${encodeURIComponent(group.slice(0, slash))}/${encodeURIComponent(group.slice(slash + 1))}`;
}
