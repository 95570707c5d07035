/** Runs something soon, after other events. */
export type Soon = (run: () => void) => void;

/** Steps between which other events need not have their turn, if each is a small one. */
export const SMALL_STEPS = 64;
/** What a small step may read. */
const SMALL_BYTES = 16 * 1024;

/** Small steps that reading so many bytes stands for. */
export const costOf = (bytes: number): number => Math.floor(bytes / SMALL_BYTES);

/**
 * Runs `step` once more each time it calls `again`. The stack does not grow when it does so before it returns, and after
 * `steps` of them other events have their turn. Steps that were not small count for `cost` more.
 */
export function repeat(soon: Soon, steps: number, step: (again: (cost?: number) => void) => void): void {
  let running = false;
  let due = false;
  let left = steps;
  const run = () => {
    running = true;
    while (due && left > 0) {
      due = false;
      left--;
      step(again);
    }
    running = false;
    if (due) {
      left = steps;
      soon(run);
    }
  };
  const again = (cost = 0) => {
    due = true;
    left -= cost;
    if (!running) run();
  };
  again();
}
