import { ConfigError } from './errors.js';
import type { LdevChange, LdevSpec } from './ldevs.js';
import type { Ldev } from './model.js';

/** Less has no room between its label and its early warning. */
export const MIN_TAPE_BYTES = 1024 * 1024;

type DiskTraits = Pick<LdevSpec, 'blockSize' | 'physicalBlockSize' | 'protection' | 'attribute'>;

/** False if it is to be what only disks are. */
export function suitsTape({ blockSize, physicalBlockSize, protection, attribute }: DiskTraits): boolean {
  return (
    (blockSize ?? 512) === 512 &&
    (physicalBlockSize ?? 512) === 512 &&
    (protection ?? 0) === 0 &&
    (attribute ?? 'ordinary') === 'ordinary'
  );
}

/** Throws ConfigError `bad-tape` if a virtual tape is to be what only disks are. @param bytes capacity */
export function checkTape(spec: LdevSpec, bytes: number): void {
  if (!suitsTape(spec)) {
    throw new ConfigError(
      'bad-tape',
      'a virtual tape has no block size, no protection information and no attribute: leave them out.',
    );
  }
  if (bytes < MIN_TAPE_BYTES) {
    throw new ConfigError('bad-tape', `a virtual tape of ${bytes} bytes is too short: give 1 MiB at least.`);
  }
}

/** Throws ConfigError `bad-tape` if a virtual tape is to be what only disks are from now on. */
export function checkTapeChange({ tape }: Pick<Ldev, 'tape'>, { attribute = 'ordinary' }: LdevChange): void {
  if (tape && attribute !== 'ordinary') {
    throw new ConfigError('bad-tape', `a virtual tape cannot be a ${attribute} LDEV: leave it ordinary.`);
  }
}
