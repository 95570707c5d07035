/**
 * `npm run bench -- [--rounds N] [--seconds S] [--only codecs|systems] [--no-write]`
 * Prints as it goes, writes docs/benchmarks.md and docs/benchmarks.svg, and exits 1 if a goal is missed.
 */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { type CodecRow, measureCodecs } from './codecs.js';
import { writeReport } from './report.js';
import { compareSystems, type Row } from './system.js';
import { setSeconds } from './workloads.js';

const options = new Command('bench')
  .option('--rounds <n>', 'counted rounds of each workload on each target', Number, 5)
  .option('--seconds <s>', 'length of one iscsi-perf run', Number, 3)
  .option('--only <part>', 'codecs or systems')
  .option('--no-write', 'print only, leave docs/ as it is')
  .parse()
  .opts<{ rounds: number; seconds: number; only?: 'codecs' | 'systems'; write: boolean }>();

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
setSeconds(options.seconds);
let codecs: CodecRow[] = [];
let systems: Row[] = [];
if (options.only !== 'systems') codecs = await measureCodecs((line) => console.log(line));
if (options.only !== 'codecs') systems = await compareSystems(options.rounds, (line) => console.log(line));
if (options.write && !options.only) {
  writeReport(root, { codecs, systems, rounds: options.rounds, seconds: options.seconds });
  console.log('written: docs/benchmarks.md, docs/benchmarks.svg');
}
const missed = systems.filter((row) => row.ratio && row.workload.atLeast && row.ratio.median < row.workload.atLeast);
for (const row of missed)
  console.log(`goal missed: ${row.workload.name}: ${row.ratio!.median.toFixed(2)} < ${row.workload.atLeast}`);
process.exitCode = missed.length > 0 ? 1 : 0;
