/**
 * A client with any number of sessions, in a process of its own, on our own initiator. Takes a `ClientLoad` as its
 * only argument, in JSON, and prints a `ClientResult`.
 */
import { connect } from '../../initiator/index.js';
import { type LoadResult, runLoad } from '../../initiator/perf/engine.js';
import { processSeconds } from './targets.js';

export interface ClientLoad {
  /** One session for each. */
  readonly urls: readonly string[];
  /** Commands in flight, of each session. */
  readonly depth: number;
  readonly blockBytes: number;
  /** From the start of the LU on. */
  readonly rangeBytes: number;
  readonly write: boolean;
  /** From its start to its end once, one after the other, however long that takes; left out: random for `seconds`. */
  readonly onePass?: boolean;
  readonly digests: boolean;
  readonly seconds: number;
  /** The target's process. */
  readonly pid: number;
}

export interface ClientResult {
  readonly iops: number;
  /** Processor microseconds of the target for each operation, logins left out. */
  readonly cpuMicros: number;
  /** Of the first session, microseconds: percentile (`p50`), and `max`, to latency. */
  readonly latency: Readonly<Record<string, number>>;
  /** Of the first session: upper edge of a bin, microseconds, and commands in it. */
  readonly distribution: readonly (readonly [number, number])[];
}

const load = JSON.parse(process.argv[2]!) as ClientLoad;
const digest = load.digests ? 'CRC32C' : 'None';
const units = await Promise.all(load.urls.map((url) => connect(url, { headerDigest: digest, dataDigest: digest })));
await Promise.all(units.map((unit) => unit.readCapacity()));
const before = processSeconds(load.pid);
const began = performance.now();
const results: LoadResult[] = await Promise.all(
  units.map((unit, index) =>
    runLoad(unit, {
      pattern: load.onePass ? 'sequential' : 'random',
      readPercent: load.write ? 0 : 100,
      blocks: load.blockBytes / unit.blockSize,
      depth: load.depth,
      firstLba: 0,
      rangeBlocks: load.rangeBytes / unit.blockSize,
      timeMs: load.onePass ? null : load.seconds * 1000,
      count: load.onePass ? load.rangeBytes / load.blockBytes : null,
      warmupMs: load.onePass ? 0 : 500,
      seed: index + 1,
      intervalMs: 1000,
    }),
  ),
);
const share = load.onePass ? 1 : (load.seconds * 1000) / (performance.now() - began);
const cpuSeconds = (processSeconds(load.pid) - before) * share;
await Promise.all(units.map((unit) => unit.close()));
const [first] = results;
const ios = results.reduce((sum, { total }) => sum + total.ios, 0);
const result: ClientResult = {
  iops: results.reduce((sum, { total }) => sum + total.iops, 0),
  cpuMicros: (cpuSeconds / ios) * 1e6,
  latency: { ...first!.total.latency!.percentiles, max: first!.total.latency!.max },
  distribution: first!.distribution.map(({ to, ios }) => [to, ios] as const),
};
console.log(JSON.stringify(result));
