import { ConfigError } from './errors.js';
import type { LdevSpec } from './ldevs.js';

/** Less has no room between its label and its early warning. */
export const MIN_TAPE_BYTES = 1024 * 1024;

/** Throws ConfigError `bad-tape` if a virtual tape is to be what only disks are. @param bytes capacity */
export function checkTape({ blockSize, physicalBlockSize, protection, attribute }: LdevSpec, bytes: number): void {
  const fits =
    (blockSize ?? 512) === 512 &&
    (physicalBlockSize ?? 512) === 512 &&
    (protection ?? 0) === 0 &&
    (attribute ?? 'ordinary') === 'ordinary';
  if (!fits) {
    throw new ConfigError(
      'bad-tape',
      'a virtual tape has no block size, no protection information and no attribute: leave them out.',
    );
  }
  if (bytes < MIN_TAPE_BYTES) {
    throw new ConfigError('bad-tape', `a virtual tape of ${bytes} bytes is too short: give 1 MiB at least.`);
  }
}
