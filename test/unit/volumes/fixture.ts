/** An array's volumes on real files in a temporary directory, with what is under them. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../target/base/clock.js';
import { type Log, silentLog } from '../../../target/base/log.js';
import { seededRandom } from '../../../target/base/random.js';
import { Cache } from '../../../target/cache/cache.js';
import { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import { FileDrive } from '../../../target/disk/file-drive.js';
import { openPersistentMemory } from '../../../target/disk/persistent-memory.js';
import type { Clock, DriveIo, PersistentMemory } from '../../../target/disk/types.js';
import type { BlockExtent, BlockLayer, Io, IoFailure } from '../../../target/volumes/block-layer.js';
import type { ReclaimAdapter } from '../../../target/volumes/reclaim.js';
import { ConfigStore } from '../../../target/volumes/store.js';
import { Volumes } from '../../../target/volumes/volumes.js';

export const MiB = 2 ** 20;
export const GiB = 2 ** 30;
export const TiB = 2 ** 40;

const CACHE_BYTES = 4 * MiB;

export interface RigOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /** Stands between the volumes and the disk adapter, for deletions only. */
  readonly reclaimer?: (adapter: DiskAdapter) => ReclaimAdapter;
  /** Real files in the directory when left out. */
  readonly memory?: (name: string, bytes: number) => PersistentMemory;
  /** The machine's boot. */
  readonly bootId?: string;
  readonly openDrive?: (path: string, name: string, bytes: number) => DriveIo;
}

export class Rig {
  store!: ConfigStore;
  cache!: Cache;
  adapter!: DiskAdapter;
  volumes!: Volumes;
  readonly #memories: { close(): void }[] = [];

  constructor(
    readonly dir: string,
    options: RigOptions = {},
  ) {
    this.open(options);
  }

  open(options: RigOptions = {}): void {
    const { dir } = this;
    const clock = options.clock ?? systemClock;
    const log = options.log ?? silentLog;
    const random = seededRandom(1);
    const shared =
      options.memory ?? ((name: string, bytes: number) => openPersistentMemory(join(dir, `${name}.mem`), bytes));
    const cacheMemory = shared('cache', Cache.memoryBytes(CACHE_BYTES));
    this.#memories.push(cacheMemory);
    this.store = ConfigStore.open(dir, { clock, random });
    this.adapter = new DiskAdapter('DKA-1', clock);
    const boot = options.bootId === undefined ? {} : { bootId: options.bootId };
    this.cache = Cache.open({ memory: cacheMemory, adapter: this.adapter, clock, log, ...boot });
    this.volumes = Volumes.open({
      store: this.store,
      cache: this.cache,
      adapter: options.reclaimer?.(this.adapter) ?? this.adapter,
      shared,
      ...boot,
      openDrive: options.openDrive ?? ((path, name, bytes) => FileDrive.open(join(dir, 'drives', path), name, bytes)),
      clock,
      random,
      log,
    });
  }

  /** As when the process is killed: nothing is finished. What is in flight runs into closed files. */
  kill(): void {
    this.cache.close();
    this.volumes.close();
    this.store.close();
    for (const memory of this.#memories.splice(0)) memory.close();
  }

  async stop(): Promise<void> {
    await this.volumes.settled();
    await new Promise<void>((resolve) => this.cache.destageAll(() => resolve()));
    await new Promise<void>((resolve) => this.adapter.idle(resolve));
    this.kill();
  }

  /** A pool `pool` of one drive. */
  addPool(bytes: number, name = 'pool'): void {
    this.volumes.createParityGroup(`pg-${name}`, 'plain', [{ name: `drive-${name}`, path: `drive-${name}`, bytes }]);
    this.volumes.createPool(name, [`pg-${name}`]);
  }
}

/** A rig in a new directory, which goes with the test. */
export function rig(t: { teardown(run: () => void): void }, options: RigOptions = {}): Rig {
  const dir = mkdtempSync(join(tmpdir(), 'lunarray-volumes-'));
  mkdirSync(join(dir, 'drives'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return new Rig(dir, options);
}

export const hostIo: Io = { priority: 'host', initiator: 'iqn.2001-04.com.example:host', fua: false, dpo: false };

export function write(layer: BlockLayer, lba: number, data: Buffer, blockSize = 512, io = hostIo) {
  return new Promise<IoFailure | null>((resolve) => layer.write(io, lba, data.length / blockSize, [data], resolve));
}

export function read(layer: BlockLayer, lba: number, blocks: number, io = hostIo): Promise<Buffer | IoFailure> {
  return new Promise((resolve) =>
    layer.read(io, lba, blocks, (failure, data, release) => {
      const copy = Buffer.concat(data);
      release();
      resolve(failure ?? copy);
    }),
  );
}

export function flush(layer: BlockLayer, lba = 0, blocks = 0) {
  return new Promise<IoFailure | null>((resolve) => layer.flush(hostIo, lba, blocks, resolve));
}

export function unmap(layer: BlockLayer, lba: number, blocks: number) {
  return new Promise<IoFailure | null>((resolve) => layer.unmap(hostIo, lba, blocks, resolve));
}

export function extents(layer: BlockLayer, lba: number, blocks: number, limit = 100) {
  return new Promise<readonly BlockExtent[]>((resolve, reject) =>
    layer.extents(lba, blocks, limit, (failure, list) => (failure === null ? resolve(list) : reject(failure))),
  );
}

/** `[lba, blocks, mapped]`, for short expectations. */
export function brief(list: readonly BlockExtent[]): [number, number, boolean][] {
  return list.map(({ lba, blocks, mapped }) => [lba, blocks, mapped]);
}

export function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
