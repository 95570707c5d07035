/**
 * One parity group's part of shared memory: for each of its regions, who owns it.
 *
 * ```
 * header, 4096 bytes   u32 magic "LNRG" · u32 version · u32 parity group id · u32 region bytes · u32 array serial ·
 *                      u32 1: the drives' file system does not tell holes
 * records, 8 bytes     u32 region number within the LDEV · u32 uid of the LDEV, 0: free
 * ```
 * Host byte order: the file never leaves the machine. The store of the uid commits: a region is owned from that
 * store on and free from the store of 0 on, so a process killed anywhere leaves every record whole.
 */
import { SharedSync } from '../disk/shared-sync.js';
import type { PersistentMemory } from '../disk/types.js';
import { ConfigError } from './errors.js';

const MAGIC = 0x4c4e5247;
const VERSION = 1;
const HEADER_BYTES = 4096;
const RECORD_BYTES = 8;
const WORD_BYTES = 4;
/** Index of the header's last word. */
const BLIND = 5;

/** Bytes of shared memory for so many regions. */
export function regionRecordBytes(regions: number): number {
  return HEADER_BYTES + regions * RECORD_BYTES;
}

export class RegionRecords {
  /** Pairs of region number and uid. */
  private readonly words: Int32Array;
  private readonly header: Uint32Array;
  private changes = 0;
  private changesSynced = 0;
  private readonly synced: SharedSync;

  /** Throws ConfigError `damaged` if the memory belongs to something else. */
  constructor(
    private readonly memory: PersistentMemory,
    readonly count: number,
    identity: { readonly name: string; readonly group: number; readonly regionBytes: number; readonly serial: number },
  ) {
    this.synced = new SharedSync((done) => memory.sync(done));
    const { buffer, byteOffset } = memory.buffer;
    const header = new Uint32Array(buffer, byteOffset, HEADER_BYTES / WORD_BYTES);
    const expected = [MAGIC, VERSION, identity.group, identity.regionBytes, identity.serial];
    if (header.every((word) => word === 0)) {
      header.set(expected);
      memory.commit(0, HEADER_BYTES);
    } else if (!expected.every((word, index) => header[index] === word)) {
      throw new ConfigError(
        'damaged',
        `the shared memory "${identity.name}" belongs to another array or version, or is damaged: ` +
          'put the right file back, or start with a new data directory.',
      );
    }
    this.header = header;
    this.words = new Int32Array(buffer, byteOffset + HEADER_BYTES, count * 2);
  }

  /** Nobody can tell where the drives hold data. Lost with the header, it is false: then free regions are looked at. */
  get blind(): boolean {
    return this.header[BLIND] === 1;
  }

  set blind(blind: boolean) {
    this.header[BLIND] = Number(blind);
    this.memory.commit(0, HEADER_BYTES);
  }

  /** Uid of the owner, 0 if free. */
  owner(index: number): number {
    return this.words[index * 2 + 1]!;
  }

  /** Region number within the owner. */
  region(index: number): number {
    return this.words[index * 2]!;
  }

  /** Makes a free region owned. Survives the death of the process when this returns. */
  take(index: number, uid: number, region: number): void {
    // Atomics, so that neither compiler nor processor moves the commit before the region number.
    Atomics.store(this.words, index * 2, region);
    Atomics.store(this.words, index * 2 + 1, uid);
    this.commit(index);
  }

  /** Makes a region free. Survives the death of the process when this returns. */
  clear(index: number): void {
    Atomics.store(this.words, index * 2 + 1, 0);
    this.commit(index);
  }

  /** Calls back once everything taken and cleared so far survives loss of power; at once if nothing changed. */
  sync(done: (error: Error | null) => void): void {
    if (this.changesSynced === this.changes) {
      done(null);
      return;
    }
    const { changes } = this;
    this.synced.request((error) => {
      if (error === null) this.changesSynced = Math.max(this.changesSynced, changes);
      done(error);
    });
  }

  close(): void {
    this.memory.close();
  }

  private commit(index: number): void {
    this.changes++;
    this.memory.commit(HEADER_BYTES + index * RECORD_BYTES, RECORD_BYTES);
  }
}
