/** Writes docs/benchmarks.md and its charts from one run's results. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { depthChart, latencyChart, ratioChart, scaleChart } from './charts.js';
import type { CodecRow } from './codecs.js';
import { COPY_GOAL, type CopyRow } from './copies.js';
import { type Drives, GROUP_GOAL, PRESSURE_GOAL } from './drives.js';
import type { Point, Scale } from './scale.js';
import type { Spread } from './stats.js';
import type { Result, Row } from './system.js';

export interface Run {
  readonly codecs: readonly CodecRow[];
  readonly systems: readonly Row[];
  readonly scale: Scale;
  readonly drives: Drives;
  readonly copies: readonly CopyRow[];
  readonly rounds: number;
  readonly seconds: number;
}

export function writeReport(root: string, run: Run): void {
  const docs = join(root, 'docs');
  writeFileSync(join(docs, 'benchmarks.svg'), ratioChart(run.systems));
  writeFileSync(join(docs, 'benchmarks-depth.svg'), depthChart(run.scale.depths));
  writeFileSync(join(docs, 'benchmarks-latency.svg'), latencyChart(run.scale.latency));
  writeFileSync(join(docs, 'benchmarks-scale.svg'), scaleChart(run.scale));
  writeFileSync(join(docs, 'benchmarks.md'), text(root, run));
}

function text(root: string, run: Run): string {
  const whole = (value: number) => Math.round(value).toLocaleString('en-US');
  const result = (of: Result | null) =>
    of === null ? '–' : `${whole(of.iops.median)} (${whole(of.iops.min)}–${whole(of.iops.max)})`;
  const ratio = (of: Spread | null, goal: number | undefined) => {
    if (of === null) return '–';
    const text = `${of.median.toFixed(2)} (${of.min.toFixed(2)}–${of.max.toFixed(2)})`;
    if (goal === undefined) return text;
    return of.median >= goal ? `**${text}**, goal ${goal}` : `${text}, goal ${goal} missed`;
  };
  const systems = run.systems.map(({ workload, lunarray, tgt, bare, ratio: to }) => {
    const cpu = [lunarray, tgt, bare].map((of) => of?.cpuMicros.toFixed(1) ?? '–').join(' / ');
    const numbers = [result(lunarray), result(tgt), result(bare)].join(' | ');
    return `| ${workload.name} | ${numbers} | ${ratio(to.tgt, workload.goal.tgt)} | ${ratio(to.bare, workload.goal.bare)} | ${cpu} |`;
  });
  const codecs = run.codecs.map(
    (row) =>
      `| ${row.name} | ${whole(row.perSecond)} | ${row.bytes ? `${((row.perSecond * row.bytes) / 1e9).toFixed(2)} GB/s` : ''} |`,
  );
  return `# Benchmarks

Written by \`npm run bench\`; do not edit by hand.

${machine(root)}

## The array against tgt
All on this machine, each in its own process on loopback, with one 1 GiB LU that was written once before.
Every workload ran ${run.rounds} times on each, in turn, after one uncounted round; \`iscsi-perf\` for
${run.seconds} s a time. Numbers are operations a second: median (lowest–highest). The ratio is taken round by
round, then its median. Lunarray's cache has 2 GiB where nothing else is said; tgt has the page cache. Lunarray's
writes are acknowledged from its cache, tgt's from the page cache: both survive the death of the process, neither
loss of power without SYNCHRONIZE CACHE.

The **bare responder** answers the same requests with canned bytes: it is what this client, this machine's loopback
and Node's sockets leave room for. Where Lunarray is as fast as it is, the client is what is measured.

| workload | Lunarray | tgt | bare responder | ratio to tgt | ratio to bare | CPU µs per operation, Lunarray / tgt / bare |
| --- | --- | --- | --- | --- | --- | --- |
${systems.join('\n')}

![operations a second, Lunarray and tgt](benchmarks.svg)

${scaleText(run.scale, whole)}
${drivesText(run.drives, whole, ratio)}
${copiesText(run.copies, whole, ratio)}
Where the time goes, and what was tried where a goal is missed: [performance.md](performance.md).

## Codecs and loops
One thread, \`benchmark\`; addon and TypeScript twin side by side.

| what | runs a second | throughput |
| --- | --- | --- |
${codecs.join('\n')}

How to read these: a ratio holds on another machine better than a number does. The client shares the two
processors with the target, so the client's own cost bounds what any target can show.
`;
}

function scaleText(scale: Scale, whole: (value: number) => string): string {
  const rows = (points: readonly Point[]) => {
    const first = points[0]!.cpuMicros;
    return points
      .map(({ label, iops, cpuMicros, tgtIops }) => {
        const tgt = tgtIops === null ? '–' : whole(tgtIops);
        return `| ${label} | ${whole(iops)} | ${cpuMicros.toFixed(1)} | ${(cpuMicros / first).toFixed(2)} | ${tgt} |`;
      })
      .join('\n');
  };
  const { latency, digests } = scale;
  const at = (of: Readonly<Record<string, number>> | null, key: string) => (of === null ? '–' : whole(of[key] ?? 0));
  const { collections } = latency;
  const percentiles = ['p50', 'p90', 'p99', 'p99.9', 'p99.99'];
  return `## How cost grows
4 KiB random reads of data in the cache, by our own initiator in one process; 32 commands in flight where nothing else is
said. With many sessions the client has the more to do: look at the processor time of the array.

| case | operations a second | CPU µs per operation | to the first of its kind | tgt |
| --- | --- | --- | --- | --- |
${rows(scale.depths)}
${rows(scale.sessions)}
${rows(scale.ldevs)}
${rows(scale.caches)}
${rows(digests)}

![operations a second against queue depth](benchmarks-depth.svg)

![what one read costs as things grow](benchmarks-scale.svg)

Digests (CRC32C of headers and data) leave ${((digests[1]!.iops / digests[0]!.iops) * 100).toFixed(0)} % of the operations; the client computes them too.
Idle, from one second after the last command: ${scale.idlePercent.toFixed(2)} % of a processor.

## Latency
Microseconds, 4 KiB random reads, depth 32; medians of the runs, which alternate with tgt's. 5,000 at p99.99 is the goal.

| | ${percentiles.join(' | ')} |
| --- | ${percentiles.map(() => '---').join(' | ')} |
| Lunarray | ${percentiles.map((key) => at(latency.percentiles, key)).join(' | ')} |
| tgt | ${percentiles.map((key) => at(latency.tgtPercentiles, key)).join(' | ')} |

Collections of the whole heap for each million operations: ${collections.majorPerMillion.toFixed(2)}; of young objects: ${collections.minorPerMillion.toFixed(1)}.
That is ${collections.perSecond.toFixed(1)} a second, in which the array stands still for ${collections.percent.toFixed(2)} % of the time (\`--trace-gc\`).

![latency distribution](benchmarks-latency.svg)
`;
}

function drivesText(
  { groups, pressure, scrub }: Drives,
  whole: (value: number) => string,
  ratio: (of: Spread, goal: number) => string,
): string {
  const speed = ({ median, min, max }: Spread) => `${whole(median)} (${whole(min)}–${whole(max)})`;
  const keys = ['p50', 'p99', 'p99.9', 'p99.99', 'max'];
  const ms = (of: Readonly<Record<string, number>>, key: string) => {
    const text = (of[key]! / 1000).toFixed(1);
    if (key !== 'p99.9') return text;
    return of[key]! <= PRESSURE_GOAL ? `**${text}**` : `${text}, goal ${PRESSURE_GOAL / 1000} missed`;
  };
  return `## Drives
The LU, 1 GiB, is written from its start to its end through a cache of 256 MiB, to RAID 5 of four drives (3D+1P, with
checksums) and to one plain drive, in turns; all drives are files on the same disk. MiB a second.

| | RAID 5 | plain | ratio |
| --- | --- | --- | --- |
${groups.map((row) => `| ${row.name} | ${speed(row.raid5)} | ${speed(row.plain)} | ${ratio(row.ratio, GROUP_GOAL)} |`).join('\n')}

4 KiB random writes, depth 32, through a cache of 64 MiB that is soon full of dirty data: hosts come down to what the
drives take. Milliseconds; at most ${PRESSURE_GOAL / 1000} for one write in a thousand is the goal.

| drives | operations a second | ${keys.join(' | ')} |
| --- | --- | ${keys.map(() => '---').join(' | ')} |
${pressure.map((row) => `| ${row.name} | ${whole(row.iops)} | ${keys.map((key) => ms(row.latency, key)).join(' | ')} |`).join('\n')}

While RAID 5 is scrubbed, 4 KiB random reads of data in the cache, depth 32, go at ${whole(scrub.iops)} a second,
${((scrub.iops / scrub.iopsAlone) * 100).toFixed(0)} % of ${whole(scrub.iopsAlone)} otherwise (one measurement of each, without rounds). A scrub keeps out of the way of hosts; once they rest it takes ${scrub.seconds.toFixed(1)} s for 1 GiB.
`;
}

function machine(root: string): string {
  const version = (program: string, args: string[], pattern: RegExp) => {
    try {
      return (
        pattern.exec(execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))?.[1] ?? '?'
      );
    } catch {
      return 'not installed';
    }
  };
  const pack = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const commit = version('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], /(\w+)/);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
  const debian = (name: string) => version('dpkg-query', ['-W', '-f=${Version}', name], /(.+)/);
  return `Machine: ${cpus().length} × ${cpus()[0]!.model.trim()}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Linux ${version('uname', ['-r'], /(\S+)/)}.
Versions: Lunarray ${pack.version} (commit ${commit}), Node ${process.version}, tgt ${debian('tgt')}, libiscsi ${debian('libiscsi-bin')}, QEMU ${debian('qemu-utils')}.
Date: ${new Date().toISOString().slice(0, 10)}.`;
}

function copiesText(
  copies: readonly CopyRow[],
  whole: (value: number) => string,
  ratio: (of: Spread | null, goal: number) => string,
): string {
  const rows = copies.map(({ name, speed: { median, min, max }, ratio: to }) => {
    return `| ${name} | ${whole(median)} (${whole(min)}–${whole(max)}) | ${ratio(to, COPY_GOAL)} |`;
  });
  return `## Copies by the array
1 GiB without holes from one LDEV to another, both in the cache, in turns. MiB a second; how many times as fast EXTENDED COPY is.

| | MiB a second | EXTENDED COPY to it |
| --- | --- | --- |
${rows.join('\n')}
`;
}
