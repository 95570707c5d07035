/**
 * Stores that no host sees: thin LDEVs without a number of their own, for blocks that images keep. The database lists
 * one as being deleted from its first moment on, so that the next open gives its regions back, however this one ends.
 */
import type { IoFailure } from './block-layer.js';
import type { LdevVolume } from './ldev-volume.js';
import { CHUNK_BYTES } from './point-in-time/chunk-map.js';
import type { ChunkStore } from './point-in-time/types.js';
import { MAX_LDEV_BYTES } from './regions.js';
import type { ConfigStore } from './store.js';
import type { LdevRow } from './store-storage.js';

/** Their numbers begin where those of LDEVs end. */
const FIRST_ID = 0x10000;

/** Of a pool's regions, the part that is left to hosts: a 16th. */
const RESERVE = 16;

export interface HiddenStoresParts {
  readonly store: ConfigStore;
  /** An LDEV that is open, and known to nobody else. */
  readonly open: (row: LdevRow, like: LdevVolume) => LdevVolume;
  /** Drops what is cached of it, gives its regions back and forgets its row. Rejects if a drive fails. */
  readonly remove: (hidden: LdevVolume) => Promise<void>;
}

export class HiddenStores {
  /** In use, those of earlier processes that are being deleted included. */
  private readonly taken = new Set<number>();

  constructor(private readonly parts: HiddenStoresParts) {}

  /** Its number is that of a hidden store: one of an earlier process. */
  claim(id: number): void {
    if (id >= FIRST_ID) this.taken.add(id);
  }

  release(id: number): void {
    this.taken.delete(id);
  }

  /** Makes a store for chunks of an LDEV, in its pool and tier. */
  make(ldev: LdevVolume): ChunkStore | IoFailure {
    const { store } = this.parts;
    const id = this.freeId();
    const { blockSize, physicalBlockSize, pool, tier } = ldev;
    // Each chunk is kept once at most, in a whole place.
    const bytes = Math.min(Math.ceil(ldev.bytes / CHUNK_BYTES) * CHUNK_BYTES, MAX_LDEV_BYTES);
    const flags = { thin: true, readOnly: false, removable: false, tape: false };
    const names = { id, label: '', attribute: 'ordinary', pool, tier } as const;
    const row = { ...names, ...flags, protection: 0, blockSize, physicalBlockSize, blocks: bytes / blockSize } as const;
    let uid: number;
    try {
      uid = store.transaction(() => {
        const inserted = store.storage.insertLdev(row);
        store.storage.setDeleting(inserted);
        return inserted;
      });
    } catch (error) {
      return { kind: 'hardware-error', cause: `no place for old blocks: ${(error as Error).message}` };
    }
    this.taken.add(id);
    const hidden = this.parts.open({ ...row, uid, unformatted: false, deleting: true }, ldev);
    const { volumePool } = ldev;
    const reserve = Math.max(1, Math.floor(volumePool.regions / RESERVE));
    return {
      layer: hidden.bottom,
      chunks: bytes / CHUNK_BYTES,
      get hasRoom() {
        return volumePool.freeOf(tier) > reserve;
      },
      remove: (done) => void this.parts.remove(hidden).then(done, done),
    };
  }

  private freeId(): number {
    let id = FIRST_ID;
    while (this.taken.has(id)) id++;
    return id;
  }
}
