/** How long single reads take, and how much of that the collection of garbage is. */
import type { ClientResult } from './client.js';
import { client } from './client-process.js';
import { spread } from './stats.js';
import { type Lunarray, luBytes, type Target } from './targets.js';

/** Random 4 KiB reads at depth 32, one session; medians of some runs. */
export interface Latency {
  /** Microseconds. */
  readonly percentiles: Readonly<Record<string, number>>;
  /** Of all runs together. */
  readonly distribution: ClientResult['distribution'];
  readonly tgtPercentiles: Readonly<Record<string, number>> | null;
  readonly tgtDistribution: ClientResult['distribution'] | null;
  /** Of the array, meanwhile. */
  readonly collections: Collections;
}

/** What `--trace-gc` tells of a run. */
export interface Collections {
  /** Of the whole heap, and of young objects, for each million operations. */
  readonly majorPerMillion: number;
  readonly minorPerMillion: number;
  /** Of both, each second. */
  readonly perSecond: number;
  /** Share of the time in which the array stood still for them, percent. */
  readonly percent: number;
}

/** The array and tgt in turns. @param seconds of a run, three times over: what is rare has to be met */
export async function measureLatency(
  target: Lunarray,
  tgt: Target | null,
  rounds: number,
  seconds: number,
): Promise<Latency> {
  const load = { depth: 32, blockBytes: 4096, rangeBytes: luBytes, write: false, digests: false, seconds: seconds * 3 };
  const own: ClientResult[] = [];
  const theirs: ClientResult[] = [];
  // The client warms up for half a second.
  const taken = load.seconds + 0.5;
  let trace = '';
  let operations = 0;
  for (let round = 0; round < rounds; round++) {
    const before = target.output().length;
    const result = await client({ ...load, urls: [target.url], pid: target.pid });
    trace += target.output().slice(before);
    operations += result.iops * taken;
    own.push(result);
    if (tgt !== null) theirs.push(await client({ ...load, urls: [tgt.url], pid: tgt.pid }));
  }
  return {
    percentiles: medians(own),
    distribution: together(own),
    tgtPercentiles: tgt === null ? null : medians(theirs),
    tgtDistribution: tgt === null ? null : together(theirs),
    collections: collectionsIn(trace, taken * rounds, operations / 1e6),
  };
}

function medians(results: readonly ClientResult[]): Record<string, number> {
  const keys = Object.keys(results[0]!.latency);
  return Object.fromEntries(keys.map((key) => [key, spread(results.map(({ latency }) => latency[key]!)).median]));
}

function together(results: readonly ClientResult[]): ClientResult['distribution'] {
  const bins = new Map<number, number>();
  for (const [edge, count] of results.flatMap(({ distribution }) => distribution)) {
    bins.set(edge, (bins.get(edge) ?? 0) + count);
  }
  return [...bins].sort(([a], [b]) => a - b);
}

/** @param trace what the array printed during the runs */
function collectionsIn(trace: string, seconds: number, millions: number): Collections {
  const major = [...trace.matchAll(/: Mark-Compact.*?, ([\d.]+) \/ /g)];
  const minor = [...trace.matchAll(/: Scavenge.*?, ([\d.]+) \/ /g)];
  const stoodMs = [...major, ...minor].reduce((sum, [, ms]) => sum + Number(ms), 0);
  return {
    majorPerMillion: major.length / millions,
    minorPerMillion: minor.length / millions,
    perSecond: (major.length + minor.length) / seconds,
    percent: stoodMs / 10 / seconds,
  };
}
