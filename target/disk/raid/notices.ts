import type { Log } from '../../base/log.js';
import type { Clock } from '../types.js';

/** Where much goes wrong at once one line in so long is enough. */
const QUIET_NS = 10e9;

/** Warnings that may come in great numbers: one now and then is logged, with how many there were since. */
export class Notices {
  #last = Number.NEGATIVE_INFINITY;
  #held = 0;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  tell(message: string): void {
    const now = this.clock.now();
    if (now - this.#last < QUIET_NS) {
      this.#held++;
      return;
    }
    this.log.warn(this.#held === 0 ? message : `${message} (and ${this.#held} more of the kind since the last line)`);
    this.#last = now;
    this.#held = 0;
  }
}
