/** What `iscsi-test-cu` may say other than "passed" about a default thin LU, and why. */

/** Fails on every target: the test asserts a flag that only the later response sets (libiscsi 1.19). */
export const wrongInLibiscsi: readonly string[] = ['ALL.iSCSITMF.LUNResetSimpleAsync'];

/** Suites and single tests that may be skipped, with the reason. */
const maySkip: Readonly<Record<string, string>> = {
  OrWrite: 'ORWRITE is not implemented yet',
  ExtendedCopy: 'EXTENDED COPY is not implemented yet',
  ReceiveCopyResults: 'RECEIVE COPY RESULTS is not implemented yet',
  Sanitize: 'SANITIZE is not implemented yet',
  WriteAtomic16: 'WRITE ATOMIC(16) is not implemented yet',
  ReadDefectData10: 'READ DEFECT DATA is not implemented yet',
  ReadDefectData12: 'READ DEFECT DATA is not implemented yet',
  PreventAllow: 'needs a removable LU',
  StartStopUnit: 'needs a removable LU',
  ReadOnly: 'needs a write-protected LU',
  MultipathIO: 'needs two paths to one LU',
  'WriteSame10.UnmapUnaligned': 'needs an LU whose physical block is larger than its logical block',
  'WriteSame16.UnmapUnaligned': 'needs an LU whose physical block is larger than its logical block',
};

/** The reason why a test may be skipped; undefined: it may not. */
export function excuse(test: string): string | undefined {
  const [, suite, name] = test.split('.');
  return maySkip[suite!] ?? maySkip[`${suite}.${name}`];
}

/** Tests of the family ALL that must pass on a default thin LU. */
export const mustPass = 180;
