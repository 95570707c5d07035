import type { Log } from '../../base/log.js';
import type { Clock } from '../../disk/types.js';

const LINES = 10;
const PERIOD_NS = 10e9;

/**
 * A log for what hosts cause: at most ten lines of one kind in ten seconds, so that a flood of bad input does not
 * become a flood of lines. What was left out is counted in the first line afterwards.
 */
export class RateLimitedLog {
  readonly #kinds = new Map<string, { since: number; lines: number; suppressed: number }>();

  constructor(
    private readonly log: Log,
    private readonly clock: Clock,
    private readonly prefix: string,
  ) {}

  error(message: string): void {
    this.log.error(`${this.prefix}: ${message}`);
  }

  /** @param kind one of a fixed set of words, never text from outside */
  info(kind: string, message: string): void {
    const more = this.#admit(kind);
    if (more !== null) this.log.info(`${this.prefix}: ${kind}: ${message}${more}`);
  }

  /** @param kind one of a fixed set of words, never text from outside */
  warn(kind: string, message: string): void {
    const more = this.#admit(kind);
    if (more !== null) this.log.warn(`${this.prefix}: ${kind}: ${message}${more}`);
  }

  /** What to add to the line; null: it is to be left out. */
  #admit(kind: string): string | null {
    const now = this.clock.now();
    let state = this.#kinds.get(kind);
    if (state === undefined) {
      state = { since: now, lines: 0, suppressed: 0 };
      this.#kinds.set(kind, state);
    }
    if (now - state.since >= PERIOD_NS) {
      state.since = now;
      state.lines = 0;
    }
    if (state.lines === LINES) {
      state.suppressed++;
      return null;
    }
    state.lines++;
    const more = state.suppressed > 0 ? ` (${state.suppressed} earlier lines of this kind left out)` : '';
    state.suppressed = 0;
    return more;
  }
}
