/** What all commands of `lunctl` share: options, the session, output. */
import { Command, Option } from 'commander';
import { streams } from '../../target/base/streams.js';
import { type ConnectOptions, connect } from '../connect.js';
import { ClosedError } from '../errors.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { SessionOptions } from '../options.js';
import type { Session } from '../session.js';
import { parseUrl } from '../url.js';
import { parseDuration } from './sizes.js';

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly initiator?: string;
  readonly timeout: string;
  readonly reconnect: boolean;
}

/** Makes a command with the common options and, below its help, examples. */
export function command(name: string, summary: string, examples: readonly string[]): Command {
  const shown = examples.map((example) => `  $ lunctl ${example}`).join('\n');
  return new Command(name)
    .summary(summary)
    .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
    .addOption(new Option('--json', 'print the result as JSON'))
    .addOption(new Option('-i, --initiator <iqn>', 'initiator name to log in with'))
    .addOption(new Option('--timeout <time>', 'until a command is given up').default('30s'))
    .addOption(new Option('--no-reconnect', 'fail when the connection breaks instead of getting it back'))
    .addOption(new Option('-v, --verbose', 'tell of unit attentions and reconnects on standard error'))
    .addHelpText('after', `\nExamples:\n${shown}`);
}

/** Session options from the command line. */
export function sessionOptions(options: CommonOptions): SessionOptions {
  return {
    ...(options.initiator !== undefined && { initiatorName: options.initiator }),
    commandTimeoutMs: parseDuration(options.timeout, 'timeout'),
    ...(!options.reconnect && { reconnect: false as const }),
  };
}

/**
 * Opens the unit of a URL, runs, and logs out whatever happens; an interrupt ends what is running.
 * @param more options that are not on the command line
 */
export async function withUnit<T>(
  url: string,
  options: CommonOptions,
  run: (unit: LogicalUnit) => Promise<T>,
  more: ConnectOptions = {},
): Promise<T> {
  const unit = await connect(url, { ...sessionOptions(options), ...more });
  if (options.verbose) report(unit.session);
  const interrupt = () => void unit.close();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await run(unit);
  } catch (error) {
    if (error instanceof ClosedError && interruptedBy(interrupt)) throw new InterruptedError();
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    await unit.close();
  }
}

/** The user ended the command. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  constructor() {
    super('interrupted');
  }
}

/** A listener that ran is no longer there. */
function interruptedBy(listener: () => void): boolean {
  return !process.listeners('SIGINT').includes(listener) || !process.listeners('SIGTERM').includes(listener);
}

function report(session: Session): void {
  const say = (text: string) => streams().err.write(`lunctl: ${text}\n`);
  session.on('attention', (text) => say(text));
  session.on('disconnected', (error) => say(`disconnected: ${error.message}`));
  session.on('retrying', (error, delay) => say(`${error.message}; next attempt in ${delay} ms`));
  session.on('reconnected', () => say('reconnected'));
}

/** Prints a result: as JSON, or as the text made of it. */
export function print(options: CommonOptions, result: unknown, text: () => string): void {
  const shown = options.json ? JSON.stringify(result, plain, 2) : text();
  if (shown !== '') streams().out.write(`${shown}\n`);
}

/** Keys are 64-bit and shown in hexadecimal; bytes too. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return keyText(value);
  if (isBufferJson(value)) return Buffer.from(value.data).toString('hex');
  return value;
}

/** `Buffer` values reach a replacer already turned into this. */
function isBufferJson(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer';
}

/** A reservation key as `0x00000000deadbeef`. */
export function keyText(key: bigint): string {
  return `0x${key.toString(16).padStart(16, '0')}`;
}

/** The URL as it may be shown: without a secret. */
export function shownUrl(url: string): string {
  const { host, port, target, lun } = parseUrl(url);
  const portal = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return `iscsi://${portal}${target === null ? '' : `/${target}`}${lun === null ? '' : `/${lun}`}`;
}
