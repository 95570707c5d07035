interface Waiting {
  readonly priority: number;
  readonly run: (release: () => void) => void;
  /** Gives the turn up; false: it has begun. */
  leave: () => boolean;
}

/** Lets so many pieces of work be under way at a time; the others wait by priority (0 first), then in order. */
export class Turns {
  private free: number;
  private readonly waiting: Waiting[] = [];

  /** @param shared whose turns those of this one take part in */
  constructor(
    limit: number,
    private readonly shared: Turns | null = null,
  ) {
    this.free = limit;
  }

  /**
   * Calls `run` when its turn has come, perhaps before this returns. `release` ends the turn; call it once.
   * @returns gives the turn up, and then `run` is never called; false: it has been called
   */
  take(priority: number, run: (release: () => void) => void): () => boolean {
    const one: Waiting = { priority, run, leave: () => this.remove(one) };
    let place = this.waiting.length;
    while (place > 0 && this.waiting[place - 1]!.priority > priority) place--;
    this.waiting.splice(place, 0, one);
    this.serve();
    return () => one.leave();
  }

  private remove(one: Waiting): boolean {
    const place = this.waiting.indexOf(one);
    if (place >= 0) this.waiting.splice(place, 1);
    return place >= 0;
  }

  private serve(): void {
    while (this.free > 0) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.free--;
      this.begin(next);
    }
  }

  private begin(one: Waiting): void {
    const ended = () => {
      this.free++;
      this.serve();
    };
    if (this.shared === null) {
      one.run(ended);
      return;
    }
    const leave = this.shared.take(one.priority, (release) =>
      one.run(() => {
        release();
        ended();
      }),
    );
    one.leave = () => {
      const left = leave();
      if (left) ended();
      return left;
    };
  }
}
