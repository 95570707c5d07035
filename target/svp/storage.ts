/** The lower half of an array: configuration store, memories, disk adapter, cache, volumes; opened and closed in order. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { systemClock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { systemRandom } from '../base/random.js';
import { Cache } from '../cache/cache.js';
import { DiskAdapter } from '../disk/disk-adapter.js';
import type { PartedMemory } from '../disk/types.js';
import { ConfigStore } from '../volumes/store.js';
import { Volumes } from '../volumes/volumes.js';
import { applyConfig, isNew } from './apply.js';
import { openCacheSides } from './cache-sides.js';
import type { ArrayConfig } from './config-schema.js';
import type { DataDirectory } from './data-directory.js';
import { driveFiles } from './drive-files.js';
import { ArrayError } from './errors.js';
import { refusedMemory, sharedMemory } from './memory-files.js';

export interface Storage {
  readonly store: ConfigStore;
  readonly adapter: DiskAdapter;
  readonly cache: Cache;
  readonly memory: PartedMemory;
  readonly volumes: Volumes;
  /** Nothing had been configured: this start applied the configuration. */
  readonly first: boolean;
  /** Slots taken up that belong to no LDEV any more, and were dropped. */
  readonly dropped: number;
}

/**
 * Opens the configuration store, which locks the directory for this array.
 * @throws ArrayError `data-in-use`, `data-unusable`, `no-space`
 */
export function openStore(directory: DataDirectory): ConfigStore {
  return directory.guard(() => {
    refuseWithoutConfiguration(directory);
    const store = ConfigStore.open(directory.path, { clock: systemClock, random: systemRandom });
    directory.own();
    return store;
  });
}

/** What an array had at its drives or in its memories means nothing without its configuration. */
function refuseWithoutConfiguration(directory: DataDirectory): void {
  const sizeOf = (name: string) => statSync(directory.file(name), { throwIfNoEntry: false })?.size ?? 0;
  if (sizeOf('config.db') > 0 || sizeOf('config.db-wal') > 0) return;
  const memories = readdirSync(directory.path).some((name) => GROUP_MEMORY.test(name));
  if (!memories && readdirSync(directory.file('drives')).length === 0) return;
  throw new ArrayError(
    'data-unusable',
    `${directory.path} has drives but no config.db, or an empty one, so nobody knows what is on them. Bring config.db back, or choose another directory with --data.`,
  );
}

/** How the cache memory is to be opened. */
export interface CacheFile {
  /** Of the file. */
  readonly bytes: number;
  /** The last array here ended with everything on its drives. */
  readonly settled: boolean;
  /** Directory of its second side; null or left out: none. */
  readonly duplex?: string | null;
}

/**
 * Opens everything else; `config` is applied when the directory is new.
 * @param directDrives their ids
 * @throws ArrayError; nothing stays open but the store
 */
export async function openStorage(
  directory: DataDirectory,
  store: ConfigStore,
  { bytes, settled, duplex = null }: CacheFile,
  config: ArrayConfig,
  log: Log,
  directDrives: readonly string[] = [],
): Promise<Storage> {
  const opened: { close(): void }[] = [];
  const drives = driveFiles(directory, directDrives);
  try {
    const isFirst = store.storage.parityGroups().length === 0 && store.paths.ports().length === 0;
    const owner = store.identity.serial;
    const file = { bytes, settled: settled || isFirst, duplex };
    const { memory, sides } = await openCacheSides(directory, file, owner, log);
    opened.push(memory);
    const adapter = new DiskAdapter('DKA-1', systemClock);
    const cache = Cache.open({ memory, adapter, clock: systemClock, log, owner, sides });
    await secured(cache);
    if (isFirst) removeLeftovers(directory);
    const volumes = Volumes.open({
      store,
      cache,
      adapter,
      shared: sharedMemory(directory, isFirst),
      // A drive that is missing later must fail, not come back empty.
      openDrive: (path, name, bytes) => drives.open(path, name, bytes, isFirst ? 'create' : 'existing'),
      newDrive: drives.replace,
      clock: systemClock,
      random: systemRandom,
      log,
    });
    opened.push(volumes);
    const first = isNew(volumes);
    if (first) store.transaction(() => applyConfig(volumes, config));
    return { store, adapter, cache, memory, volumes, first, dropped: cache.dropUnattached() };
  } catch (error) {
    for (const part of opened.reverse()) part.close();
    directory.fail(refusedMemory(directory, error));
  }
}

function secured(cache: Cache): Promise<void> {
  return new Promise((done, failed) => cache.secure((error) => (error === null ? done() : failed(error))));
}

const GROUP_MEMORY = /^(regions|stripes|under-way)-\d+\.mem$/;

/** A first start that was interrupted leaves files that hold nothing; with another configuration they would be in the way. */
function removeLeftovers(directory: DataDirectory): void {
  for (const name of readdirSync(directory.path)) {
    if (GROUP_MEMORY.test(name)) rmSync(directory.file(name));
  }
  for (const name of readdirSync(directory.file('drives'))) {
    const path = directory.file(`drives/${name}`);
    if (statSync(path).blocks === 0) rmSync(path);
  }
}

/** Resolves when all dirty data is on the drives and synced, with null; else with the reason it is not. */
export function destageAll(cache: Cache, limitMs: number): Promise<string | null> {
  return new Promise((done) => {
    const limit = setTimeout(() => done(`not finished in ${limitMs / 1000} s`), limitMs);
    cache.destageAll((failure) => {
      clearTimeout(limit);
      done(failure === null ? null : 'cause' in failure ? failure.cause : failure.kind);
    });
  });
}

/** Closes everything but the store. Dirty data stays in the cache memory. */
export async function closeStorage({ cache, memory, volumes }: Storage): Promise<void> {
  await volumes.sync();
  await new Promise<void>((closed) => cache.close(closed));
  volumes.close();
  memory.close();
}
