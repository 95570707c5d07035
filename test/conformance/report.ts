/** docs/conformance.md: the table of tests by profile, and what it means. */
import { exceptions, wrongInLibiscsi } from './expected.js';
import { type Profile, profileNames, profiles } from './profiles.js';
import type { Judgement } from './run-all.js';

/** `230 tests: 229 pass, 0 skipped, 1 fail`. */
export function totalOf(judgements: readonly Judgement[]): string {
  const passed = judgements.filter((one) => one.passed).length;
  const ran = judgements.filter(({ outcomes }) => [...outcomes.values()].some(({ verdict }) => verdict !== 'skip'));
  const runs = judgements.flatMap(({ outcomes }) => [...outcomes.values()]);
  const good = runs.filter(({ verdict }) => verdict === 'pass').length;
  return (
    `${judgements.length} tests: ${passed} pass, ${judgements.length - ran.length} skipped, ${ran.length - passed} fail; ` +
    `${runs.length} runs on ${profileNames.length} profiles, ${good} pass`
  );
}

/** A line for each test, a column for each profile: `pass`, the verdict, or the letter of the reason not to run it. */
export function table(judgements: readonly Judgement[]): string {
  const rows = judgements.map(({ test, outcomes }) => {
    const cells = profileNames.map((profile) => cell(test, profile, outcomes));
    return `| ${test.replace(/^ALL\./, '')} | ${cells.join(' | ')} |`;
  });
  return [`| test | ${profileNames.join(' | ')} |`, `| --- |${' --- |'.repeat(profileNames.length)}`, ...rows].join(
    '\n',
  );
}

function cell(test: string, profile: Profile, outcomes: Judgement['outcomes']): string {
  const outcome = outcomes.get(profile);
  if (outcome === undefined) return letterOf(test, profile);
  // It fails, hangs or crashes, from one run to the next.
  return outcome.verdict !== 'pass' && wrongInLibiscsi.includes(test) ? 'fail' : outcome.verdict;
}

function letterOf(test: string, profile: Profile): string {
  const index = exceptions.findIndex((each) => each.covers(test, profile));
  return index < 0 ? '' : letter(index);
}

function letter(index: number): string {
  return String.fromCharCode(97 + index);
}

/** @param libiscsi its version */
export function document(judgements: readonly Judgement[], libiscsi: string): string {
  return `# Conformance

Written by \`npm run conformance\`; do not edit by hand. libiscsi ${libiscsi}, \`iscsi-test-cu\`, family ALL, each test
a process of its own, destructive tests included.

**${totalOf(judgements)}.**

Every test is run on every profile that it applies to, and has to pass on each; on the others a letter says why it is not run.

${Object.entries(profiles)
  .map(([name, what]) => `- ${name}: ${what}`)
  .join('\n')}

${exceptions.map(({ reason }, index) => `- ${letter(index)}: ${reason}`).join('\n')}

The one failure, \`${wrongInLibiscsi[0]}\`, is libiscsi's: it sends WRITE and LOGICAL UNIT RESET together and
asserts a flag that only the later of the two responses sets, whichever way a target answers.

On the same machine, libiscsi's own figures for others: tgt 1.0.85 passes 159, fails 9, skips 62; Linux 6.1's LIO
passes 126, 18 fail or do not run, 86 are skipped.

${table(judgements)}
`;
}
