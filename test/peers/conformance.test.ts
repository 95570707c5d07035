/**
 * libiscsi's whole conformance family ALL, on the kinds of LU that its tests need; nothing may fail, and only
 * what test/conformance/expected.ts names may be skipped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startArray } from '../../target/index.js';
import { mustPass, slow } from '../conformance/expected.js';
import { runAll } from '../conformance/run-all.js';
import { config } from '../conformance/units.js';

t.setTimeout(0);
const dataDir = mkdtempSync(join(tmpdir(), 'lunarray-conformance-'));
const array = await startArray({ dataDir, config });
t.teardown(async () => {
  await array.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const judgements = await runAll(array, () => {}, slow);
t.equal(judgements.length, 230 - slow.length, 'libiscsi has 230 tests in family ALL');
for (const { wrong } of judgements) {
  for (const { test, unit, verdict, why } of wrong) t.fail(`${test} on ${unit}: ${verdict} ${why}`);
}
const passed = judgements.filter((one) => one.passed).length;
const least = mustPass - slow.length;
t.ok(passed >= least, `${passed} passed, at least ${least} must`);
