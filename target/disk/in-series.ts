import type { DriveDone } from './types.js';

/** One after the other, up to the first error. */
export function inSeries<T>(items: readonly T[], start: (item: T, done: DriveDone) => void, done: DriveDone): void {
  const next = (index: number): void => {
    if (index === items.length) done(null);
    else start(items[index]!, (error) => (error === null ? next(index + 1) : done(error)));
  };
  next(0);
}
