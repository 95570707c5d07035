import { Command } from 'commander';
import type { StatsReply } from '../svp/control/api.js';
import { call } from './client.js';
import { administration, type CommonOptions, printJson, printLine, printTable } from './output.js';

type Row = Readonly<Record<string, unknown>>;

export function statsCommand(): Command {
  return administration(
    new Command('stats').description('counters since the start: ports, channel adapters, LDEVs, cache, disk adapter'),
  ).action(async (options: CommonOptions) => {
    const stats = await call<StatsReply>(options.data, 'GET', '/stats');
    if (options.json) return printJson(stats);
    await print('PORT', stats.ports, 'port');
    await print('CHANNEL ADAPTER', stats.channelAdapters, 'port');
    await print('LDEV', stats.ldevs, 'ldev');
    await print('CACHE', [{ name: 'cache', ...stats.cache }], 'name');
    const queues = Object.entries(stats.diskAdapter).map(([queue, values]) => ({ queue, ...(values as Row) }));
    await print('DISK ADAPTER', queues, 'queue');
  });
}

/** One column per thing, one line per counter: counters are many, things few. */
async function print(title: string, rows: readonly Row[], key: string): Promise<void> {
  if (rows.length === 0) return;
  const flat = rows.map((row) => flatten(row));
  const names = [...new Set(flat.flatMap((row) => [...row.keys()]))].filter((name) => name !== key);
  await printTable(
    [title, ...flat.map((row) => String(row.get(key)))],
    names.map((name) => [name, ...flat.map((row) => row.get(name) ?? '')]),
  );
  printLine('');
}

/** `{ byStatus: { good: 3 } }` → `byStatus.good` 3. */
function flatten(row: Row, prefix = '', into = new Map<string, string | number>()): Map<string, string | number> {
  for (const [name, value] of Object.entries(row)) {
    if (value !== null && typeof value === 'object') flatten(value as Row, `${prefix}${name}.`, into);
    else into.set(prefix + name, typeof value === 'number' ? value : String(value));
  }
  return into;
}
