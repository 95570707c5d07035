/** `npm run conformance`: the whole family ALL on all profiles; writes docs/conformance.md. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { startArray } from '../../target/index.js';
import { checkout } from '../support/root.js';
import { mustPass } from './expected.js';
import { config } from './profiles.js';
import { document, table, totalOf } from './report.js';
import { everywhere, type ProfileOutcome, runAll } from './run-all.js';

const interrupted = new AbortController();
// A second one ends this process as usual.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort(name));

const array = await startArray({ config });
const judgements = await runAll(array, everywhere, show, [], interrupted.signal)
  .catch(ifInterrupted)
  .finally(() => array.stop());
if (judgements === null) process.exit(128 + constants.signals[interrupted.signal.reason as 'SIGINT' | 'SIGTERM']);

function show({ test, profile, verdict, why }: ProfileOutcome): void {
  if (verdict !== 'pass') console.log(`${verdict.padEnd(8)}${profile.padEnd(10)}${test}  ${why}`);
}

function ifInterrupted(error: unknown): null {
  if (!interrupted.signal.aborted) throw error;
  console.error('interrupted; docs/conformance.md stays as it was');
  return null;
}

const libiscsi = execFileSync('dpkg-query', ['-W', '-f', '$' + '{Version}', 'libiscsi-bin'], { encoding: 'utf8' });
writeFileSync(join(checkout, 'docs/conformance.md'), document(judgements, libiscsi));
console.log(`\n${table(judgements)}\n\n${totalOf(judgements)}; written: docs/conformance.md`);
const wrong = judgements.flatMap((one) => one.wrong);
for (const { test, profile, verdict, why } of wrong)
  console.log(`not expected: ${verdict} ${test} on ${profile} ${why}`);
const passed = judgements.filter((one) => one.passed).length;
process.exitCode = wrong.length > 0 || passed < mustPass ? 1 : 0;
