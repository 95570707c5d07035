/** `npm run conformance`: the whole family ALL on all profiles; writes docs/conformance.md. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startArray } from '../../target/index.js';
import { checkout } from '../support/root.js';
import { mustPass } from './expected.js';
import { config } from './profiles.js';
import { document, table, totalOf } from './report.js';
import { everywhere, runAll } from './run-all.js';

const array = await startArray({ config });
const judgements = await runAll(array, everywhere, ({ test, profile, verdict, why }) => {
  if (verdict !== 'pass') console.log(`${verdict.padEnd(8)}${profile.padEnd(10)}${test}  ${why}`);
});
await array.stop();

const libiscsi = execFileSync('dpkg-query', ['-W', '-f', '$' + '{Version}', 'libiscsi-bin'], { encoding: 'utf8' });
writeFileSync(join(checkout, 'docs/conformance.md'), document(judgements, libiscsi));
console.log(`\n${table(judgements)}\n\n${totalOf(judgements)}; written: docs/conformance.md`);
const wrong = judgements.flatMap((one) => one.wrong);
for (const { test, profile, verdict, why } of wrong)
  console.log(`not expected: ${verdict} ${test} on ${profile} ${why}`);
const passed = judgements.filter((one) => one.passed).length;
process.exitCode = wrong.length > 0 || passed < mustPass ? 1 : 0;
