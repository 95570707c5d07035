/** How cost grows: with sessions, queue depth, LDEVs, cache size; what digests cost; how long the slowest take. */
import { client } from './client-process.js';
import { type Latency, measureLatency } from './latency.js';
import { spread } from './stats.js';
import { fill, type LunarrayShape, luBytes, startLunarray, startTgt, type Target } from './targets.js';

/** One point of a table: medians over the rounds. */
export interface Point {
  readonly label: string;
  readonly iops: number;
  /** Processor microseconds of the array for each operation. */
  readonly cpuMicros: number;
  readonly tgtIops: number | null;
}

export interface Scale {
  readonly sessions: readonly Point[];
  readonly depths: readonly Point[];
  readonly ldevs: readonly Point[];
  readonly caches: readonly Point[];
  readonly digests: readonly Point[];
  readonly latency: Latency;
  /** Processor share, in percent of one, over five seconds that begin one second after I/O. */
  readonly idlePercent: number;
}

type Say = (line: string) => void;

const SESSIONS = [1, 8, 64, 512];
const DEPTHS = [1, 2, 4, 8, 16, 32, 64, 128];
const LDEVS = [1, 16, 256, 4096];
const CACHES = ['256M', '1G', '2G', '3G'];

export async function measureScale(rounds: number, seconds: number, say: Say): Promise<Scale> {
  const tgt = await startTgt();
  if (tgt !== null) await fill(tgt);
  try {
    const main = await startLunarray({ cache: '2G', runtime: ['--trace-gc'] });
    try {
      await fill(main);
      const bench = { rounds, seconds, say };
      const depths = await table(bench, DEPTHS, (depth) => ({ target: main, tgt, label: `depth ${depth}`, depth }));
      const sessions = await table(bench, SESSIONS, (count) => ({
        target: main,
        tgt: count > 64 ? null : tgt,
        label: `${count} sessions`,
        sessions: count,
        depth: count === 1 ? 32 : count > 64 ? 1 : 8,
      }));
      const digests = await table(bench, [false, true], (on) => ({
        target: main,
        tgt: null,
        label: `digests ${on ? 'on' : 'off'}`,
        digests: on,
      }));
      const latency = await measureLatency(main, tgt, rounds, seconds);
      const idlePercent = await idle(main);
      const { perSecond, percent } = latency.collections;
      say(`collections of the heap: ${perSecond.toFixed(1)} a second, ${percent.toFixed(2)} % of the time`);
      say(`idle: ${idlePercent.toFixed(2)} % of a processor; p99.99 ${latency.percentiles['p99.99']?.toFixed(0)} µs`);
      const caches = await separate(bench, CACHES, (cache) => ({ cache }), 'cache');
      const ldevs = await separate(bench, LDEVS, (ldevs) => ({ cache: '2G', ldevs }), 'LDEVs');
      return { sessions, depths, ldevs, caches, digests, latency, idlePercent };
    } finally {
      await main.stop();
    }
  } finally {
    await tgt?.stop();
  }
}

interface Bench {
  readonly rounds: number;
  readonly seconds: number;
  readonly say: Say;
}

interface Case {
  readonly label: string;
  readonly target: Target & { readonly urls: readonly string[] };
  readonly tgt: Target | null;
  readonly depth?: number;
  readonly sessions?: number;
  readonly digests?: boolean;
  readonly rangeBytes?: number;
}

/** Measures cases in turn, round after round, so that a slow minute of the machine hits all. */
async function table<T>(bench: Bench, values: readonly T[], caseOf: (value: T) => Case): Promise<Point[]> {
  const cases = values.map(caseOf);
  const measured = cases.map(() => ({ iops: [] as number[], cpu: [] as number[], tgt: [] as number[] }));
  for (let round = 0; round < bench.rounds; round++) {
    for (const [index, each] of cases.entries()) {
      const { target, tgt, depth = 32, sessions = 1, digests = false, rangeBytes = luBytes } = each;
      const shape = { depth, blockBytes: 4096, rangeBytes, write: false, digests, seconds: bench.seconds };
      const urls = Array.from({ length: sessions }, (_, session) => target.urls[session % target.urls.length]!);
      const { iops, cpuMicros } = await client({ ...shape, urls, pid: target.pid });
      measured[index]!.iops.push(iops);
      measured[index]!.cpu.push(cpuMicros);
      if (tgt === null) continue;
      measured[index]!.tgt.push((await client({ ...shape, urls: urls.map(() => tgt.url), pid: tgt.pid })).iops);
    }
  }
  return cases.map(({ label }, index) => {
    const { iops, cpu, tgt } = measured[index]!;
    const point = {
      label,
      iops: spread(iops).median,
      cpuMicros: spread(cpu).median,
      tgtIops: tgt.length > 0 ? spread(tgt).median : null,
    };
    const beside = point.tgtIops === null ? '' : `; tgt ${Math.round(point.tgtIops)}`;
    bench.say(`${label}: ${Math.round(point.iops)} IOPS, ${point.cpuMicros.toFixed(1)} µs CPU${beside}`);
    return point;
  });
}

/** Cases that need an array of their own. The LU is read where it is in the cache: its first 128 MiB. */
async function separate<T>(
  bench: Bench,
  values: readonly T[],
  shape: (value: T) => LunarrayShape,
  word: string,
): Promise<Point[]> {
  const points: Point[] = [];
  for (const value of values) {
    const array = await startLunarray(shape(value));
    try {
      await fill(array, 128);
      const rangeBytes = 128 << 20;
      const label = word === 'cache' ? `cache ${value}` : `${value} ${word}`;
      points.push(...(await table(bench, [value], () => ({ target: array, tgt: null, label, rangeBytes }))));
    } finally {
      await array.stop();
    }
  }
  return points;
}

async function idle(target: Target): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const before = target.cpuSeconds();
  await new Promise((resolve) => setTimeout(resolve, 5000));
  return ((target.cpuSeconds() - before) / 5) * 100;
}
