/** The LUs that the tests are run on. */
import type { ConfigInput, LunArray } from '../../target/index.js';

export const units = {
  plain: { ldevs: ['00:00', '00:01'], what: 'thin, 512-byte blocks, as the first LU of the default configuration' },
  '512e': { ldevs: ['00:02'], what: 'thin, 512-byte logical blocks in physical ones of 4096 bytes' },
  'read-only': { ldevs: ['00:03'], what: 'thin, `readOnly`' },
  removable: { ldevs: ['00:04'], what: 'thin, `removable`' },
  'two paths': { ldevs: ['00:00'], what: 'the plain one, through both ports' },
} as const;
export type UnitName = keyof typeof units;

export const config: ConfigInput = {
  // Sanitize.Reset expects the operation to take some seconds, and says nothing for a minute.
  sanitizeRate: '150M',
  hostTimeout: 200,
  ldevs: [
    { id: '00:00', capacity: '1G' },
    { id: '00:01', capacity: '1G' },
    { id: '00:02', capacity: '1G', physicalBlockSize: 4096 },
    { id: '00:03', capacity: '1G', readOnly: true },
    { id: '00:04', capacity: '1G', removable: true },
  ],
};

/** For each LU of that name the URLs of its paths that tests are to use: the first one or all. */
export function pathsOf(array: LunArray, unit: UnitName): string[][] {
  return units[unit].ldevs.map((ldev) => {
    const urls = array.luns.filter((lun) => lun.ldev === ldev).map((lun) => lun.url);
    return unit === 'two paths' ? urls : urls.slice(0, 1);
  });
}
