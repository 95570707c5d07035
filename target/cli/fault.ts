import { Command, InvalidArgumentError, Option } from 'commander';
import type { FaultAdd, FaultReply } from '../svp/control/api.js';
import { faultEffect, faultEffects } from '../volumes/layers/fault-effects.js';
import { faultOps } from '../volumes/layers/fault-rules.js';
import { call } from './client.js';
import { administration, argument, type CommonOptions, printJson, printLine, printTable } from './output.js';

type Delay = Pick<FaultAdd, 'delayMs' | 'delayMaxMs'>;

interface AddOptions extends CommonOptions {
  readonly id?: string;
  readonly ldev?: string;
  readonly op: (typeof faultOps)[number];
  readonly lba?: number;
  readonly blocks?: number;
  readonly initiator?: string;
  readonly sense?: string;
  readonly delay?: Delay;
  readonly probability?: number;
  readonly seed?: number;
  readonly every?: number;
  readonly limit?: number;
}

export function faultCommand(): Command {
  const fault = new Command('fault').description('fault rules: make I/O fail or wait; gone when the array stops');

  administration(
    fault
      .command('add')
      .description('add a rule; give --sense, --delay or both')
      .option('--ldev <ldev>', 'LDEV it applies to; every one when left out', argument.ldev)
      .addOption(new Option('--op <operation>', 'operations it covers').choices(faultOps).default('any'))
      .option('--lba <block>', 'first block; operations that touch it are covered', argument.count)
      .option('--blocks <count>', 'blocks from --lba on (1 with --lba)', argument.count)
      .option('--initiator <iqn>', 'only I/O of this initiator')
      .option(
        '--sense <what>',
        `what the host is told: KEY/ASC/ASCQ in hexadecimal, ${[...faultEffects.keys()].join(', ')}`,
        effect,
      )
      .option('--delay <ms>', 'wait so long first; 5-20: anything between, at random', delay)
      .option('--probability <share>', 'only this share of them (0 to 1), at random', share)
      .option('--seed <n>', 'of what is random; made up when left out', argument.count)
      .option('--every <n>', 'only every n-th operation that is covered', argument.count)
      .option('--limit <n>', 'at most so many times', argument.count)
      .option('--id <id>', 'name of the rule; made up when left out'),
  ).action(async (options: AddOptions) => {
    const { id, ldev, op, lba, blocks, initiator, sense, delay, probability, seed, every, limit } = options;
    const given = { id, ldev, op, lba, blocks, initiator, sense, ...delay, probability, seed, every, limit };
    const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as FaultAdd;
    const reply = await call<FaultReply>(options.data, 'POST', '/faults', body);
    if (options.json) printJson(reply);
    else printLine(`added ${reply.id}: ${describe(reply)}`);
  });

  administration(fault.command('list').description('list rules with how often they were met and acted')).action(
    async (options: CommonOptions) => {
      const faults = await call<FaultReply[]>(options.data, 'GET', '/faults');
      if (options.json) return printJson(faults);
      await printTable(
        ['ID', 'RULE', 'COVERED', 'ACTED'],
        faults.map((f) => [f.id, describe(f), f.hits, f.fired]),
      );
    },
  );

  administration(fault.command('remove').description('remove a rule').argument('<id>', 'rule, or "all"')).action(
    async (id: string, options: CommonOptions) => {
      await call(options.data, 'DELETE', id === 'all' ? '/faults' : `/faults/${encodeURIComponent(id)}`);
      if (options.json) printJson({ id });
      else printLine(`removed ${id}`);
    },
  );

  return fault;
}

function effect(text: string): string {
  if (faultEffect(text) !== null) return text;
  throw new InvalidArgumentError(
    `Give KEY/ASC/ASCQ, such as 3/11/00, or one of ${[...faultEffects.keys()].join(', ')}.`,
  );
}

function delay(text: string): Delay {
  const [, least, most] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  if (least === undefined) throw new InvalidArgumentError('Milliseconds such as 5, or 5-20, are needed.');
  return { delayMs: Number(least), ...(most !== undefined && { delayMaxMs: Number(most) }) };
}

function share(text: string): number {
  if (!/^\d*\.?\d+$/.test(text)) throw new InvalidArgumentError('A share such as 0.01 is needed.');
  return Number(text);
}

/** `read of 00:00 LBA 100: medium-error, every 3rd …` in words. */
function describe(fault: FaultReply): string {
  const where = fault.ldev ?? 'every LDEV';
  const range =
    fault.lba === null
      ? fault.blocks === null
        ? ''
        : ` LBA 0 + ${fault.blocks}`
      : ` LBA ${fault.lba}${fault.blocks === null ? '' : ` + ${fault.blocks}`}`;
  const delay = fault.delayMaxMs === null ? `${fault.delayMs}` : `${fault.delayMs}-${fault.delayMaxMs}`;
  const actions = [delay === '0' ? '' : `${delay} ms delay`, fault.sense ?? ''].filter((a) => a !== '');
  const limits = [
    fault.probability < 1 ? `${fault.probability * 100} % of them (seed ${fault.seed})` : '',
    fault.every > 1 ? `every ${fault.every}th` : '',
    fault.limit === null ? '' : `${fault.limit} times at most`,
    fault.initiator === null ? '' : `from ${fault.initiator}`,
  ].filter((l) => l !== '');
  return `${fault.op} of ${where}${range}: ${[actions.join(', then '), ...limits].join(', ')}`;
}
