/** The whole family ALL on the LUs that its tests need, and the verdict on each test. */
import type { LunArray } from '../../target/index.js';
import { excuse, resetsTheTarget, specialUnit, wrongInLibiscsi } from './expected.js';
import { listTests, type Outcome, runTests } from './iscsi-test-cu.js';
import { pathsOf, type UnitName, units } from './units.js';

export interface UnitOutcome extends Outcome {
  readonly unit: UnitName;
}

export interface Judgement {
  readonly test: string;
  /** One per LU that it was run on. */
  readonly outcomes: readonly UnitOutcome[];
  /** Passed on a LU, and did nothing unexpected on another. */
  readonly passed: boolean;
  /** What expected.ts does not foresee. */
  readonly wrong: readonly UnitOutcome[];
}

/**
 * Every test on a plain LU, two of which share the work; those that need a special LU there too. What resets the
 * target has it to itself.
 */
export async function runAll(
  array: LunArray,
  each: (outcome: UnitOutcome) => void = () => {},
  leftOut: readonly string[] = [],
): Promise<Judgement[]> {
  const tests = (await listTests()).filter((test) => !leftOut.includes(test));
  const outcomes: UnitOutcome[] = [];
  for (const unit of Object.keys(units) as UnitName[]) {
    const wanted = unit === 'plain' ? tests : tests.filter((test) => specialUnit(test) === unit);
    const shared = wanted.filter((test) => !resetsTheTarget(test));
    const paths = pathsOf(array, unit);
    const note = (ran: Outcome) => {
      const outcome = { ...ran, unit };
      outcomes.push(outcome);
      each(outcome);
    };
    await Promise.all(
      paths.map((urls, lane) =>
        runTests(
          urls,
          shared.filter((_test, at) => at % paths.length === lane),
          note,
        ),
      ),
    );
    await runTests(paths[0]!, wanted.filter(resetsTheTarget), note);
  }
  return tests.map((test) => judgement(test, outcomes));
}

function judgement(test: string, all: readonly UnitOutcome[]): Judgement {
  const outcomes = all.filter((outcome) => outcome.test === test);
  const wrong = outcomes.filter(({ verdict, unit }) => {
    if (verdict === 'pass' || wrongInLibiscsi.includes(test)) return false;
    return verdict !== 'skip' || excuse(test, unit) === undefined;
  });
  return { test, outcomes, wrong, passed: wrong.length === 0 && outcomes.some(({ verdict }) => verdict === 'pass') };
}
