/** Runs libiscsi's `iscsi-test-cu`, one test a process, and tells passes, skips and failures apart. */
import { run } from '../support/run.js';

/** `norun`: the program did not come to the test. A test that printed [SKIPPED] is a skip, whatever CUnit counts. */
export type Verdict = 'pass' | 'skip' | 'fail' | 'crash' | 'norun' | 'timeout';

export interface Outcome {
  /** As `iscsi-test-cu --list` prints it: FAMILY.SUITE.TEST */
  readonly test: string;
  readonly verdict: Verdict;
  /** The first line that says why, where it did not pass. */
  readonly why: string;
}

/** Of one test, on a machine that has much else to do. */
const limitMs = 600_000;

/** All tests of a family. */
export async function listTests(family = 'ALL'): Promise<string[]> {
  const { stdout } = await run('iscsi-test-cu', ['--list']);
  const names = stdout.split('\n').map((line) => line.trim());
  return names.filter((name) => name.startsWith(`${family}.`) && name.split('.').length === 3);
}

/** Runs tests one after the other on one LU; destructive ones too. `urls`: its paths. Rejects when interrupted. */
export async function runTests(
  urls: readonly string[],
  tests: readonly string[],
  each: (outcome: Outcome) => void = () => {},
  interrupted?: AbortSignal,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const test of tests) {
    const ran = await run('iscsi-test-cu', ['-n', `--test=${test}`, '-d', '-S', ...urls], limitMs, interrupted);
    const outcome = judge(test, ran.code, ran.stdout + ran.stderr);
    outcomes.push(outcome);
    each(outcome);
  }
  return outcomes;
}

function judge(test: string, code: number | null, output: string): Outcome {
  // What stands before CUnit's banner is the tool probing the LU: its words there are no test's.
  const body = output.slice(output.indexOf('cunit.sourceforge.net'));
  const totals = /tests\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)/.exec(output);
  const why = (/\[(?:FAILED|SKIPPED)\][^\n]*/.exec(body) ?? /\n\s*1\. [^\n]*/.exec(body))?.[0].trim() ?? '';
  if (code === null) return { test, verdict: 'timeout', why };
  if (code > 128) return { test, verdict: 'crash', why };
  if (!totals || totals[2] === '0') return { test, verdict: 'norun', why: output.trim().split('\n').at(-1) ?? '' };
  if (Number(totals[4]) > 0) return { test, verdict: 'fail', why };
  if (body.includes('[SKIPPED]')) return { test, verdict: 'skip', why };
  return { test, verdict: 'pass', why: '' };
}
