import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { FaultReply, ScenarioReply } from '../svp/control/api.js';
import { ArrayError } from '../svp/errors.js';
import { call } from './client.js';
import { type FaultOptions, faultOf, faultOptions } from './fault-options.js';
import { describeFault } from './fault-words.js';
import { administration, argument, type CommonOptions, printJson, printLine, printTable } from './output.js';

export function faultCommand(): Command {
  const fault = new Command('fault').description('fault rules: make commands fail or wait; gone when the array stops');

  administration(
    faultOptions(
      fault.command('add').description('add a rule; give --sense, --response, --delay, --connection, or several'),
    ),
  ).action(async (options: FaultOptions & CommonOptions) => {
    const reply = await call<FaultReply>(options.data, 'POST', '/faults', faultOf(options));
    if (options.json) printJson(reply);
    else printLine(`added ${reply.id}: ${describeFault(reply)}`);
  });

  administration(fault.command('list').description('list rules with how often they were met and acted')).action(
    async (options: CommonOptions) => {
      const faults = await call<FaultReply[]>(options.data, 'GET', '/faults');
      if (options.json) return printJson(faults);
      await printTable(
        ['ID', 'RULE', 'COVERED', 'ACTED'],
        faults.map((f) => [f.id, describeFault(f), f.hits, f.fired]),
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

  administration(
    fault
      .command('clear')
      .description('remove all rules, or those of one LDEV; ends scenarios too, unless an LDEV is given')
      .option('--ldev <ldev>', 'only rules of this LDEV', argument.ldev),
  ).action(async ({ data, json, ldev }: CommonOptions & { readonly ldev?: string }) => {
    await call(data, 'DELETE', ldev === undefined ? '/faults' : `/faults?ldev=${encodeURIComponent(ldev)}`);
    if (json) printJson({ ldev: ldev ?? null });
    else printLine(`removed the rules of ${ldev ?? 'every LDEV'}`);
  });

  administration(
    fault
      .command('play')
      .description('have the array do what a scenario says, at its times (docs/fault-injection.md)')
      .argument('<file>', 'JSON file'),
  ).action(async (file: string, { data, json }: CommonOptions) => {
    const reply = await call<ScenarioReply>(data, 'POST', '/fault-scenarios', readScenario(file));
    if (json) printJson(reply);
    else printLine(`playing ${reply.name}: ${reply.done} of ${reply.steps} steps done, the last in ${reply.lastMs} ms`);
  });

  administration(fault.command('playing').description('list scenarios that have steps to come')).action(
    async ({ data, json }: CommonOptions) => {
      const scenarios = await call<ScenarioReply[]>(data, 'GET', '/fault-scenarios');
      if (json) return printJson(scenarios);
      await printTable(
        ['NAME', 'STEPS', 'DONE', 'NEXT IN ms', 'LAST IN ms'],
        scenarios.map((each) => [each.name, each.steps, each.done, each.nextMs, each.lastMs]),
      );
    },
  );

  return fault;
}

function readScenario(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ArrayError('usage', `the scenario cannot be read: ${(error as Error).message}.`);
  }
}
