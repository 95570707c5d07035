/** Runs `step` once more each time it calls `again`; the stack does not grow when it does so before it returns. */
export function repeat(step: (again: () => void) => void): void {
  let running = false;
  let due = false;
  const again = () => {
    due = true;
    if (running) return;
    running = true;
    while (due) {
      due = false;
      step(again);
    }
    running = false;
  };
  again();
}
