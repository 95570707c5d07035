/** Monotonic and wall clock. */
export interface Clock {
  /** Monotonic nanoseconds, as a number. */
  now(): number;
  /** Milliseconds since 1970. */
  wall(): number;
  setTimeout(run: () => void, ms: number): { cancel(): void };
  /** Runs soon, after pending I/O events. */
  setImmediate(run: () => void): void;
}

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => performance.now() * 1e6,
  wall: () => Date.now(),
  setTimeout(run, ms) {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  setImmediate(run) {
    setImmediate(run);
  },
};

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/**
 * A clock that moves only when told. Timers due at the same moment run in the order they were set;
 * immediates run before any timer and take no time. Nothing runs by itself: call `advance` or `settle`.
 */
export class SimulatedClock implements Clock {
  #now = 0;
  #timers: Timer[] = [];
  #immediates: (() => void)[] = [];

  /** @param start milliseconds since 1970 that `wall()` begins at */
  constructor(private readonly start = Date.UTC(2024, 0, 1)) {}

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.start + Math.floor(this.#now / 1e6);
  }

  setTimeout(run: () => void, ms: number): { cancel(): void } {
    const timer: Timer = { at: this.#now + Math.max(0, ms) * 1e6, run };
    let place = this.#timers.length;
    while (place > 0 && this.#timers[place - 1]!.at > timer.at) place--;
    this.#timers.splice(place, 0, timer);
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  setImmediate(run: () => void): void {
    this.#immediates.push(run);
  }

  /** Timers and immediates waiting. */
  get pending(): number {
    return this.#timers.length + this.#immediates.length;
  }

  /** Lets `ms` milliseconds pass, running what falls due in its order. */
  advance(ms: number): void {
    const end = this.#now + ms * 1e6;
    this.#runImmediates();
    while (this.#timers.length > 0 && this.#timers[0]!.at <= end) this.#runTimer();
    this.#now = end;
  }

  /**
   * Runs everything, moving from one timer to the next, until `finished()` or nothing is left.
   * @throws Error when more than `limit` events have run: something re-arms itself for ever
   */
  settle(finished: () => boolean = () => false, limit = 1_000_000): void {
    for (let events = 0; events < limit; events++) {
      if (finished()) return;
      const immediate = this.#immediates.shift();
      if (immediate !== undefined) immediate();
      else if (this.#timers.length > 0) this.#runTimer();
      else return;
    }
    throw new Error(`simulated clock: more than ${limit} events`);
  }

  #runTimer(): void {
    const timer = this.#timers.shift()!;
    this.#now = Math.max(this.#now, timer.at);
    timer.run();
    this.#runImmediates();
  }

  #runImmediates(): void {
    for (let run = this.#immediates.shift(); run !== undefined; run = this.#immediates.shift()) run();
  }
}
