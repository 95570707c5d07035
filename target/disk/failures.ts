import type { DriveError } from './types.js';

/** What a failed system call on a drive's file means. */
export function driveError(
  drive: string,
  error: { readonly code?: string | undefined; readonly message: string },
): DriveError {
  const kind = KINDS[error.code ?? ''] ?? 'io-error';
  return { kind, message: `${drive}: ${error.message}` };
}

const KINDS: Readonly<Record<string, DriveError['kind']>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EFBIG: 'no-space',
  ENOENT: 'missing',
  ENODEV: 'missing',
  ENXIO: 'missing',
};
