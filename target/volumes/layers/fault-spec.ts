/** What a fault rule may ask for, and the refusal of what it may not. */
import { commandPattern } from '../../../wire/scsi/command-pattern.js';
import { ConfigError } from '../errors.js';
import { checkInteger, checkName } from '../naming.js';
import { type DelaySpec, delayDistributions, MAX_DELAY_MS } from './fault-delay.js';
import { faultEffect, faultEffects } from './fault-effects.js';
import { faultFunctions, faultResponses } from './function-faults.js';

export const faultOps = ['read', 'write', 'unmap', 'flush', 'prefetch', 'any'] as const;
export type FaultOp = (typeof faultOps)[number];

/** What may become of the connection that a command came by, with the words for help texts. */
export const connectionFaults = {
  'drop-before': 'the connection is closed, the command not carried out',
  'drop-after': 'the command is carried out, and the connection closed instead of an answer',
  'stall-before': 'nothing moves on the connection any more; then the command is carried out',
  'stall-after': 'the command is carried out, but nothing moves on the connection any more',
  'corrupt-header-digest': 'the header digest of the answer’s first PDU is wrong',
  'corrupt-data-digest': 'the data digest of the answer’s first PDU is wrong',
} as const;
export type ConnectionFault = keyof typeof connectionFaults;

/**
 * A rule as it is asked for. With `command` it covers commands of hosts as they arrive at the logical unit, with
 * `function` their task management, else the operations that commands do on blocks. At least one of `effect`,
 * `response`, a delay and `connection` is given.
 */
export interface FaultSpec extends DelaySpec {
  /** Made up when left out. */
  readonly id?: string;
  /** LDEV number; every LDEV when left out. */
  readonly ldev?: number;
  /** Operations on blocks; `any` when left out. Not together with `command`. */
  readonly op?: FaultOp;
  /** Commands: a name (`READ(10)`, `READ`), an operation code (`28h`, `9e/10` with a service action), or `any`. */
  readonly command?: string;
  /** Task management functions: a name from `faultFunctions`. */
  readonly function?: string;
  /** Commands and functions that come through this port only. */
  readonly port?: string;
  /** First block; 0 when left out. */
  readonly lba?: number;
  /** Blocks from `lba` on; when left out one with `lba`, all without. */
  readonly blocks?: number;
  /** Only what this initiator does. */
  readonly initiator?: string;
  /** A name from `faultEffects`, or any sense as `KEY/ASC/ASCQ` in hexadecimal digits: `3/11/00`. */
  readonly effect?: string;
  /** To a task management function: a name from `faultResponses`. */
  readonly response?: string;
  readonly connection?: ConnectionFault;
  /** A stall ends after so long; left out: when one of both sides gives up. */
  readonly stallMs?: number;
  /** Only this share of what the rule covers (0 … 1), at random; 1 when left out. */
  readonly probability?: number;
  /** Of what is random: the same operations meet the same fate again. Made up when left out. */
  readonly seed?: number;
  /** Leaves so many alone first; 0 when left out. */
  readonly skip?: number;
  /** Then only every n-th; 1 (each) when left out. */
  readonly every?: number;
  /** Does nothing more after so many times; no limit when left out. */
  readonly limit?: number;
  /** Does nothing more so long after it was added; no limit when left out. */
  readonly forMs?: number;
}

export const MAX_SEED = 2 ** 32 - 1;
/** A day. */
const MAX_LIFE_MS = 86_400_000;

/** Throws ConfigError `bad-fault`, `bad-number` or `bad-name`. */
export function checkFault(spec: FaultSpec): void {
  if (spec.id !== undefined) checkName('fault rule', spec.id);
  if (spec.function === undefined) checkWhat(spec);
  else checkFunction(spec);
  checkEffects(spec);
  const { probability } = spec;
  if (probability !== undefined && !(probability > 0 && probability <= 1)) {
    throw new ConfigError('bad-number', `probability ${probability}: above 0 and at most 1 are possible.`);
  }
  const limits = [
    ['first LBA', spec.lba, 0, Number.MAX_SAFE_INTEGER],
    ['number of blocks', spec.blocks, 1, Number.MAX_SAFE_INTEGER],
    ['delay in milliseconds', spec.delayMs, 0, MAX_DELAY_MS],
    ['longest delay in milliseconds', spec.delayMaxMs, spec.delayMs ?? 0, MAX_DELAY_MS],
    ['deviation of the delay in milliseconds', spec.delayDeviationMs, 0, MAX_DELAY_MS],
    ['stall in milliseconds', spec.stallMs, 1, MAX_DELAY_MS],
    ['life of the rule in milliseconds', spec.forMs, 1, MAX_LIFE_MS],
    ['seed', spec.seed, 0, MAX_SEED],
    ['"skip"', spec.skip, 0, Number.MAX_SAFE_INTEGER],
    ['"every"', spec.every, 1, Number.MAX_SAFE_INTEGER],
    ['limit', spec.limit, 1, Number.MAX_SAFE_INTEGER],
  ] as const;
  for (const [what, value, low, high] of limits) if (value !== undefined) checkInteger(what, value, low, high);
}

function checkWhat({ op, command, port, connection, response }: FaultSpec): void {
  if (response !== undefined) throw bad('a response is one to a task management function: name it, or "any".');
  if (command === undefined) {
    oneOf('operation', op ?? 'any', faultOps);
    if (connection !== undefined) throw bad(`"${connection}" happens to commands: name a command, or "any".`);
    if (port !== undefined) throw bad('a port is one of commands: name a command, or "any".');
    return;
  }
  if (op !== undefined) throw bad('a rule is about a command or about an operation on blocks: give one of both.');
  if (commandPattern(command) === null) {
    throw bad(`"${command}" is no command: give a name such as READ(10), an operation code such as 28h, or "any".`);
  }
}

function checkFunction(spec: FaultSpec): void {
  const { op, command, lba, blocks, effect, connection, response } = spec;
  oneOf('task management function', spec.function!, [...faultFunctions.keys()]);
  if (op !== undefined || command !== undefined)
    throw bad('a rule is about a task management function, a command or an operation: give one of them.');
  if (lba !== undefined || blocks !== undefined) throw bad('a task management function addresses no blocks.');
  if (effect !== undefined) throw bad('a task management function has no sense: give a response.');
  if (connection?.startsWith('corrupt')) throw bad(`"${connection}" happens to answers of commands.`);
  if (response !== undefined) oneOf('response', response, [...faultResponses.keys()]);
}

function checkEffects(spec: FaultSpec): void {
  const { effect, connection, delayMs, delayMaxMs, delayDistribution, delayDeviationMs, stallMs } = spec;
  const given = [effect, spec.response, connection, delayMs, delayMaxMs];
  if (given.every((each) => each === undefined)) {
    throw bad(
      'the rule does nothing: give an effect, a response, a delay, or something that happens to the connection.',
    );
  }
  if (effect !== undefined) {
    const found = faultEffect(effect);
    if (found === null) {
      throw bad(`"${effect}" is no effect: give KEY/ASC/ASCQ, or one of ${[...faultEffects.keys()].join(', ')}.`);
    }
    if (found.recovered && spec.command === undefined)
      throw bad(`"${effect}" tells of a command that is done all the same: name a command, or "any".`);
    if (found.lasting && spec.op !== 'read')
      throw bad(`"${effect}" is of blocks that are read: give "read" as operation.`);
  }
  if (connection !== undefined) oneOf('fault of a connection', connection, Object.keys(connectionFaults));
  if (stallMs !== undefined && !connection?.startsWith('stall')) throw bad('only what stalls can be given a time.');
  if (delayDistribution !== undefined) {
    oneOf('distribution', delayDistribution, delayDistributions);
    const needed = delayDistribution === 'uniform' ? delayMaxMs : delayMs;
    if (needed === undefined) throw bad(`a delay that is ${delayDistribution} needs its bounds, or its mean.`);
  }
  if ((delayDistribution === 'normal') !== (delayDeviationMs !== undefined)) {
    throw bad('a normal distribution has a mean and a deviation, the others have none.');
  }
}

function oneOf(what: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) throw bad(`"${value}" is no ${what}: give one of ${known.join(', ')}.`);
}

function bad(message: string): ConfigError {
  return new ConfigError('bad-fault', message);
}
