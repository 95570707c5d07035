/** `npm run conformance`: the whole family ALL; writes docs/conformance.md. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startArray } from '../../target/index.js';
import { checkout } from '../support/root.js';
import { excuse, mustPass, wrongInLibiscsi } from './expected.js';
import { type Judgement, runAll, type UnitOutcome } from './run-all.js';
import { config, units } from './units.js';

const array = await startArray({ config });
const judgements = await runAll(array, ({ test, unit, verdict, why }) =>
  console.log(`${verdict.padEnd(8)}${unit.padEnd(10)}${test}  ${why}`),
);
await array.stop();

const passed = judgements.filter((one) => one.passed).length;
const skipped = judgements.filter((one) => one.outcomes.every(({ verdict }) => verdict === 'skip')).length;
const failed = judgements.length - passed - skipped;
const total = `${judgements.length} tests: ${passed} pass, ${skipped} skipped, ${failed} fail`;

const unitLines = Object.entries(units).map(([name, { what }]) => `- ${name}: ${what}`);
const suites = [...new Set(judgements.map(({ test }) => test.split('.')[1]!))];
const rows = suites.map((suite) => {
  const own = judgements.filter(({ test }) => test.split('.')[1] === suite);
  const good = own.filter((one) => one.passed).length;
  const on = [...new Set(own.flatMap(({ outcomes }) => outcomes.map(({ unit }) => unit)))];
  return `| ${suite} | ${good} of ${own.length} | ${on.join(', ')} | ${remarksOn(own)} |`;
});

/** Where the tests of a suite did not pass, why; a reason that several share is given once. */
function remarksOn(own: readonly Judgement[]): string {
  const rest = own.flatMap(({ outcomes }) => outcomes).filter(({ verdict }) => verdict !== 'pass');
  return [...new Set(rest.map(remark))].join('; ').replaceAll('|', '\\|');
}

function remark({ test, unit, verdict, why }: UnitOutcome): string {
  const name = test.split('.')[2]!;
  if (verdict !== 'skip') return `${name}: ${why}`;
  return excuse(test, unit) ?? `${name}: skipped on ${unit}`;
}

const libiscsi = execFileSync('dpkg-query', ['-W', '-f', '$' + '{Version}', 'libiscsi-bin'], { encoding: 'utf8' });

writeFileSync(
  join(checkout, 'docs/conformance.md'),
  `# Conformance

Written by \`npm run conformance\`; do not edit by hand. libiscsi ${libiscsi}, \`iscsi-test-cu\`, family ALL, each test
a process of its own, destructive tests included.

**${total}.**

All tests are run on a plain LU. Those that skip themselves there, because they need another kind, are run on one of
that kind too; a test counts as passed when it passes on a LU and fails on none.

${unitLines.join('\n')}

The one failure, \`${wrongInLibiscsi[0]}\`, is libiscsi's: it sends WRITE and LOGICAL UNIT RESET together and
asserts a flag that only the later of the two responses sets, whichever way a target answers.

On the same machine, libiscsi's own figures for others: tgt 1.0.85 passes 159, fails 9, skips 62; Linux 6.1's LIO
passes 126, 18 fail or do not run, 86 are skipped.

| suite | pass | LU | remarks |
| --- | --- | --- | --- |
${rows.join('\n')}
`,
);
console.log(`\n${total}; written: docs/conformance.md`);
for (const { test, unit, verdict, why } of judgements.flatMap((one) => one.wrong)) {
  console.log(`not expected: ${verdict} ${test} on ${unit} ${why}`);
}
process.exitCode = judgements.some((one) => one.wrong.length > 0) || passed < mustPass ? 1 : 0;
