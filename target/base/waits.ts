import type { Clock } from './clock.js';

/** What a command may wait for. `host`: data that the initiator is to send. `drives`: stages, destages, syncs. */
export type Awaited = 'host' | 'drives';

/** What one command has waited for; kept only for commands that somebody traces. */
export class Waits {
  /** Nanoseconds of the waits that are over. */
  readonly sums: Record<Awaited, number> = { host: 0, drives: 0 };
  readonly #since: Record<Awaited, number> = { host: 0, drives: 0 };
  readonly #open: Record<Awaited, number> = { host: 0, drives: 0 };

  constructor(private readonly clock: Clock) {}

  /** Waits of one kind may overlap: that time counts once. */
  begin(what: Awaited): void {
    if (this.#open[what]++ === 0) this.#since[what] = this.clock.now();
  }

  end(what: Awaited): void {
    if (--this.#open[what] === 0) this.sums[what] += this.clock.now() - this.#since[what];
  }
}
