/** Latencies and rates of a load run. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Percentiles that reports show. */
export const PERCENTILES = [50, 75, 90, 95, 99, 99.9, 99.99] as const;

/** Bins per doubling of latency in the distribution. */
const BINS_PER_OCTAVE = 8;
/** From 1 µs to over an hour. */
const BIN_COUNT = 32 * BINS_PER_OCTAVE;

/** Latencies in microseconds. */
export interface LatencySummary {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly stddev: number;
  /** Keys `p50` … `p99.99`. */
  readonly percentiles: Readonly<Record<string, number>>;
}

/** One direction's totals. */
export interface DirectionSummary {
  readonly ios: number;
  readonly bytes: number;
  readonly iops: number;
  /** Decimal megabytes per second. */
  readonly megabytesPerSecond: number;
  readonly latency: LatencySummary | null;
}

/** One bin of the latency distribution. */
export interface LatencyBin {
  /** Lower and upper edge, microseconds. */
  readonly from: number;
  readonly to: number;
  readonly ios: number;
}

/** Latencies of one direction, and how many bytes moved. */
export class Recorder {
  /** Nanoseconds, since the run began. */
  private readonly total: RecordableHistogram = createHistogram({ figures: 3 });
  /** Nanoseconds, since the last `interval()`. */
  private current: RecordableHistogram = createHistogram({ figures: 3 });
  private readonly bins = new Uint32Array(BIN_COUNT);
  private ios = 0;

  constructor(private readonly bytesPerIo: number) {}

  /** Notes one completed command that took `ms` milliseconds. */
  record(ms: number): void {
    const nanoseconds = Math.round(ms * 1e6);
    this.current.record(nanoseconds > 0 ? nanoseconds : 1);
    const bin = Math.floor(Math.log2(ms * 1000) * BINS_PER_OCTAVE);
    this.bins[bin < 0 ? 0 : bin < BIN_COUNT ? bin : BIN_COUNT - 1]! += 1;
    this.ios += 1;
  }

  /** Ends an interval: its count and its median and 99th percentile in microseconds (0 when it is empty). */
  interval(): { ios: number; p50: number; p99: number } {
    const { current } = this;
    const ios = current.count;
    const result = {
      ios,
      p50: ios === 0 ? 0 : current.percentile(50) / 1000,
      p99: ios === 0 ? 0 : current.percentile(99) / 1000,
    };
    if (ios > 0) this.total.add(current);
    current.reset();
    return result;
  }

  summary(seconds: number): DirectionSummary {
    this.interval();
    const bytes = this.ios * this.bytesPerIo;
    return {
      ios: this.ios,
      bytes,
      iops: seconds > 0 ? this.ios / seconds : 0,
      megabytesPerSecond: seconds > 0 ? bytes / seconds / 1e6 : 0,
      latency: this.ios === 0 ? null : summarize(this.total),
    };
  }

  /** The distribution from the first used bin to the last. */
  distribution(): LatencyBin[] {
    const first = this.bins.findIndex((count) => count > 0);
    if (first < 0) return [];
    const last = this.bins.findLastIndex((count) => count > 0);
    return Array.from(this.bins.subarray(first, last + 1), (ios, index) => ({
      from: 2 ** ((first + index) / BINS_PER_OCTAVE),
      to: 2 ** ((first + index + 1) / BINS_PER_OCTAVE),
      ios,
    }));
  }
}

function summarize(histogram: RecordableHistogram): LatencySummary {
  return {
    min: histogram.min / 1000,
    mean: histogram.mean / 1000,
    max: histogram.max / 1000,
    stddev: histogram.stddev / 1000,
    percentiles: Object.fromEntries(PERCENTILES.map((p) => [`p${p}`, histogram.percentile(p) / 1000])),
  };
}
