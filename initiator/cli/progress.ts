/** The progress bar of copies: bytes, rate, time left, on standard error; nothing when that is not a terminal. */
import { type Options, SingleBar } from 'cli-progress';
import { type Streams, streams } from '../../target/base/streams.js';
import { bytesText, durationText } from './format.js';

/** Told how far a copy has come. */
export interface Progress {
  /** `bytes` more are dealt with, copied or skipped. */
  advance(bytes: number): void;
  stop(): void;
}

/** Draws nothing. */
export const SILENT: Progress = { advance() {}, stop() {} };

/** How much of the past the rate looks at, in milliseconds. */
const RATE_WINDOW_MS = 3000;

/** Bytes per second over the last few seconds. */
export class RateMeter {
  private readonly samples: { at: number; done: number }[] = [];

  /** Notes that `done` bytes in total were reached at `now` milliseconds; returns the rate. */
  note(now: number, done: number): number {
    this.samples.push({ at: now, done });
    while (this.samples.length > 2 && now - this.samples[0]!.at > RATE_WINDOW_MS) this.samples.shift();
    const first = this.samples[0]!;
    return now > first.at ? ((done - first.done) * 1000) / (now - first.at) : 0;
  }
}

/** The text after the bar. */
export function progressText(done: number, total: number | null, rate: number): string {
  const amount = total === null ? bytesText(done) : `${bytesText(done)} of ${bytesText(total)}`;
  const left = total !== null && rate > 0 && done < total ? `  ${durationText((total - done) / rate)} left` : '';
  return `${amount}  ${bytesText(Math.round(rate))}/s${left}`;
}

/**
 * Starts a bar for a copy of `total` bytes (null: unknown, as from a pipe).
 * @param stream where to draw; silent unless it is a terminal
 */
export function startProgress(total: number | null, stream: Streams['err'] = streams().err): Progress {
  if (!stream.isTTY) return SILENT;
  const meter = new RateMeter();
  let done = 0;
  meter.note(performance.now(), 0);
  const options: Options = {
    stream: stream as NodeJS.WriteStream,
    format: total === null ? '{detail}' : '{bar} {percentage}%  {detail}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    fps: 8,
    clearOnComplete: false,
    linewrap: false,
  };
  const bar = new SingleBar(options);
  bar.start(Math.max(1, total ?? 1), 0, { detail: progressText(0, total, 0) });
  // Drawn on a timer of its own: a copy completes tens of thousands of chunks a second.
  const timer = setInterval(draw, 125);
  timer.unref();

  function draw(): void {
    bar.update(total === null ? 0 : Math.min(done, total), {
      detail: progressText(done, total, meter.note(performance.now(), done)),
    });
  }

  return {
    advance(bytes) {
      done += bytes;
    },
    stop() {
      clearInterval(timer);
      draw();
      bar.stop();
    },
  };
}
