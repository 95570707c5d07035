/**
 * One sync at a time for many who wait for one. Who comes while one runs waits for the next, with all others who do:
 * the running one may have passed what he changed.
 */
export class SharedSync {
  #waiting: ((error: Error | null) => void)[] = [];
  #running = false;

  constructor(private readonly sync: (done: (error: Error | null) => void) => void) {}

  /** Calls back once everything changed before this call has been synced, or with the error of that sync. */
  request(done: (error: Error | null) => void): void {
    this.#waiting.push(done);
    this.#next();
  }

  #next(): void {
    if (this.#running || this.#waiting.length === 0) return;
    this.#running = true;
    const callers = this.#waiting;
    this.#waiting = [];
    this.sync((error) => {
      this.#running = false;
      for (const done of callers) done(error);
      this.#next();
    });
  }
}
