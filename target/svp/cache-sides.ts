/**
 * The one or two files of the cache memory. `cache-sides.json` says which of them hold everything that hosts were told
 * is safe; it is on the disk before anything is acknowledged that the other one does not hold. A side that does not
 * is made anew from the one that does.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Log } from '../base/log.js';
import { Cache } from '../cache/cache.js';
import { copySide, DuplexMemory, followSide } from '../cache/duplex.js';
import { inspectSide } from '../cache/memory-header.js';
import { openPartedMemory, syncFolder } from '../disk/persistent-memory.js';
import type { PartedMemory } from '../disk/types.js';
import type { DataDirectory } from './data-directory.js';
import { ArrayError } from './errors.js';
import { CACHE_FILE, openCacheMemory } from './memory-files.js';
import type { CacheFile } from './storage.js';

interface SavedSides {
  /** Path of the second side; null: there is none. */
  readonly second: string | null;
  readonly holds: 'both' | 'first' | 'second';
}

/** A side as found; `wrong`: why it cannot be used. */
type Side = { readonly memory: PartedMemory; readonly generation: number } | { readonly wrong: string };

export interface CacheSides {
  readonly memory: PartedMemory;
  readonly sides: () => { readonly good: number; readonly wanted: number };
}

/** Directory of the second side there is; null: none. */
export function duplexOf(directory: DataDirectory): string | null {
  const { second } = readSides(directory);
  return second === null ? null : dirname(second);
}

/** Removes the cache memory, to be made anew in another size. Only after everything was destaged. */
export function removeCacheSides(directory: DataDirectory): void {
  const { second } = readSides(directory);
  rmSync(directory.file(CACHE_FILE), { force: true });
  if (second !== null) rmSync(second, { force: true });
  rmSync(directory.file(SIDES_FILE), { force: true });
}

/**
 * Opens the cache memory, in two sides if `duplex` says so. A side that is lost is said in the log and, where that can
 * be done, made anew; without it the array goes on with the other one.
 * @param owner serial number of the array
 * @throws ArrayError: no side holds what the array may have acknowledged
 */
export async function openCacheSides(
  directory: DataDirectory,
  { bytes, settled, duplex }: Required<CacheFile>,
  owner: string,
  log: Log,
): Promise<CacheSides> {
  const saved = readSides(directory);
  const paths = [directory.file(CACHE_FILE), saved.second] as const;
  let memory: PartedMemory | null = null;
  let follower: PartedMemory | null = null;
  if (saved.second !== null) {
    const found = paths.map((path, side) => look(path!, bytes, owner, holds(saved, side)));
    const [first, second] = newestFirst(found as [Side, Side]);
    if ('memory' in first) {
      memory = first.memory;
      if ('memory' in second) {
        followSide(first.memory, second.memory);
        follower = second.memory;
      } else if (saved.holds === 'both') log.error(`cache side ${saved.second} is lost: ${second.wrong}`);
    } else if ('memory' in second) {
      log.error(`cache side ${paths[0]} is lost: ${first.wrong}; all data is taken from ${saved.second}`);
      saveSides(directory, { ...saved, holds: 'second' });
      memory = await makeSide(paths[0], second.memory, bytes, log);
      if (memory === null) return { memory: second.memory, sides: () => ({ good: 1, wanted: 2 }) };
      saveSides(directory, { ...saved, holds: 'both' });
      follower = second.memory;
    } else if (!settled) {
      throw new ArrayError(
        'data-unusable',
        `no side of the cache can be used (${paths[0]}: ${first.wrong}; ${paths[1]}: ${second.wrong}), and the array did not end with everything on its drives: they may hold writes that hosts were told are safe. Put the right file back; or, giving up what may be only there, remove ${directory.file(SIDES_FILE)} and empty the first: truncate -s 0 ${paths[0]}`,
      );
    } else rmSync(paths[0], { force: true });
  }
  memory ??= openCacheMemory(directory, bytes, settled);
  const wanted = duplex === null ? null : join(resolve(directory.path, duplex), `cache-${owner}.mem`);
  if (saved.second !== null && saved.second !== wanted) {
    saveSides(directory, { second: null, holds: 'first' });
    follower?.close();
    follower = null;
    rmSync(saved.second, { force: true });
  }
  if (wanted === null) return { memory, sides: () => ({ good: 1, wanted: 1 }) };
  if (follower === null) {
    saveSides(directory, { second: wanted, holds: 'first' });
    follower = await makeSide(wanted, memory, bytes, log);
    if (follower === null) return { memory, sides: () => ({ good: 1, wanted: 2 }) };
    saveSides(directory, { second: wanted, holds: 'both' });
  }
  return duplexed(directory, memory, follower, wanted, log);
}

function duplexed(
  directory: DataDirectory,
  first: PartedMemory,
  second: PartedMemory,
  path: string,
  log: Log,
): CacheSides {
  let good = 2;
  const memory = new DuplexMemory(first, second, (side, error) => {
    good = 1;
    log.error(`cache side ${side === 0 ? directory.file(CACHE_FILE) : path} is lost: ${error.message}`);
    saveSides(directory, { second: path, holds: side === 0 ? 'second' : 'first' });
  });
  return { memory, sides: () => ({ good, wanted: 2 }) };
}

function holds({ holds: which }: SavedSides, side: number): boolean {
  return which === 'both' || which === (side === 0 ? 'first' : 'second');
}

/** Opens a side if it holds what the array acknowledged. */
function look(path: string, bytes: number, owner: string, counts: boolean): Side {
  if (!counts) return { wrong: 'it was lost before' };
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size !== bytes) return { wrong: size === undefined ? 'missing' : `${size} bytes instead of ${bytes}` };
  let memory: PartedMemory | null = null;
  try {
    memory = openPartedMemory(path, Cache.memoryParts(bytes));
    const generation = inspectSide(memory, owner);
    if (generation !== null) return { memory, generation };
    memory.close();
    return { wrong: 'empty' };
  } catch (error) {
    memory?.close();
    return { wrong: (error as Error).message };
  }
}

/** A file put back from a copy does not hold what was written since: the other one has seen more starts. */
function newestFirst([first, second]: readonly [Side, Side]): [Side, Side] {
  if (!('memory' in first && 'memory' in second)) return [first, second];
  const older = 'older than the other side';
  // A kill at a start leaves the second side one behind.
  if (second.generation > first.generation) {
    first.memory.close();
    return [{ wrong: older }, second];
  }
  if (first.generation > second.generation + 1) {
    second.memory.close();
    return [first, { wrong: older }];
  }
  return [first, second];
}

/** Makes a side with what `from` holds. @returns null, after a line in the log: that cannot be done */
async function makeSide(path: string, from: PartedMemory, bytes: number, log: Log): Promise<PartedMemory | null> {
  let memory: PartedMemory | null = null;
  try {
    if (existsSync(path)) rmSync(path);
    memory = openPartedMemory(path, Cache.memoryParts(bytes));
    copySide(from, memory);
    await synced(memory);
    log.info(`cache side ${path} made anew`);
    return memory;
  } catch (error) {
    memory?.close();
    log.error(`cache side ${path} cannot be made: ${(error as Error).message}; the array goes on with one side`);
    return null;
  }
}

function synced(memory: PartedMemory): Promise<void> {
  return new Promise((done, failed) => memory.sync((error) => (error === null ? done() : failed(error))));
}

const SIDES_FILE = 'cache-sides.json';

function readSides(directory: DataDirectory): SavedSides {
  const file = directory.file(SIDES_FILE);
  if (!existsSync(file)) return { second: null, holds: 'first' };
  return directory.guard(() => JSON.parse(readFileSync(file, 'utf8')) as SavedSides);
}

/** On the disk when this returns. */
function saveSides(directory: DataDirectory, sides: SavedSides): void {
  directory.guard(() => {
    const file = directory.file(SIDES_FILE);
    const fd = openSync(`${file}.new`, 'w', 0o600);
    try {
      writeFileSync(fd, `${JSON.stringify(sides)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(`${file}.new`, file);
    syncFolder(directory.path);
  });
}
