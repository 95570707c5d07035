/** Writes docs/benchmarks.md and its charts from one run's results. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import * as echarts from 'echarts';
import type { CodecRow } from './codecs.js';
import type { Spread } from './stats.js';
import type { Result, Row } from './system.js';

export interface Run {
  readonly codecs: readonly CodecRow[];
  readonly systems: readonly Row[];
  readonly rounds: number;
  readonly seconds: number;
}

export function writeReport(root: string, run: Run): void {
  const docs = join(root, 'docs');
  writeFileSync(join(docs, 'benchmarks.svg'), chart(run.systems));
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

## Codecs and loops
One thread, \`benchmark\`; addon and TypeScript twin side by side.

| what | runs a second | throughput |
| --- | --- | --- |
${codecs.join('\n')}

How to read these: a ratio holds on another machine better than a number does. The client shares the two
processors with the target, so the client's own cost bounds what any target can show.
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

/** Horizontal bars, one pair a workload, scaled to tgt = 1 so that small and large operations fit one picture. */
function chart(rows: readonly Row[]): string {
  const picture = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 980, height: 90 + rows.length * 64 });
  const ratios = rows.map((row) => row.ratio.tgt?.median ?? 0);
  picture.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: {
      text: 'Lunarray against tgt on the same machine',
      subtext: 'operations a second, tgt = 1',
      left: 16,
      top: 8,
    },
    grid: { left: 410, right: 60, top: 70, bottom: 30 },
    legend: { right: 16, top: 12, data: ['Lunarray', 'tgt'] },
    xAxis: { type: 'value', min: 0, splitLine: { lineStyle: { color: '#e6e6e6' } } },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map((row) => row.workload.name),
      axisTick: { show: false },
      axisLabel: { width: 390, overflow: 'break' },
    },
    series: [
      {
        name: 'Lunarray',
        type: 'bar',
        itemStyle: { color: '#3b5bdb' },
        label: { show: true, position: 'right', formatter: ({ value }: { value: number }) => `${value.toFixed(1)} ×` },
        data: ratios,
      },
      { name: 'tgt', type: 'bar', itemStyle: { color: '#adb5bd' }, data: rows.map((row) => (row.tgt ? 1 : 0)) },
    ],
  } as echarts.EChartsOption);
  return picture.renderToSVGString();
}
