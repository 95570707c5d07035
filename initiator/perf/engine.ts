/** Drives a logical unit with a fixed number of commands in flight and measures each. */
import { read16, retarget16, write16 } from '../../wire/scsi/cdb-build.js';
import type { LogicalUnit } from '../logical-unit.js';
import { ScsiStatus, type ScsiTask } from '../task.js';
import { SeededRandom } from './random.js';
import { type DirectionSummary, type LatencyBin, LoadStatistics } from './statistics.js';

/** What to do. */
export interface LoadOptions {
  readonly pattern: 'random' | 'sequential';
  /** Share of reads, 0 to 100. */
  readonly readPercent: number;
  /** Blocks per command. */
  readonly blocks: number;
  /** Commands in flight. */
  readonly depth: number;
  /** First block and number of blocks that the load touches. */
  readonly firstLba: number;
  readonly rangeBlocks: number;
  /** Measured time in milliseconds, or null to stop by `count` alone. */
  readonly timeMs: number | null;
  /** Measured commands, or null to stop by time alone. */
  readonly count: number | null;
  /** Time before the measurement starts, in milliseconds. */
  readonly warmupMs: number;
  readonly seed: number;
  /** Width of an interval of the time series, in milliseconds. */
  readonly intervalMs: number;
}

/** One point of the time series. */
export interface LoadInterval {
  /** End of the interval, in seconds since the measurement began. */
  readonly at: number;
  readonly iops: number;
  readonly readIops: number;
  readonly writeIops: number;
  /** Latency of all commands in the interval, microseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** What came out. */
export interface LoadResult {
  readonly seconds: number;
  readonly total: DirectionSummary;
  readonly reads: DirectionSummary;
  readonly writes: DirectionSummary;
  readonly distribution: readonly LatencyBin[];
  readonly intervals: readonly LoadInterval[];
  /** Unit attentions met and passed over. */
  readonly attentions: number;
}

/** Different write buffers in turn, so that successive writes differ. */
const WRITE_BUFFERS = 16;

interface Slot {
  readonly task: ScsiTask;
  readonly readCdb: Buffer;
  readonly writeCdb: Buffer;
  isRead: boolean;
  startedAt: number;
}

/**
 * Runs a load. Rejects with the first command's error that is not a unit attention.
 * @param stop aborts the run early; what was measured until then is returned
 */
export function runLoad(unit: LogicalUnit, options: LoadOptions, stop?: AbortSignal): Promise<LoadResult> {
  return new Promise((resolve, reject) => new Load(unit, options, resolve, reject).start(stop));
}

class Load {
  private readonly random: SeededRandom;
  private readonly writeData: readonly (readonly Buffer[])[];
  private readonly bytesPerIo: number;
  /** Number of positions a command can start at. */
  private readonly positions: number;
  private readonly statistics: LoadStatistics;
  private readonly intervals: LoadInterval[] = [];
  private nextPosition = 0;
  private nextWriteData = 0;
  private inFlight = 0;
  private started = 0;
  private attentions = 0;
  /** Milliseconds on the monotonic clock; NaN while warming up. */
  private measuredFrom = Number.NaN;
  private lastInterval = 0;
  private endedAt = Number.NaN;
  private ending = false;
  private failure: Error | null = null;
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly unit: LogicalUnit,
    private readonly options: LoadOptions,
    private readonly resolve: (result: LoadResult) => void,
    private readonly reject: (error: Error) => void,
  ) {
    this.random = new SeededRandom(options.seed);
    this.bytesPerIo = options.blocks * unit.blockSize;
    this.positions = Math.floor(options.rangeBlocks / options.blocks);
    this.statistics = new LoadStatistics(this.bytesPerIo);
    this.writeData =
      options.readPercent === 100
        ? []
        : Array.from({ length: WRITE_BUFFERS }, () => [this.random.fill(Buffer.allocUnsafe(this.bytesPerIo))]);
  }

  start(stop?: AbortSignal): void {
    const { warmupMs, depth } = this.options;
    if (warmupMs > 0) this.timers.push(setTimeout(() => this.beginMeasuring(), warmupMs));
    else this.beginMeasuring();
    stop?.addEventListener('abort', () => this.end(), { once: true });
    for (let index = 0; index < depth && this.mayStart(); index += 1) this.issue(this.makeSlot());
    if (this.inFlight === 0) this.finish();
  }

  private makeSlot(): Slot {
    const slot: Slot = {
      task: this.unit.prepare(read16(0, 0), (task) => this.completed(slot, task)),
      readCdb: read16(0, 0),
      writeCdb: write16(0, 0),
      isRead: true,
      startedAt: 0,
    };
    slot.task.reissuable = true;
    return slot;
  }

  private beginMeasuring(): void {
    this.measuredFrom = performance.now();
    this.lastInterval = this.measuredFrom;
    const { timeMs, intervalMs } = this.options;
    if (timeMs !== null) this.timers.push(setTimeout(() => this.end(), timeMs));
    this.timers.push(setInterval(() => this.closeInterval(performance.now()), intervalMs));
  }

  private mayStart(): boolean {
    return !this.ending && (this.options.count === null || this.started < this.options.count);
  }

  private issue(slot: Slot): void {
    const { task } = slot;
    const { options } = this;
    slot.isRead =
      options.readPercent === 100 || (options.readPercent > 0 && this.random.below(100) < options.readPercent);
    const position = options.pattern === 'random' ? this.random.below(this.positions) : this.nextPosition;
    this.nextPosition = position + 1 < this.positions ? position + 1 : 0;
    const cdb = slot.isRead ? slot.readCdb : slot.writeCdb;
    retarget16(cdb, options.firstLba + position * options.blocks, options.blocks);
    task.cdb = cdb;
    if (slot.isRead) {
      task.dataOut = NO_DATA;
      task.dataOutBytes = 0;
      task.dataInBytes = this.bytesPerIo;
    } else {
      task.dataOut = this.writeData[this.nextWriteData]!;
      task.dataOutBytes = this.bytesPerIo;
      task.dataInBytes = 0;
      this.nextWriteData = (this.nextWriteData + 1) % WRITE_BUFFERS;
    }
    if (!Number.isNaN(this.measuredFrom)) this.started += 1;
    this.inFlight += 1;
    slot.startedAt = performance.now();
    this.unit.session.submit(task);
  }

  private completed(slot: Slot, task: ScsiTask): void {
    this.inFlight -= 1;
    if (task.error !== null || task.status !== ScsiStatus.good) this.failed(task);
    else if (slot.startedAt >= this.measuredFrom && !this.ending) {
      this.statistics.record(slot.isRead, performance.now() - slot.startedAt);
    }
    if (this.mayStart()) this.issue(slot);
    else if (this.inFlight === 0) this.finish();
  }

  private failed(task: ScsiTask): void {
    const error = this.unit.errorOf(task);
    if (this.unit.isAttention(error)) {
      this.attentions += 1;
      return;
    }
    this.failure ??= error;
    this.end();
  }

  /** Starts no more; the run finishes when the commands in flight have. */
  private end(): void {
    if (this.ending) return;
    this.endedAt = performance.now();
    this.ending = true;
  }

  private closeInterval(now: number): void {
    const seconds = (now - this.lastInterval) / 1000;
    if (this.ending || seconds <= 0) return;
    const { reads, writes, p50, p99 } = this.statistics.interval();
    this.intervals.push({
      at: (now - this.measuredFrom) / 1000,
      iops: (reads + writes) / seconds,
      readIops: reads / seconds,
      writeIops: writes / seconds,
      p50,
      p99,
    });
    this.lastInterval = now;
  }

  private finish(): void {
    for (const timer of this.timers) clearTimeout(timer);
    if (this.failure) {
      this.reject(this.failure);
      return;
    }
    const end = Number.isNaN(this.endedAt) ? performance.now() : this.endedAt;
    if (this.intervals.length === 0) this.closeInterval(end);
    const seconds = Number.isNaN(this.measuredFrom) ? 0 : (end - this.measuredFrom) / 1000;
    this.resolve({
      seconds,
      ...this.statistics.summary(seconds),
      distribution: this.statistics.distribution(),
      intervals: this.intervals,
      attentions: this.attentions,
    });
  }
}

const NO_DATA: readonly Buffer[] = [];
