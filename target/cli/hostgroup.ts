import { Command, Option } from 'commander';
import type { HostGroupCreate, HostGroupReply } from '../svp/control/api.js';
import { call } from './client.js';
import { administration, type CommonOptions, hostGroupPath, printJson, printLine, printTable } from './output.js';

const AUTH = ['none', 'chap', 'mutual-chap'] as const;

interface CreateOptions extends CommonOptions {
  readonly target?: string;
  readonly initiator?: readonly string[];
  readonly auth?: (typeof AUTH)[number];
}

export function hostGroupCommand(): Command {
  const group = new Command('hostgroup').description(
    'host groups: which initiators see which LUNs, under which target',
  );

  administration(group.command('list').description('list host groups')).action(async (options: CommonOptions) => {
    const groups = await call<HostGroupReply[]>(options.data, 'GET', '/host-groups');
    if (options.json) return printJson(groups);
    await printTable(
      ['HOST GROUP', 'TARGET', 'AUTH', 'LUNS', 'INITIATORS'],
      groups.map((g) => [g.id, g.target, g.auth, g.luns.length, g.initiators.join(' ')]),
    );
  });

  administration(
    group
      .command('create')
      .description('make a host group; it admits nobody until initiators are added')
      .argument('<group>', 'PORT/NAME, as CL1-A/cluster1')
      .option('--target <iqn>', 'target name; made from port and name when left out')
      .option('--initiator <iqn...>', 'initiators to admit; * admits any')
      .addOption(new Option('--auth <method>', 'how initiators prove themselves').choices(AUTH).default('none')),
  ).action(async (id: string, options: CreateOptions) => {
    hostGroupPath(id);
    const slash = id.indexOf('/');
    const body = {
      port: id.slice(0, slash),
      name: id.slice(slash + 1),
      initiators: [...(options.initiator ?? [])],
      auth: options.auth ?? 'none',
      ...(options.target !== undefined && { target: options.target }),
    } satisfies HostGroupCreate;
    report(options, 'created', await call<HostGroupReply>(options.data, 'POST', '/host-groups', body));
  });

  administration(
    group.command('delete').description('delete a host group; its sessions end').argument('<group>', 'PORT/NAME'),
  ).action(async (id: string, options: CommonOptions) => {
    await call(options.data, 'DELETE', hostGroupPath(id));
    if (options.json) printJson({ id });
    else printLine(`deleted ${id}`);
  });

  administration(
    group
      .command('add-initiator')
      .description('admit an initiator')
      .argument('<group>', 'PORT/NAME')
      .argument('<initiator>', 'IQN, or * for any'),
  ).action(async (id: string, initiator: string, options: CommonOptions) => {
    const path = `${hostGroupPath(id)}/initiators`;
    report(options, 'changed', await call<HostGroupReply>(options.data, 'POST', path, { initiator }));
  });

  administration(
    group
      .command('remove-initiator')
      .description('no longer admit an initiator')
      .argument('<group>', 'PORT/NAME')
      .argument('<initiator>', 'IQN, or *'),
  ).action(async (id: string, initiator: string, options: CommonOptions) => {
    const path = `${hostGroupPath(id)}/initiators/${encodeURIComponent(initiator)}`;
    report(options, 'changed', await call<HostGroupReply>(options.data, 'DELETE', path));
  });

  administration(
    group
      .command('auth')
      .description('set how initiators prove themselves')
      .argument('<group>', 'PORT/NAME')
      .addArgument(group.createArgument('<method>', 'none, chap or mutual-chap').choices(AUTH)),
  ).action(async (id: string, auth: string, options: CommonOptions) => {
    report(options, 'changed', await call<HostGroupReply>(options.data, 'PUT', `${hostGroupPath(id)}/auth`, { auth }));
  });

  return group;
}

function report(options: CommonOptions, what: string, group: HostGroupReply): void {
  const admits = group.initiators.join(' ') || 'nobody';
  if (options.json) printJson(group);
  else printLine(`${what} ${group.id} ${group.target} auth ${group.auth}, admits ${admits}`);
}
