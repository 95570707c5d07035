import { Command } from 'commander';
import type { LunReply } from '../svp/control/api.js';
import { call } from './client.js';
import {
  administration,
  argument,
  type CommonOptions,
  hostGroupPath,
  printJson,
  printLine,
  printTable,
} from './output.js';

interface MapOptions extends CommonOptions {
  readonly lun?: number;
}

export function lunCommand(): Command {
  const lun = new Command('lun').description('LUN paths: LDEVs as hosts see them');

  administration(lun.command('list').description('list LUN paths with their URLs')).action(
    async (options: CommonOptions) => {
      const luns = await call<LunReply[]>(options.data, 'GET', '/luns');
      if (options.json) return printJson(luns);
      await printTable(
        ['LDEV', 'CAPACITY', 'KIND', 'HOST GROUP', 'LUN', 'URL'],
        luns.map((l) => [l.ldev, l.capacity, l.kind, l.hostGroup, l.lun, l.url]),
      );
    },
  );

  administration(
    lun
      .command('map')
      .description('map an LDEV; hosts are told REPORTED LUNS DATA HAS CHANGED')
      .argument('<group>', 'host group PORT/NAME, as CL1-A/default')
      .argument('<ldev>', 'number, as 00:20', argument.ldev)
      .option('--lun <number>', 'LUN; the lowest free one when left out', argument.count),
  ).action(async (group: string, ldev: string, options: MapOptions) => {
    const body = { ldev, ...(options.lun !== undefined && { lun: options.lun }) };
    const reply = await call<LunReply>(options.data, 'POST', `${hostGroupPath(group)}/luns`, body);
    if (options.json) printJson(reply);
    else printLine(`mapped ${reply.ldev} as ${reply.url}`);
  });

  administration(
    lun
      .command('unmap')
      .description('remove a LUN path; the LDEV and its data stay')
      .argument('<group>', 'host group PORT/NAME')
      .argument('<lun>', 'LUN', argument.count),
  ).action(async (group: string, number: number, options: CommonOptions) => {
    await call(options.data, 'DELETE', `${hostGroupPath(group)}/luns/${number}`);
    if (options.json) printJson({ hostGroup: group, lun: number });
    else printLine(`unmapped LUN ${number} of ${group}`);
  });

  return lun;
}
