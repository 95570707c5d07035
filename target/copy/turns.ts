interface Waiting {
  readonly priority: number;
  readonly run: (release: () => void) => void;
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

  /** Calls `run` when its turn has come, perhaps before this returns. `release` ends the turn; call it once. */
  take(priority: number, run: (release: () => void) => void): void {
    let place = this.waiting.length;
    while (place > 0 && this.waiting[place - 1]!.priority > priority) place--;
    this.waiting.splice(place, 0, { priority, run });
    this.serve();
  }

  private serve(): void {
    while (this.free > 0) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.free--;
      this.begin(next);
    }
  }

  private begin({ priority, run }: Waiting): void {
    const ended = () => {
      this.free++;
      this.serve();
    };
    if (this.shared === null) {
      run(ended);
      return;
    }
    this.shared.take(priority, (release) =>
      run(() => {
        release();
        ended();
      }),
    );
  }
}
