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

/** Latencies of one direction. */
class Recorder {
  /** Nanoseconds, up to the last `roll()`. */
  readonly total: RecordableHistogram = createHistogram({ figures: 3 });
  /** Nanoseconds, since then. */
  readonly current: RecordableHistogram = createHistogram({ figures: 3 });
  readonly bins = new Uint32Array(BIN_COUNT);

  record(ms: number): void {
    const nanoseconds = Math.round(ms * 1e6);
    this.current.record(nanoseconds > 0 ? nanoseconds : 1);
    const bin = Math.floor(Math.log2(ms * 1000) * BINS_PER_OCTAVE);
    this.bins[bin > 0 ? (bin < BIN_COUNT ? bin : BIN_COUNT - 1) : 0]! += 1;
  }

  roll(): void {
    if (this.current.count > 0) this.total.add(this.current);
    this.current.reset();
  }
}

/** One interval of a run. Latencies in microseconds, 0 when nothing ended in it. */
export interface IntervalSummary {
  readonly reads: number;
  readonly writes: number;
  readonly p50: number;
  readonly p99: number;
}

/** Latencies of both directions, whole and by interval. */
export class LoadStatistics {
  private readonly reads = new Recorder();
  private readonly writes = new Recorder();
  private readonly both: RecordableHistogram = createHistogram({ figures: 3 });

  constructor(private readonly bytesPerIo: number) {}

  /** Notes one completed command that took `ms` milliseconds. */
  record(isRead: boolean, ms: number): void {
    (isRead ? this.reads : this.writes).record(ms);
  }

  /** Ends an interval. */
  interval(): IntervalSummary {
    const { reads, writes, both } = this;
    both.reset();
    if (reads.current.count > 0) both.add(reads.current);
    if (writes.current.count > 0) both.add(writes.current);
    const any = both.count > 0;
    const result = {
      reads: reads.current.count,
      writes: writes.current.count,
      p50: any ? both.percentile(50) / 1000 : 0,
      p99: any ? both.percentile(99) / 1000 : 0,
    };
    reads.roll();
    writes.roll();
    return result;
  }

  /** Totals over `seconds`. */
  summary(seconds: number): { total: DirectionSummary; reads: DirectionSummary; writes: DirectionSummary } {
    const { reads, writes, both } = this;
    reads.roll();
    writes.roll();
    both.reset();
    if (reads.total.count > 0) both.add(reads.total);
    if (writes.total.count > 0) both.add(writes.total);
    const of = (histogram: RecordableHistogram) => summarize(histogram, this.bytesPerIo, seconds);
    return { total: of(both), reads: of(reads.total), writes: of(writes.total) };
  }

  /** The distribution of both directions, from the first used bin to the last. */
  distribution(): LatencyBin[] {
    const counts = this.reads.bins.map((count, index) => count + this.writes.bins[index]!);
    const first = counts.findIndex((count) => count > 0);
    if (first < 0) return [];
    const last = counts.findLastIndex((count) => count > 0);
    return Array.from(counts.subarray(first, last + 1), (ios, index) => ({
      from: 2 ** ((first + index) / BINS_PER_OCTAVE),
      to: 2 ** ((first + index + 1) / BINS_PER_OCTAVE),
      ios,
    }));
  }
}

function summarize(histogram: RecordableHistogram, bytesPerIo: number, seconds: number): DirectionSummary {
  const ios = histogram.count;
  const bytes = ios * bytesPerIo;
  return {
    ios,
    bytes,
    iops: seconds > 0 ? ios / seconds : 0,
    megabytesPerSecond: seconds > 0 ? bytes / seconds / 1e6 : 0,
    latency: ios === 0 ? null : latencies(histogram),
  };
}

function latencies(histogram: RecordableHistogram): LatencySummary {
  return {
    min: histogram.min / 1000,
    mean: histogram.mean / 1000,
    max: histogram.max / 1000,
    stddev: histogram.stddev / 1000,
    percentiles: Object.fromEntries(PERCENTILES.map((p) => [`p${p}`, histogram.percentile(p) / 1000])),
  };
}
