/**
 * Lets writes through, or holds them back while something is done that none may be under way in: after a drive has
 * failed or the redo log is full, for one.
 */
export class WriteGate {
  #closed = false;
  #active = 0;
  #held: (() => void)[] = [];
  #quiet: (() => void)[] = [];

  /** Writes under way or held back. */
  get busy(): boolean {
    return this.#active > 0 || this.#held.length > 0;
  }

  /** Runs `write`, which ends with `leave`: now, or when the gate opens. */
  enter(write: () => void): void {
    if (this.#closed) {
      this.#held.push(write);
    } else {
      this.#active++;
      write();
    }
  }

  leave(): void {
    this.#active--;
    this.#settle();
  }

  /** Closes, and calls back once no write is under way. */
  close(quiet: () => void): void {
    this.#closed = true;
    this.#quiet.push(quiet);
    this.#settle();
  }

  open(): void {
    this.#closed = false;
    const held = this.#held;
    this.#held = [];
    for (const write of held) this.enter(write);
  }

  #settle(): void {
    if (!this.#closed || this.#active > 0) return;
    const quiet = this.#quiet;
    this.#quiet = [];
    for (const run of quiet) run();
  }
}
