import type { Ldev } from '../../../volumes/model.js';

/** T10 VENDOR IDENTIFICATION. */
export const VENDOR = 'LUNARRAY';

/** PRODUCT IDENTIFICATION, by what the LDEV is for. */
export function productName(ldev: Ldev): string {
  if (ldev.attribute === 'command-device') return 'COMMAND DEVICE';
  if (ldev.attribute === 'journal') return 'JOURNAL';
  return ldev.thin ? 'THIN LDEV' : 'LDEV';
}

/** PRODUCT REVISION LEVEL: major and minor version, as four characters hold no more. */
export function revision(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
