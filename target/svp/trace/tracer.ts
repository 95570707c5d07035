/** Tells readers of commands as they end. While there is no reader, channel adapters know of nothing. */
import type { Clock } from '../../base/clock.js';
import type { TaskObserver } from '../../channel/channel-adapter.js';
import type { Task } from '../../scsi/task.js';
import { ConfigError } from '../../volumes/errors.js';
import { matcher, type TraceFilter } from './filter.js';
import { LineStream } from './line-stream.js';
import { type TraceRecord, traceRecord } from './record.js';

/** Each costs time on the hosts' commands. */
const READERS_MAX = 8;

interface Observed {
  observer: TaskObserver | null;
}

interface Reader {
  readonly matches: (record: TraceRecord) => boolean;
  readonly stream: LineStream;
}

export class Tracer implements TaskObserver {
  readonly #readers = new Set<Reader>();
  #closed = false;

  /** @param adapters all of the array, when a trace begins and ends */
  constructor(
    private readonly adapters: () => Iterable<Observed>,
    private readonly clock: Clock,
  ) {}

  /**
   * A line of JSON for each command that arrives from now on and matches, as it ends: a `TraceRecord`, or
   * `{"lost":N}`; that with 0 is the first line. Ends when the stream is destroyed.
   * @throws ConfigError `trace-limit` or `command-unknown`
   */
  open(filter: TraceFilter): LineStream {
    if (this.#readers.size >= READERS_MAX) {
      throw new ConfigError('trace-limit', `${READERS_MAX} traces run, which is the most: end one of them.`);
    }
    const matches = matcher(filter);
    const stream = new LineStream(() => this.#remove(reader));
    const reader: Reader = { matches, stream };
    this.#readers.add(reader);
    for (const adapter of this.adapters()) adapter.observer = this;
    stream.offer(JSON.stringify({ lost: 0 }));
    if (this.#closed) stream.finish();
    return stream;
  }

  ended(task: Task, now: number): void {
    const record = traceRecord(task, now - task.startedAt, this.clock.wall());
    let line: string | null = null;
    for (const { matches, stream } of this.#readers) {
      if (!matches(record)) continue;
      line ??= JSON.stringify(record);
      stream.offer(line);
    }
  }

  /** The array stops: readers are told that there is no more. */
  close(): void {
    this.#closed = true;
    for (const { stream } of this.#readers) stream.finish();
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    for (const adapter of this.adapters()) adapter.observer = null;
  }
}
