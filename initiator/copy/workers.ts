/** Runs work on the items of a sequence, a fixed number at a time. */

/**
 * Calls `work` for each item, at most `depth` at once, and waits for all. After the first failure no more are
 * begun; that failure is thrown when those in progress have ended.
 */
export async function inParallel<T>(
  items: AsyncIterable<T> | Iterable<T>,
  depth: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | null = null;
  for await (const item of items) {
    const job: Promise<void> = work(item)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(job));
    running.add(job);
    if (running.size >= depth) await Promise.race(running);
    if (failure) break;
  }
  await Promise.all(running);
  if (failure) throw (failure as { error: unknown }).error;
}

/** Lets work that ends in any order take effect in the order in which it was begun. */
export class Turnstile {
  private last: Promise<void> = Promise.resolve();

  /** Called in order; the function returned runs its argument when all earlier ones have run theirs. */
  take(): (run: () => Promise<void>) => Promise<void> {
    const before = this.last;
    let passed!: () => void;
    let failed!: (error: unknown) => void;
    this.last = new Promise((resolve, reject) => {
      passed = resolve;
      failed = reject;
    });
    // Whoever waits next hears of a failure; the last one in line has nobody behind it.
    this.last.catch(() => {});
    return async (run) => {
      try {
        await before;
        await run();
        passed();
      } catch (error) {
        failed(error);
        throw error;
      }
    };
  }
}
