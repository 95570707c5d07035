/**
 * libiscsi's whole conformance family ALL against default thin LUs. Two LUs take half of the tests each, at
 * the same time; nothing may fail, and only what test/conformance/expected.ts names may be skipped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startArray } from '../../target/index.js';
import { excuse, mustPass, wrongInLibiscsi } from '../conformance/expected.js';
import { listTests, type Outcome, runTests } from '../conformance/iscsi-test-cu.js';

t.setTimeout(0);
const dataDir = mkdtempSync(join(tmpdir(), 'lunarray-conformance-'));
const array = await startArray({ dataDir });
t.teardown(async () => {
  await array.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const tests = await listTests();
const thin = array.luns.filter((lun) => lun.kind === 'thin');
// First and second LU of the first port: another port's line may be the same LDEV again.
const lanes = [thin[0]!, thin.find((lun) => lun.ldev !== thin[0]!.ldev)!];
const halves = lanes.map((_, lane) => tests.filter((_test, at) => at % lanes.length === lane));
const outcomes: Outcome[] = (await Promise.all(lanes.map((lun, lane) => runTests(lun.url, halves[lane]!)))).flat();

t.equal(tests.length, 230, 'libiscsi has 230 tests in family ALL');
for (const { test, verdict, why } of outcomes) {
  if (wrongInLibiscsi.includes(test)) continue;
  if (verdict === 'skip' && excuse(test)) continue;
  if (verdict !== 'pass') t.fail(`${test}: ${verdict} ${why}`);
}
const passed = outcomes.filter((outcome) => outcome.verdict === 'pass').length;
t.ok(passed >= mustPass, `${passed} passed, at least ${mustPass} must`);
