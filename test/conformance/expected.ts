/** Which tests of `iscsi-test-cu` do not apply to which profile, and why; what may fail. */
import type { Profile } from './profiles.js';

/** Fails on every target: the test asserts a flag that only the later response sets (libiscsi 1.19). */
export const wrongInLibiscsi: readonly string[] = ['ALL.iSCSITMF.LUNResetSimpleAsync'];

/** Tests that are not run on a profile. */
export interface Exception {
  readonly reason: string;
  covers(test: string, profile: Profile): boolean;
}

/** @param tests suites, or single tests as SUITE.TEST */
function on(profiles: readonly Profile[], tests: readonly string[], reason: string): Exception {
  const covered = new Set(tests);
  return {
    reason,
    covers: (test, profile) => {
      const [, suite, name] = test.split('.');
      return profiles.includes(profile) && (covered.has(suite!) || covered.has(`${suite}.${name}`));
    },
  };
}

/** @param profile the only one that the tests are for */
function onlyOn(profile: Profile, tests: readonly string[], reason: string): Exception {
  const one = on([profile], tests, reason);
  return { reason, covers: (test, other) => other !== profile && one.covers(test, profile) };
}

const sizes = (suite: string, tests: readonly string[], lengths = [10, 12, 16]) =>
  lengths.flatMap((length) => tests.map((test) => `${suite}${length}.${test}`));

export const exceptions: readonly Exception[] = [
  onlyOn(
    'removable',
    ['PreventAllow', 'StartStopUnit.Simple'],
    'the test ejects the medium; it skips where none can be',
  ),
  onlyOn('read-only', ['ReadOnly'], 'the test wants a write-protected LU, and skips on others'),
  onlyOn('two-paths', ['MultipathIO'], 'the test needs two paths, and skips with one'),
  onlyOn(
    '512e',
    ['CompareAndWrite.InvalidDataOutSize', ...sizes('WriteSame', ['InvalidDataOutSize', 'UnmapUnaligned'], [10, 16])],
    'the test is about physical blocks of several logical ones, and skips on others',
  ),
  on(
    ['read-only'],
    [
      'CompareAndWrite.Simple',
      'CompareAndWrite.DpoFua',
      'CompareAndWrite.Miscompare',
      'CompareAndWrite.Unwritten',
      'ExtendedCopy.Simple',
      'ExtendedCopy.ValidTgtDescr',
      'ReceiveCopyResults.CopyStatus',
      'GetLBAStatus.UnmapSingle',
      ...['Simple', 'ZeroBlocks', 'DpoFua', 'Verify'].map((test) => `OrWrite.${test}`),
      ...['EA', 'WE', 'EARO', 'WERO', 'EAAR', 'WEAR'].map((type) => `ProutReserve.Access${type}`),
      ...['BlockErase', 'CryptoErase', 'Overwrite', 'Reset'].map((test) => `Sanitize.${test}`),
      'Unmap',
      ...sizes('Write', ['Simple', 'ZeroBlocks', 'DpoFua']),
      'Write10.Async',
      ...['Simple', 'BeyondEol', 'ZeroBlocks', 'WriteProtect', 'DpoFua'].map((test) => `WriteAtomic16.${test}`),
      ...sizes('WriteSame', ['Simple', 'ZeroBlocks', 'Unmap', 'UnmapUntilEnd', 'UnmapVPD', 'Check'], [10, 16]),
      ...sizes('WriteVerify', ['Simple', 'ZeroBlocks', 'Flags', 'Dpo']),
      ...[10, 12, 16].flatMap((n) => [`iSCSIResiduals.Write${n}Residuals`, `iSCSIResiduals.WriteVerify${n}Residuals`]),
      'iSCSITMF',
    ],
    'the test writes, which a write-protected LU refuses',
  ),
  on(
    ['full'],
    [
      'GetLBAStatus.UnmapSingle',
      'Inquiry.BlockLimits',
      'Unmap',
      ...sizes('WriteSame', ['Unmap', 'UnmapUntilEnd'], [10, 16]),
    ],
    'the test unmaps, and skips on a fully provisioned LU',
  ),
  on(
    ['full'],
    ['Sanitize.BlockErase', 'Sanitize.Readonly', 'Sanitize.Reservations'],
    'the test erases blocks by BLOCK ERASE, which libiscsi wants with logical block provisioning alone (LBPME); it skips without',
  ),
  on(
    ['full'],
    ['Sanitize.CryptoErase'],
    'libiscsi looks at WABEREQ where WACEREQ is meant, and it is zero without BLOCK ERASE',
  ),
  on(
    ['512e'],
    ['GetLBAStatus.UnmapSingle'],
    'libiscsi asks for the status of the next logical block and wants the answer to begin with the next physical one',
  ),
  on(
    ['4kn'],
    ['WriteAtomic16.Simple'],
    'libiscsi writes up to 256 blocks whatever MAXIMUM ATOMIC TRANSFER LENGTH says, which is 256 KiB: 64 such blocks',
  ),
];

/** Why a test is not run on a profile; undefined: it is. */
export function notApplicable(test: string, profile: Profile): string | undefined {
  return exceptions.find((each) => each.covers(test, profile))?.reason;
}

/** Tests of the family ALL that must pass, each on one profile at least. */
export const mustPass = 229;

/** Tests that wait for a minute; `npm test` leaves them out. */
export const slow: readonly string[] = ['ALL.Sanitize.Reset'];
