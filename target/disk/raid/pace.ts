import type { Clock } from '../types.js';

/** How fast drives are filled in the background; administrators change it while that goes on. */
export interface CopyRate {
  /** Of each drive being filled; null: as fast as drives and hosts let it. */
  bytesPerSecond: number | null;
}

/** Rest between steps while hosts do I/O; without it a copy would take what the drives can give. */
const YIELD_MS = 20;
/** What a copy that was held up may catch up on: timers are no more exact than a millisecond. */
const SLACK_NS = 100e6;

/** When the next step of one copy may begin: below hosts, and no faster than the rate. */
export class CopyPace {
  #due = 0;
  #hostOperations = 0;

  constructor(
    private readonly clock: Clock,
    private readonly rate: Readonly<CopyRate>,
  ) {}

  /**
   * @param bytes copied since the last call
   * @param hostOperations begun by hosts so far
   * @param busy operations of hosts are under way
   */
  next(bytes: number, hostOperations: number, busy: boolean, step: () => void): void {
    const now = this.clock.now();
    const { bytesPerSecond } = this.rate;
    const cost = bytesPerSecond === null ? 0 : (bytes / bytesPerSecond) * 1e9;
    this.#due = Math.max(this.#due, now - SLACK_NS) + cost;
    const rest = busy || hostOperations !== this.#hostOperations ? YIELD_MS : 0;
    this.#hostOperations = hostOperations;
    const wait = bytesPerSecond === null ? 0 : (this.#due - now) / 1e6;
    this.clock.setTimeout(step, Math.max(rest, wait));
  }
}
