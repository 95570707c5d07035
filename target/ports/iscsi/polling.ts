import type { Clock } from '../../disk/types.js';

/**
 * Adaptive polling: for a short while after activity an armed `setImmediate` keeps the event loop from sleeping in
 * epoll, so that the next PDU is seen at once. All connections of the process share one; an idle process sleeps.
 *
 * A simulated clock does not move while immediates run: use 0 microseconds with one.
 */
export class Polling {
  static readonly #shared = new WeakMap<Clock, Polling>();

  #until = 0;
  #armed = false;
  readonly #turn: () => void;

  private constructor(clock: Clock) {
    this.#turn = () => {
      if (clock.now() < this.#until) clock.setImmediate(this.#turn);
      else this.#armed = false;
    };
    this.arm = () => clock.setImmediate(this.#turn);
  }

  private readonly arm: () => void;

  static of(clock: Clock): Polling {
    let polling = Polling.#shared.get(clock);
    if (polling === undefined) {
      polling = new Polling(clock);
      Polling.#shared.set(clock, polling);
    }
    return polling;
  }

  /** Something happened at `now` (`clock.now()`): poll for `microseconds` from there. */
  touch(now: number, microseconds: number): void {
    if (microseconds === 0) return;
    const until = now + microseconds * 1000;
    if (until > this.#until) this.#until = until;
    if (this.#armed) return;
    this.#armed = true;
    this.arm();
  }
}
