import { Argument, Command } from 'commander';
import { accessStateNames } from '../../wire/scsi/target-port-groups.js';
import type { PortGroupReply } from '../svp/control/api.js';
import { call } from './client.js';
import { administration, argument, type CommonOptions, printJson, printTable } from './output.js';

interface AluaOptions extends CommonOptions {
  readonly ldev?: string;
  readonly transition?: number;
}

export function portCommand(): Command {
  const port = new Command('port').description('ports, and the access through their target port groups');

  administration(
    port
      .command('alua')
      .description('show or set asymmetric access states (ALUA); hosts are told, a restart forgets them')
      .argument('[group]', 'target port group', argument.count)
      .addArgument(new Argument('[state]', 'new state').choices(Object.keys(accessStateNames)))
      .option('--ldev <ldev>', 'for this LDEV only, as 00:20', argument.ldev)
      .option('--transition <seconds>', 'be transitioning for so long first, 60 at most', argument.count),
  ).action(async (group: number | undefined, state: string | undefined, options: AluaOptions, command: Command) => {
    if (group === undefined) return show(await call<PortGroupReply[]>(options.data, 'GET', '/port-groups'), options);
    if (state === undefined) return command.error("error: missing required argument 'state'");
    const body = {
      state,
      ...(options.ldev !== undefined && { ldev: options.ldev }),
      ...(options.transition !== undefined && { transitionSeconds: options.transition }),
    };
    const path = `/port-groups/${group}/access-state`;
    const reply = await call<PortGroupReply>(options.data, 'PUT', path, body);
    if (options.json) printJson(reply);
    else await show([reply], options);
  });

  return port;
}

async function show(groups: readonly PortGroupReply[], { json }: CommonOptions): Promise<void> {
  if (json) return printJson(groups);
  await printTable(
    ['GROUP', 'PORTS', 'LDEV', 'STATE'],
    groups.flatMap(({ portGroup, ports, state, ldevs }) => [
      [portGroup, ports.join(' '), ldevs.length === 0 ? 'all' : 'all others', state],
      ...ldevs.map((one) => [portGroup, ports.join(' '), one.ldev, one.state]),
    ]),
  );
}
