/**
 * libiscsi's whole conformance family ALL, each test on one kind of LU that it applies to; nothing may fail or be skipped.
 * `npm run conformance` runs each on all of them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startArray } from '../../target/index.js';
import { mustPass, slow } from '../conformance/expected.js';
import { config } from '../conformance/profiles.js';
import { once, runAll } from '../conformance/run-all.js';

t.setTimeout(0);
const dataDir = mkdtempSync(join(tmpdir(), 'lunarray-conformance-'));
const array = await startArray({ dataDir, config });
t.teardown(async () => {
  await array.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const judgements = await runAll(array, once, () => {}, slow);
t.equal(judgements.length, 230 - slow.length, 'libiscsi has 230 tests in family ALL');
for (const { wrong } of judgements) {
  for (const { test, profile, verdict, why } of wrong) t.fail(`${test} on ${profile}: ${verdict} ${why}`);
}
const passed = judgements.filter((one) => one.passed).length;
const least = mustPass - slow.length;
t.ok(passed >= least, `${passed} passed, at least ${least} must`);
