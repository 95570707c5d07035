/**
 * The files of memory that survives: what is missing, cut short or another array's is refused, since taking it for
 * empty would lose data without a word.
 */
import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { Cache } from '../cache/cache.js';
import { CacheMemoryError } from '../cache/memory-header.js';
import { openPartedMemory, openPersistentMemory } from '../disk/persistent-memory.js';
import type { PartedMemory } from '../disk/types.js';
import type { OpenShared } from '../volumes/open-group.js';
import type { DataDirectory } from './data-directory.js';
import { ArrayError } from './errors.js';

export const CACHE_FILE = 'cache.mem';
const HEADER_BYTES = 4096;

/** Bytes of the cache memory that is there, if it has another size than `cacheBytes` needs; null: it can be used. */
export function otherCacheMemory(directory: DataDirectory, cacheBytes: number): number | null {
  const path = directory.file(CACHE_FILE);
  const size = sizeOf(path);
  const wanted = Cache.memoryBytes(cacheBytes);
  if (size === null || size === wanted) return null;
  // One that was being made when the array was killed has no header yet, and nothing in it.
  return size < wanted && startsWithZeros(path) ? null : size;
}

/**
 * Opens the cache memory, or makes it.
 * @param bytes as `Cache.memoryBytes` says, or the size it has
 * @param settled the array is new, or ended with everything on its drives: nothing can be in a memory that is missing
 */
export function openCacheMemory(directory: DataDirectory, bytes: number, settled: boolean): PartedMemory {
  const path = directory.file(CACHE_FILE);
  if (!settled && sizeOf(path) === null) {
    throw new ArrayError(
      'data-unusable',
      `${path} is missing, and the array did not end with everything on its drives: it may hold writes that hosts were told are safe. ${wayOut(path)}`,
    );
  }
  return openPartedMemory(path, Cache.memoryParts(bytes));
}

/** What `Cache.open` refuses, with the way out. */
export function refusedMemory(directory: DataDirectory, error: unknown): unknown {
  if (!(error instanceof CacheMemoryError)) return error;
  const path = directory.file(CACHE_FILE);
  return new ArrayError('data-unusable', `${path}: ${error.message}. ${wayOut(path)}`, { cause: error });
}

/** Opens shared memory by name; of an array that is not new it must be there, in full, unless it is dispensable. */
export function sharedMemory(directory: DataDirectory, isNew: boolean): OpenShared {
  return (name, bytes, need) => {
    const path = directory.file(`${name}.mem`);
    const size = sizeOf(path);
    if (need === 'dispensable') {
      if (size !== bytes) rmSync(path, { force: true });
    } else if (!isNew && size !== bytes) {
      const found = size === null ? 'is missing' : `has ${size} bytes instead of ${bytes}`;
      throw new ArrayError(
        'data-unusable',
        `${path} ${found}; ${name.startsWith('stripes') ? 'it tells which parity may be wrong' : 'it tells where on the drives each LDEV is'}. Put it back from a copy, or choose another directory with --data.`,
      );
    }
    return openPersistentMemory(path, bytes);
  };
}

function wayOut(path: string): string {
  return `Put the right file back; or, giving up what may be only there, empty it: truncate -s 0 ${path}`;
}

/** Null: there is no such file. */
function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

function startsWithZeros(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    readSync(fd, header, 0, HEADER_BYTES, 0);
    return header.every((byte) => byte === 0);
  } finally {
    closeSync(fd);
  }
}
