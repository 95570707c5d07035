import { Command, Option } from 'commander';
import type { FaultAdd, FaultReply } from '../svp/control/api.js';
import { faultEffects } from '../volumes/layers/fault-effects.js';
import { faultOps } from '../volumes/layers/fault-rules.js';
import { call } from './client.js';
import { administration, argument, type CommonOptions, printJson, printLine, printTable } from './output.js';

interface AddOptions extends CommonOptions {
  readonly id?: string;
  readonly ldev?: string;
  readonly op: (typeof faultOps)[number];
  readonly lba?: number;
  readonly blocks?: number;
  readonly initiator?: string;
  readonly sense?: string;
  readonly delay?: number;
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
      .addOption(new Option('--sense <what>', 'what the host is told').choices([...faultEffects.keys()]))
      .option('--delay <ms>', 'wait so long first', argument.count)
      .option('--every <n>', 'only every n-th operation that is covered', argument.count)
      .option('--limit <n>', 'at most so many times', argument.count)
      .option('--id <id>', 'name of the rule; made up when left out'),
  ).action(async (options: AddOptions) => {
    const { id, ldev, op, lba, blocks, initiator, sense, delay, every, limit } = options;
    const given = { id, ldev, op, lba, blocks, initiator, sense, delayMs: delay, every, limit };
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

/** `read of 00:00 LBA 100: medium-error, every 3rd …` in words. */
function describe(fault: FaultReply): string {
  const where = fault.ldev ?? 'every LDEV';
  const range =
    fault.lba === null
      ? fault.blocks === null
        ? ''
        : ` LBA 0 + ${fault.blocks}`
      : ` LBA ${fault.lba}${fault.blocks === null ? '' : ` + ${fault.blocks}`}`;
  const actions = [fault.delayMs > 0 ? `${fault.delayMs} ms delay` : '', fault.sense ?? ''].filter((a) => a !== '');
  const limits = [
    fault.every > 1 ? `every ${fault.every}th` : '',
    fault.limit === null ? '' : `${fault.limit} times at most`,
    fault.initiator === null ? '' : `from ${fault.initiator}`,
  ].filter((l) => l !== '');
  return `${fault.op} of ${where}${range}: ${[actions.join(', then '), ...limits].join(', ')}`;
}
