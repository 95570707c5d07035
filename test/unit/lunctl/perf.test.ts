import { readFileSync } from 'node:fs';
import t from 'tap';
import { connect } from '../../../initiator/index.js';
import { array, lunctl, scratch } from './run-lunctl.js';

t.test('perf counts what it does', async (t) => {
  const { url } = await array(t);
  const file = scratch(t);
  const run = async (...args: string[]) => {
    const result = await lunctl(['perf', '--json', ...args, url(0)]);
    t.equal(result.code, 0, result.err);
    return JSON.parse(result.out);
  };
  const reads = await run('--count', '300', '--depth', '8', '--seed', '7');
  t.match(reads, {
    load: { seed: 7, depth: 8, blocks: 8 },
    reads: { ios: 300, bytes: 300 * 4096 },
    writes: { ios: 0 },
  });
  t.ok(reads.total.latency.percentiles.p50 <= reads.total.latency.percentiles['p99.99']);
  t.ok(reads.total.latency.min <= reads.total.latency.mean && reads.total.latency.mean <= reads.total.latency.max);
  const counted = reads.distribution.reduce((sum: number, bin: { ios: number }) => sum + bin.ios, 0);
  t.equal(counted, 300, 'every command is in the distribution');

  const mix = await run(
    '--op',
    'mix',
    '--read-percent',
    '50',
    '--count',
    '400',
    '--block',
    '8k',
    '--svg',
    file('run.svg'),
  );
  t.equal(mix.reads.ios + mix.writes.ios, 400);
  t.ok(mix.reads.ios > 100 && mix.writes.ios > 100);
  const svg = readFileSync(file('run.svg'), 'utf8');
  t.match(svg, /^<svg [^>]*width="1000"/);
  for (const word of ['random 50 % reads', 'p99.9', 'write IOPS', 'Latency distribution']) t.match(svg, word);
  t.notMatch(svg, /="[^"<>]*"[^\s>/?]/, 'attributes are quoted properly');

  const text = await lunctl(['perf', '--op', 'write', '--pattern', 'sequential', '--count', '20', url(0)]);
  t.match(text.out, /^sequential writes, 4 KiB, depth 32, [\d.]+ s, seed \d+\n +WRITE\ncommands +20\n/);
  t.match(text.out, /\np99\.99 +\d/);
});

t.test('sequential writes cover the range in order, and only the range', async (t) => {
  const { url } = await array(t);
  const range = ['--lba', '16', '--blocks', '64'];
  const args = ['--op', 'write', '--pattern', 'sequential', '--count', '8', '--seed', '3'];
  t.equal((await lunctl(['perf', ...args, ...range, url(0)])).code, 0);
  const unit = await connect(url(0));
  t.teardown(() => unit.close());
  const data = await unit.read(0, 96);
  const zero = (from: number, to: number) => data.subarray(from * 512, to * 512).every((byte) => byte === 0);
  t.ok(zero(0, 16) && zero(80, 96));
  for (let lba = 16; lba < 80; lba += 8) t.notOk(zero(lba, lba + 8), `blocks from ${lba} on were written`);
});

t.test('a time ends it', async (t) => {
  const { url } = await array(t);
  const result = JSON.parse((await lunctl(['perf', '--time', '600ms', '--warmup', '10ms', '--json', url(0)])).out);
  t.ok(result.total.ios > 0);
  t.ok(result.intervals.length >= 1);
});

t.test('loads that make no sense, and units that fail', async (t) => {
  const { array: running, url } = await array(t);
  const cases: [string[], RegExp][] = [
    [['--block', '1000'], /whole blocks/],
    [['--depth', '0'], /--depth "0"/],
    [['--read-percent', '101', '--op', 'mix'], /--read-percent "101"/],
    [['--blocks', '4'], /room for less than one command/],
    [['--pattern', 'zigzag'], /Allowed choices are random, sequential/],
  ];
  for (const [args, message] of cases) t.match(await lunctl(['perf', ...args, url(0)]), { code: 2, err: message });
  running.volumes.faults.add({ ldev: 0, op: 'read', effect: 'medium-error' });
  t.match(await lunctl(['perf', '--count', '10', url(0)]), { code: 1, err: /MEDIUM ERROR/ });
});
