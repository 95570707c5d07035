import { Command } from 'commander';
import type { StatsReply } from '../svp/control/api.js';
import { humanSize } from '../svp/units.js';
import { call } from './client.js';
import { administration, type CommonOptions, printJson, printLine, printTable } from './output.js';

export function statsCommand(): Command {
  return administration(
    new Command('stats').description('counters since the start: ports, channel adapters, cache, disk adapter'),
  ).action(async (options: CommonOptions) => {
    const stats = await call<StatsReply>(options.data, 'GET', '/stats');
    if (options.json) return printJson(stats);
    for (const section of sections(stats)) {
      await printTable(section.head, section.rows);
      printLine('');
    }
  });
}
