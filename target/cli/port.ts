import { Argument, Command } from 'commander';
import { accessStateNames } from '../../wire/scsi/target-port-groups.js';
import type { PortGroupReply, PortReply } from '../svp/control/api.js';
import { call } from './client.js';
import { administration, argument, type CommonOptions, printJson, printLine, printTable } from './output.js';

interface AluaOptions extends CommonOptions {
  readonly ldev?: string;
  readonly transition?: number;
}

interface RedirectOptions extends CommonOptions {
  readonly permanent?: boolean;
  readonly off?: boolean;
}

export function portCommand(): Command {
  const port = new Command('port').description(
    'ports, where they send hosts, and the access through their target port groups',
  );

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

  administration(
    port
      .command('redirect')
      .description('send hosts that log in to another address; sessions stay, a restart forgets it')
      .argument('<port>', 'port, as CL1-A')
      .argument('[address]', 'where to, HOST:PORT', argument.address)
      .option('--permanent', 'tell hosts that they may remember it')
      .option('--off', 'let hosts log in here again'),
  ).action(async (name: string, address: string | undefined, options: RedirectOptions, command: Command) => {
    const { off = false, permanent = false } = options;
    if (off === (address !== undefined)) return command.error('error: either HOST:PORT or --off is needed');
    if (off && permanent) return command.error('error: --permanent and --off exclude each other');
    const path = `/ports/${encodeURIComponent(name)}/redirection`;
    const reply = off
      ? await call<PortReply>(options.data, 'DELETE', path)
      : await call<PortReply>(options.data, 'PUT', path, { address, permanent });
    if (options.json) printJson(reply);
    else printLine(off ? `hosts log in to ${reply.id} again` : `${reply.id} sends hosts to ${redirectionText(reply)}`);
  });

  return port;
}

/** Empty: the port does not redirect. */
export function redirectionText({ redirection }: PortReply): string {
  return redirection === null ? '' : `${redirection.address} (${redirection.permanent ? 'permanently' : 'for now'})`;
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
