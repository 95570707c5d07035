/** The family ALL on the profiles that its tests apply to, and the verdict on each test. */
import type { LunArray } from '../../target/index.js';
import { notApplicable, wrongInLibiscsi } from './expected.js';
import { listTests, type Outcome, runTests } from './iscsi-test-cu.js';
import { type Profile, pathsOf, profileNames } from './profiles.js';

export interface ProfileOutcome extends Outcome {
  readonly profile: Profile;
}

export interface Judgement {
  readonly test: string;
  readonly outcomes: ReadonlyMap<Profile, ProfileOutcome>;
  /** Passed on a profile, and did nothing else on another. */
  readonly passed: boolean;
  /** What expected.ts does not foresee. */
  readonly wrong: readonly ProfileOutcome[];
}

/** Which tests are run on which profile. */
type Plan = ReadonlyMap<Profile, readonly string[]>;

/** Every test on every profile that it applies to. */
export function everywhere(tests: readonly string[]): Plan {
  return new Map(profileNames.map((profile) => [profile, tests.filter((test) => applies(test, profile))]));
}

/** Every test once, where it applies; `sharing` profiles take turns. */
export function once(tests: readonly string[]): Plan {
  const plan = new Map<Profile, string[]>(profileNames.map((profile) => [profile, []]));
  for (const test of tests) {
    const possible = profileNames.filter((profile) => applies(test, profile));
    const lanes = possible.filter((profile) => sharing.includes(profile));
    const least = lanes.sort((a, b) => plan.get(a)!.length - plan.get(b)!.length)[0];
    plan.get(least ?? possible[0]!)!.push(test);
  }
  return plan;
}

/** More of them are no faster. */
const sharing: readonly Profile[] = ['thin', '512e'];

function applies(test: string, profile: Profile): boolean {
  return notApplicable(test, profile) === undefined;
}

/** Profiles side by side, the tests of each one after the other. Rejects when interrupted, with no test left running. */
export async function runAll(
  array: LunArray,
  planned: (tests: readonly string[]) => Plan,
  each: (outcome: ProfileOutcome) => void = () => {},
  leftOut: readonly string[] = [],
  interrupted?: AbortSignal,
): Promise<Judgement[]> {
  const tests = (await listTests()).filter((test) => !leftOut.includes(test));
  const outcomes: ProfileOutcome[] = [];
  const note = (profile: Profile) => (ran: Outcome) => {
    const outcome = { ...ran, profile };
    outcomes.push(outcome);
    each(outcome);
  };
  const lanes = [...planned(tests)].map(([profile, own]) =>
    runTests(pathsOf(array, profile), own, note(profile), interrupted),
  );
  await Promise.all(lanes).finally(() => Promise.allSettled(lanes));
  return tests.map((test) => judgement(test, outcomes));
}

function judgement(test: string, all: readonly ProfileOutcome[]): Judgement {
  const own = all.filter((outcome) => outcome.test === test);
  const wrong = own.filter(({ verdict }) => verdict !== 'pass' && !wrongInLibiscsi.includes(test));
  const passed = wrong.length === 0 && own.some(({ verdict }) => verdict === 'pass');
  return { test, outcomes: new Map(own.map((outcome) => [outcome.profile, outcome])), wrong, passed };
}
