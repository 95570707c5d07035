/**
 * `npm run bench -- [--rounds N] [--seconds S] [--only codecs|systems] [--no-write]`
 * Prints as it goes, writes docs/benchmarks.md and its pictures, and says which goals were missed.
 */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { type CodecRow, measureCodecs } from './codecs.js';
import { writeReport } from './report.js';
import { compareSystems, missed, type Row } from './system.js';
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
for (const row of systems) for (const line of missed(row)) console.log(`goal missed: ${row.workload.name}: ${line}`);
