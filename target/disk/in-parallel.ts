import type { DriveDone, DriveError } from './types.js';

/** Runs `start` for each; `done` hears the first error once all have ended. */
export function inParallel<T>(items: readonly T[], start: (item: T, done: DriveDone) => void, done: DriveDone): void {
  if (items.length === 0) {
    done(null);
    return;
  }
  let left = items.length;
  let first: DriveError | null = null;
  for (const item of items) {
    start(item, (error) => {
      first ??= error;
      if (--left === 0) done(first);
    });
  }
}
