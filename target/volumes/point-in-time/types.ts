import type { BlockLayer, Io, IoFailure, ReadDone } from '../block-layer.js';

/**
 * Why an image ended before it was released. `failed`: drives or memory did; `no-space`: its pool had no room; `changed`:
 * its blocks were, and it was made to end then.
 */
export type LostCause = 'changed' | 'no-space' | 'failed' | 'sanitized' | 'expanded' | 'deleted';

/** What becomes of an image when its blocks change: they are kept for it, or it ends. */
export type OnChange = 'keep' | 'end';

/** An allocation state that holds from the block asked for on. */
export interface Allocation {
  readonly blocks: number;
  readonly mapped: boolean;
}

export type AllocationDone = (failure: IoFailure | null, allocation: Allocation) => void;

/**
 * Blocks of an LDEV as they were at one moment, whatever is written since. Units: `lba` and `blocks` count the LDEV's
 * logical blocks; callers ask for blocks of the ranges only that the image was made of.
 */
export interface PointInTime {
  /**
   * Rules of `done` and of the buffers as in `BlockLayer.read`; protection information is left out. `not-ready`: the image
   * has ended.
   */
  read(io: Io, lba: number, blocks: number, done: ReadDone): void;
  /** Whether anything was allocated at `lba`, and for how many blocks from there, at least 1 and at most `blocks`. */
  allocation(lba: number, blocks: number, done: AllocationDone): void;
  /** Gives up the image and what was kept for it alone. */
  release(): void;
}

/** Where old chunks are kept: blocks of the same size as the LDEV's, zeros until they are written. */
export interface ChunkStore {
  readonly layer: BlockLayer;
  /** Places there are. */
  readonly chunks: number;
  /** Whether more may be taken without leaving too little to hosts. */
  readonly hasRoom: boolean;
  /** `done` runs when nothing of it is left, or when that failed. */
  remove(done: () => void): void;
}
