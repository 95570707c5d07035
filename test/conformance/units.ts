/** The LUs that the tests are run on. */
import { join } from 'node:path';
import type { ConfigInput, LunArray } from '../../target/index.js';
import { readConfig } from '../../target/svp/config.js';
import { checkout } from '../support/root.js';

export const units = {
  plain: { ldevs: ['00:00', '00:01'], what: 'thin, 512-byte blocks, as the first LU of the default configuration' },
  '512e': { ldevs: ['00:02'], what: 'thin, 512-byte logical blocks in physical ones of 4096 bytes' },
  'read-only': { ldevs: ['00:03'], what: 'thin, `readOnly`' },
  removable: { ldevs: ['00:04'], what: 'thin, `removable`' },
  'two paths': { ldevs: ['00:00'], what: 'the plain one, through both ports' },
} as const;
export type UnitName = keyof typeof units;

/** The array, as `lunarray serve --config test/conformance/array.json` starts it too. */
export const config: ConfigInput = readConfig(join(checkout, 'test/conformance/array.json'));

/** For each LU of that name the URLs of its paths that tests are to use: the first one or all. */
export function pathsOf(array: LunArray, unit: UnitName): string[][] {
  return units[unit].ldevs.map((ldev) => {
    const urls = array.luns.filter((lun) => lun.ldev === ldev).map((lun) => lun.url);
    return unit === 'two paths' ? urls : urls.slice(0, 1);
  });
}
