interface Lock {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
  /** Those of the range that are meant; null: all. */
  readonly stripes: ReadonlySet<number> | null;
  readonly run: () => void;
}

/**
 * Exclusive locks on stripes. One is given as a whole or waits as a whole, in the order asked for; so nobody waits
 * for somebody who waits for him.
 */
export class StripeLocks {
  readonly #held = new Set<Lock>();
  #waiting: Lock[] = [];

  /** `run` is called with what ends the lock: at once, if nothing is in the way. */
  lockRange(first: number, end: number, run: (unlock: () => void) => void): void {
    this.#lock(first, end, null, run);
  }

  /** @param stripes ascending */
  lock(stripes: readonly number[], run: (unlock: () => void) => void): void {
    this.#lock(stripes[0]!, stripes.at(-1)! + 1, stripes.length === 1 ? null : new Set(stripes), run);
  }

  #lock(first: number, end: number, stripes: Lock['stripes'], run: (unlock: () => void) => void): void {
    const lock: Lock = { first, end, stripes, run: () => run(() => this.#unlock(lock)) };
    if (this.#blocked(lock, this.#waiting)) {
      this.#waiting.push(lock);
    } else {
      this.#held.add(lock);
      lock.run();
    }
  }

  #unlock(lock: Lock): void {
    this.#held.delete(lock);
    if (this.#waiting.length === 0) return;
    const free: Lock[] = [];
    const still: Lock[] = [];
    for (const waiting of this.#waiting) {
      if (this.#blocked(waiting, still)) still.push(waiting);
      else {
        this.#held.add(waiting);
        free.push(waiting);
      }
    }
    this.#waiting = still;
    for (const { run } of free) run();
  }

  #blocked(lock: Lock, before: readonly Lock[]): boolean {
    for (const other of this.#held) if (overlap(lock, other)) return true;
    return before.some((other) => overlap(lock, other));
  }
}

function overlap(a: Lock, b: Lock): boolean {
  const first = Math.max(a.first, b.first);
  const end = Math.min(a.end, b.end);
  if (first >= end) return false;
  if (a.stripes === null && b.stripes === null) return true;
  if (a.stripes === null) return someIn(b.stripes!, first, end);
  if (b.stripes === null) return someIn(a.stripes, first, end);
  for (const stripe of a.stripes) if (b.stripes.has(stripe)) return true;
  return false;
}

function someIn(stripes: ReadonlySet<number>, first: number, end: number): boolean {
  for (const stripe of stripes) if (stripe >= first && stripe < end) return true;
  return false;
}
