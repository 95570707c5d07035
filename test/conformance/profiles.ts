/** The LUs that the tests are run on. */
import { join } from 'node:path';
import type { ConfigInput, LunArray } from '../../target/index.js';
import { readConfig } from '../../target/svp/config.js';
import { checkout } from '../support/root.js';

/**
 * By the name of the host group that maps the LU. Each has a target of its own, so that none is disturbed when another
 * profile's tests reset theirs.
 */
export const profiles = {
  thin: 'thin, 512-byte blocks, as the first LU of the default configuration',
  full: 'fully provisioned (`thin: false`)',
  'read-only': 'thin, write-protected (`readOnly`)',
  removable: 'thin, `removable`',
  '4kn': 'thin, 4096-byte blocks',
  '512e': 'thin, 512-byte logical blocks in physical ones of 4096 bytes',
  'two-paths': 'thin, through both ports',
} as const;
export type Profile = keyof typeof profiles;
export const profileNames = Object.keys(profiles) as Profile[];

/** The array, as `lunarray serve --config test/conformance/array.json` starts it too. */
export const config: ConfigInput = readConfig(join(checkout, 'test/conformance/array.json'));

/** URLs of the paths to a profile's LU. */
export function pathsOf(array: LunArray, profile: Profile): string[] {
  return array.luns.filter((lun) => lun.hostGroup.endsWith(`/${profile}`)).map((lun) => lun.url);
}
