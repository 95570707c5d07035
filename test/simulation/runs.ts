/**
 * Runs of a simulation from seeds that follow one another, up to the first that goes wrong. LUNARRAY_SEED=n sets the
 * first seed, LUNARRAY_ROUNDS=n how many: the line of a failure repeats it.
 */
import t from 'tap';

/**
 * @param right what it means that nothing goes wrong
 * @param simulate tells what went wrong, or null
 */
export function simulationRuns(
  usual: number,
  right: string | (() => string),
  simulate: (seed: number) => string | null,
): void {
  const rounds = Number(process.env.LUNARRAY_ROUNDS ?? usual);
  const first = Number(process.env.LUNARRAY_SEED ?? Math.floor(Math.random() * 1e9));
  t.setTimeout(0);
  t.test(`${rounds} runs from seed ${first}`, async (t) => {
    for (let seed = first; seed < first + rounds; seed++) {
      const wrong = attempt(simulate, seed);
      // Promises that were kept on the way hold on to the whole array until they have had their turn.
      await new Promise((resolve) => setImmediate(resolve));
      if (wrong === null) continue;
      t.fail(`LUNARRAY_SEED=${seed} LUNARRAY_ROUNDS=1: ${wrong}`);
      break;
    }
    t.pass(typeof right === 'string' ? right : right());
  });
}

function attempt(simulate: (seed: number) => string | null, seed: number): string | null {
  try {
    return simulate(seed);
  } catch (error) {
    return String((error as Error).stack);
  }
}
