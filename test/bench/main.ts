/**
 * `npm run bench -- [--rounds N] [--seconds S] [--only codecs|systems|scale|drives|copies] [--no-write]`
 * Prints as it goes, writes docs/benchmarks.md and its pictures, and says which goals were missed.
 */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { measureCodecs } from './codecs.js';
import { measureCopies } from './copies.js';
import { measureDrives } from './drives.js';
import { writeReport } from './report.js';
import { measureScale } from './scale.js';
import { compareSystems, missed } from './system.js';
import { setSeconds } from './workloads.js';

const options = new Command('bench')
  .option('--rounds <n>', 'counted rounds of each workload on each target', Number, 5)
  .option('--seconds <s>', 'length of one iscsi-perf run', Number, 3)
  .option('--only <part>', 'codecs, systems, scale, drives or copies')
  .option('--no-write', 'print only, leave docs/ as it is')
  .parse()
  .opts<{
    rounds: number;
    seconds: number;
    only?: 'codecs' | 'systems' | 'scale' | 'drives' | 'copies';
    write: boolean;
  }>();

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
setSeconds(options.seconds);
const say = (line: string) => console.log(line);
const wanted = (part: string) => options.only === undefined || options.only === part;
const codecs = wanted('codecs') ? await measureCodecs(say) : [];
const systems = wanted('systems') ? await compareSystems(options.rounds, say) : [];
const scale = wanted('scale') ? await measureScale(Math.ceil(options.rounds / 2), options.seconds, say) : null;
const drives = wanted('drives') ? await measureDrives(options.rounds, options.seconds, say) : null;
const copies = wanted('copies') ? await measureCopies(options.rounds, say) : [];
if (options.write && scale !== null && drives !== null && !options.only) {
  writeReport(root, { codecs, systems, scale, drives, copies, rounds: options.rounds, seconds: options.seconds });
  say('written: docs/benchmarks.md and its pictures');
}
for (const row of systems) for (const line of missed(row)) say(`goal missed: ${row.workload.name}: ${line}`);
