/** Options of `lunarray fault add`, and what their values may be. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FaultAdd } from '../svp/control/api.js';
import { faultEffect, faultEffects } from '../volumes/layers/fault-effects.js';
import { connectionFaults, faultOps } from '../volumes/layers/fault-spec.js';
import { faultFunctions, faultResponses } from '../volumes/layers/function-faults.js';
import { argument } from './output.js';

type Delay = Pick<FaultAdd, 'delayMs' | 'delayMaxMs' | 'delayDistribution' | 'delayDeviationMs'>;

/** What the options of `faultOptions` give; `delay` stands for several fields of a rule. */
export type FaultOptions = Omit<FaultAdd, keyof Delay | 'stallMs' | 'forMs'> & {
  readonly delay?: Delay;
  readonly stall?: number;
  readonly for?: number;
};

export function faultOptions(command: Command): Command {
  return command
    .option('--ldev <ldev>', 'LDEV it applies to; every one when left out', argument.ldev)
    .addOption(
      new Option(
        '--op <operation>',
        'operations on blocks it covers; any when --command and --function are left out too',
      ).choices(faultOps),
    )
    .option('--command <name>', 'commands it covers: READ(10), READ, 28h, 9e/10 (with a service action), any')
    .addOption(
      new Option('--function <name>', 'task management functions it covers').choices([...faultFunctions.keys()]),
    )
    .option('--port <port>', 'only commands or functions that come through this port')
    .option('--lba <block>', 'first block; what touches it is covered', argument.count)
    .option('--blocks <count>', 'blocks from --lba on (1 with --lba)', argument.count)
    .option('--initiator <iqn>', 'only what this initiator does')
    .option(
      '--sense <what>',
      `what the host is told: KEY/ASC/ASCQ in hexadecimal, ${[...faultEffects.keys()].join(', ')}`,
      effect,
    )
    .addOption(
      new Option(
        '--response <what>',
        'how a task management function is answered instead of being carried out',
      ).choices([...faultResponses.keys()]),
    )
    .option(
      '--delay <ms>',
      'wait so long first; 5-20: any time between, at random; exp:20: exponential with mean 20; normal:20,5: mean and deviation',
      delay,
    )
    .addOption(
      new Option('--connection <what>', 'what happens to the connection that the command or function came by').choices(
        Object.keys(connectionFaults),
      ),
    )
    .option('--stall <ms>', 'how long a stall lasts; left out: until one of both sides gives up', argument.count)
    .option('--probability <share>', 'only this share of them (0 to 1), at random', share)
    .option('--seed <n>', 'of what is random; made up when left out', argument.count)
    .option('--skip <n>', 'leave so many alone first', argument.count)
    .option('--every <n>', 'then only every n-th that is covered', argument.count)
    .option('--limit <n>', 'at most so many times', argument.count)
    .option('--for <ms>', 'do nothing any more after so long', argument.count)
    .option('--id <id>', 'name of the rule; made up when left out');
}

/** The rule that options ask for. */
export function faultOf(options: FaultOptions): FaultAdd {
  const { id, ldev, op, command, function: name, port, lba, blocks, initiator, sense, response, connection } = options;
  const { delay: wait, stall: stallMs, for: forMs, probability, seed, skip, every, limit } = options;
  const what = { id, ldev, op, command, function: name, port, lba, blocks, initiator };
  const effects = { sense, response, ...wait, connection, stallMs };
  const given = { ...what, ...effects, probability, seed, skip, every, limit, forMs };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as FaultAdd;
}

function effect(text: string): string {
  if (faultEffect(text) !== null) return text;
  throw new InvalidArgumentError(
    `Give KEY/ASC/ASCQ, such as 3/11/00, or one of ${[...faultEffects.keys()].join(', ')}.`,
  );
}

const DELAYS: readonly { readonly form: RegExp; readonly delay: (a: number, b: number) => Delay }[] = [
  { form: /^(\d{1,9})$/, delay: (delayMs) => ({ delayMs }) },
  { form: /^(\d{1,9})-(\d{1,9})$/, delay: (delayMs, delayMaxMs) => ({ delayMs, delayMaxMs }) },
  { form: /^exp:(\d{1,9})$/, delay: (delayMs) => ({ delayMs, delayDistribution: 'exponential' }) },
  {
    form: /^normal:(\d{1,9}),(\d{1,9})$/,
    delay: (delayMs, delayDeviationMs) => ({ delayMs, delayDeviationMs, delayDistribution: 'normal' }),
  },
];

function delay(text: string): Delay {
  for (const { form, delay: make } of DELAYS) {
    const found = form.exec(text);
    if (found !== null) return make(Number(found[1]), Number(found[2]));
  }
  throw new InvalidArgumentError('Milliseconds such as 5, or 5-20, exp:20, normal:20,5 are needed.');
}

function share(text: string): number {
  if (!/^\d*\.?\d+$/.test(text)) throw new InvalidArgumentError('A share such as 0.01 is needed.');
  return Number(text);
}
