/** Runs something soon, after other events. */
export type Soon = (run: () => void) => void;

/** Steps between which other events need not have their turn, if each is a small one. */
export const SMALL_STEPS = 64;

/**
 * Runs `step` once more each time it calls `again`. The stack does not grow when it does so before it returns, and after
 * `steps` of them other events have their turn.
 */
export function repeat(soon: Soon, steps: number, step: (again: () => void) => void): void {
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
  const again = () => {
    due = true;
    if (!running) run();
  };
  again();
}
