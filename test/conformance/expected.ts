/** What `iscsi-test-cu` may say other than "passed", and why; which tests need a special LU. */
import type { UnitName } from './units.js';

/** Fails on every target: the test asserts a flag that only the later response sets (libiscsi 1.19). */
export const wrongInLibiscsi: readonly string[] = ['ALL.iSCSITMF.LUNResetSimpleAsync'];

/** Suites and single tests that may be skipped, with the reason. */
const maySkip: Readonly<Record<string, string>> = {};

/** Suites and single tests that a plain LU makes skip; they run on the LU named too, and must pass there. */
const needs: Readonly<Record<string, UnitName>> = {
  ReadOnly: 'read-only',
  MultipathIO: 'two paths',
  NoMedia: 'removable',
  PreventAllow: 'removable',
  StartStopUnit: 'removable',
  'CompareAndWrite.InvalidDataOutSize': '512e',
  'WriteSame10.InvalidDataOutSize': '512e',
  'WriteSame16.InvalidDataOutSize': '512e',
  'WriteSame10.UnmapUnaligned': '512e',
  'WriteSame16.UnmapUnaligned': '512e',
};

/** The LU that a test needs beside the plain one; undefined: none. */
export function specialUnit(test: string): UnitName | undefined {
  return find(needs, test);
}

/** The reason why a test may be skipped on a LU; undefined: it may not. */
export function excuse(test: string, unit: UnitName): string | undefined {
  const special = specialUnit(test);
  if (special !== undefined) return unit === 'plain' ? `skipped on the plain LU: needs ${special}` : undefined;
  return find(maySkip, test);
}

/** Tests that reset the target: every session with it ends, so nothing may run beside them. */
const resetTheTarget: readonly string[] = [
  'ALL.PreventAllow.WarmReset',
  'ALL.PreventAllow.ColdReset',
  'ALL.Sanitize.Reset',
  'ALL.Reserve6.TargetColdReset',
  'ALL.Reserve6.TargetWarmReset',
];

export function resetsTheTarget(test: string): boolean {
  return resetTheTarget.includes(test);
}

function find<T>(table: Readonly<Record<string, T>>, test: string): T | undefined {
  const [, suite, name] = test.split('.');
  return table[suite!] ?? table[`${suite}.${name}`];
}

/** Tests of the family ALL that must pass, on the plain LU or on the one that they need. */
export const mustPass = 229;

/** Tests that wait for a minute; `npm test` leaves them out. */
export const slow: readonly string[] = ['ALL.Sanitize.Reset'];
