import { openSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const CONTROL_SOCKET = 'control.sock';

/** Longest path of a Unix socket (unix(7): 108 bytes with the terminating zero). */
const LONGEST = 107;

/**
 * Path of the control socket of a data directory, for listening and connecting. A path too long for a socket
 * address goes through a descriptor of the directory, which stays open for the process' life.
 */
export function controlSocketPath(dataDir: string): string {
  const path = resolve(dataDir, CONTROL_SOCKET);
  if (Buffer.byteLength(path) <= LONGEST) return path;
  return join('/proc/self/fd', String(openSync(resolve(dataDir), 'r')), CONTROL_SOCKET);
}
