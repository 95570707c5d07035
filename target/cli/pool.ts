import { Command } from 'commander';
import type { PoolReply } from '../svp/control/api.js';
import { humanSize } from '../svp/units.js';
import { call } from './client.js';
import { administration, type CommonOptions, printJson, printTable } from './output.js';

export function poolCommand(): Command {
  const pool = new Command('pool').description('pools, which LDEVs take regions from');
  administration(pool.command('list').description('list pools with the space in each tier')).action(
    async (options: CommonOptions) => {
      const pools = await call<PoolReply[]>(options.data, 'GET', '/pools');
      if (options.json) return printJson(pools);
      await printTable(
        ['POOL', 'TIER', 'CAPACITY', 'FREE', 'PARITY GROUPS'],
        pools.flatMap(({ name, tiers, parityGroups }) =>
          tiers.map(({ tier, bytes, freeBytes }) => {
            return [name, tier, humanSize(bytes), humanSize(freeBytes), parityGroups.join(' ')];
          }),
        ),
      );
    },
  );
  return pool;
}
