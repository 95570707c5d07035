import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { LogicalUnit } from '../../logical-unit.js';
import { type LoadOptions, type LoadResult, runLoad } from '../../perf/engine.js';
import { drawReport } from '../../perf/report.js';
import { type DirectionSummary, PERCENTILES } from '../../perf/statistics.js';
import { type CommonOptions, command, print, shownUrl, withUnit } from '../context.js';
import { bytesText, grouped, latencyText, table } from '../format.js';
import { addRangeOptions, type RangeOptions, rangeOf } from '../range.js';
import { parseDuration, parseNumber, parseSize, UsageError } from '../sizes.js';

interface PerfOptions extends CommonOptions, RangeOptions {
  readonly pattern: 'random' | 'sequential';
  readonly op: 'read' | 'write' | 'mix';
  readonly readPercent: string;
  readonly block: string;
  readonly depth: string;
  readonly time: string;
  readonly count?: string;
  readonly warmup: string;
  readonly seed?: string;
  readonly svg?: string;
}

/** Points of the time series in a run of ordinary length. */
const INTERVALS = 100;

export function perfCommand(): Command {
  return addRangeOptions(
    command('perf', 'measure IOPS, throughput and latency', [
      'perf iscsi://127.0.0.1:3260/iqn.example/0',
      'perf --op mix --read-percent 70 --block 8k --depth 64 --time 30s --svg run.svg iscsi://127.0.0.1:3260/iqn.example/0',
      'perf --op write --pattern sequential --block 256k --count 10000 --json iscsi://127.0.0.1:3260/iqn.example/0',
    ]).argument('<url>', 'the logical unit; writing destroys what it holds'),
  )
    .addOption(new Option('--pattern <name>', 'addresses').choices(['random', 'sequential']).default('random'))
    .addOption(new Option('--op <name>', 'what to do').choices(['read', 'write', 'mix']).default('read'))
    .option('--read-percent <n>', 'share of reads in a mix', '70')
    .option('-b, --block <size>', 'bytes per command', '4k')
    .option('-d, --depth <n>', 'commands in flight', '32')
    .option('-t, --time <time>', 'how long to measure', '10s')
    .option('-n, --count <n>', 'commands to measure, instead of a time')
    .option('--warmup <time>', 'run this long before measuring', '0s')
    .option('--seed <n>', 'of addresses and data; by default a new one, which is printed')
    .option('--svg <file>', 'draw latency distribution and course of the run')
    .action(async (url: string, options: PerfOptions) => {
      const { load, result } = await withUnit(url, options, (unit) => measure(unit, options));
      const title = titleOf(load, options);
      if (options.svg !== undefined)
        await writeFile(options.svg, await drawReport(result, { load: title, unit: shownUrl(url) }));
      print(options, { load, ...result }, () => text(title, load, result, options));
    });
}

async function measure(unit: LogicalUnit, options: PerfOptions): Promise<{ load: LoadOptions; result: LoadResult }> {
  const load = await loadOf(unit, options);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  // The first interrupt ends the measurement, and what was measured until then is shown.
  const others = process.listeners('SIGINT') as (() => void)[];
  for (const listener of others) process.off('SIGINT', listener);
  process.once('SIGINT', interrupt);
  try {
    return { load, result: await runLoad(unit, load, stop.signal) };
  } finally {
    process.off('SIGINT', interrupt);
    for (const listener of others) process.on('SIGINT', listener);
  }
}

async function loadOf(unit: LogicalUnit, options: PerfOptions): Promise<LoadOptions> {
  const range = await rangeOf(unit, options);
  const bytes = parseSize(options.block, '--block');
  const blocks = bytes / unit.blockSize;
  const most = await unit.maxTransferBlocks();
  if (!Number.isInteger(blocks) || blocks < 1 || blocks > most) {
    throw new UsageError(`--block ${options.block} is not 1 to ${most} whole blocks of ${unit.blockSize} bytes`);
  }
  if (range.blocks < blocks) throw new UsageError(`the range has room for less than one command of ${options.block}`);
  const timeMs = options.count === undefined ? parseDuration(options.time, '--time') : null;
  const shares = { read: 100, write: 0, mix: parseNumber(options.readPercent, '--read-percent', 0, 100) };
  return {
    pattern: options.pattern,
    readPercent: shares[options.op],
    blocks,
    depth: parseNumber(options.depth, '--depth', 1, 4096),
    firstLba: range.lba,
    rangeBlocks: range.blocks,
    timeMs,
    count: options.count === undefined ? null : parseNumber(options.count, '--count', 1),
    warmupMs: parseDuration(options.warmup, '--warmup'),
    seed: options.seed === undefined ? randomInt(2 ** 32) : parseNumber(options.seed, '--seed', 0, 2 ** 32 - 1),
    intervalMs: timeMs === null ? 100 : Math.max(50, timeMs / INTERVALS),
  };
}

function titleOf(load: LoadOptions, options: PerfOptions): string {
  const op =
    options.op === 'mix' ? `${load.readPercent} % reads, ${100 - load.readPercent} % writes` : `${options.op}s`;
  return `${options.pattern} ${op}, ${bytesText(parseSize(options.block))}, depth ${load.depth}`;
}

function text(title: string, load: LoadOptions, result: LoadResult, options: PerfOptions): string {
  const directions: [string, DirectionSummary][] = [
    ['read', result.reads],
    ['write', result.writes],
    ['all', result.total],
  ];
  const used = directions.filter(([name, summary]) => summary.ios > 0 && (name !== 'all' || options.op === 'mix'));
  const rows: [string, (summary: DirectionSummary) => string][] = [
    ['commands', (summary) => grouped(summary.ios)],
    ['IOPS', (summary) => grouped(summary.iops)],
    ['MB/s', (summary) => summary.megabytesPerSecond.toFixed(1)],
    ['min', (summary) => latencyText(summary.latency?.min ?? 0)],
    ['mean', (summary) => latencyText(summary.latency?.mean ?? 0)],
    ...PERCENTILES.map((percentile): [string, (summary: DirectionSummary) => string] => [
      `p${percentile}`,
      (summary) => latencyText(summary.latency?.percentiles[`p${percentile}`] ?? 0),
    ]),
    ['max', (summary) => latencyText(summary.latency?.max ?? 0)],
  ];
  const attentions = result.attentions > 0 ? `, ${result.attentions} unit attentions` : '';
  return [
    `${title}, ${result.seconds.toFixed(1)} s, seed ${load.seed}${attentions}`,
    used.length === 0
      ? 'nothing was measured'
      : table(
          ['', ...used.map(([name]) => name.toUpperCase())],
          rows.map(([label, show]) => [label, ...used.map(([, summary]) => show(summary))]),
          used.map((_, index) => index + 1),
        ),
    ...(options.svg === undefined ? [] : [`drawn in ${options.svg}`]),
  ].join('\n');
}
