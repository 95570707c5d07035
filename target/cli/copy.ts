import { Command } from 'commander';
import type { CopyReply } from '../svp/control/api.js';
import { humanSize } from '../svp/units.js';
import { call } from './client.js';
import { administration, type CommonOptions, printJson, printTable } from './output.js';

export function copyCommand(): Command {
  const copy = new Command('copy').description('copies that hosts have the array make');
  administration(
    copy.command('list').description('list copies under way, and those whose results are still kept'),
  ).action(async (options: CommonOptions) => {
    const copies = await call<CopyReply[]>(options.data, 'GET', '/copies');
    if (options.json) return printJson(copies);
    await printTable(
      ['LDEV', 'ID', 'COMMAND', 'STATE', 'SEGMENTS', 'COPIED', 'HOLES', 'SECONDS', 'INITIATOR', 'ERROR'],
      copies.map((one) => [
        one.ldev,
        one.listId === null ? '' : `0x${one.listId.toString(16)}`,
        one.command,
        one.background && one.state === 'running' ? 'background' : one.state,
        `${one.segmentsBegun}/${one.segments}`,
        humanSize(one.bytes),
        humanSize(one.holeBytes),
        one.seconds.toFixed(1),
        one.initiator,
        one.error ?? '',
      ]),
    );
  });
  return copy;
}
