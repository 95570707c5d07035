/**
 * Contract between volumes (above) and the cache. The cache counts in sectors of 512 bytes, whatever the
 * LDEV's block size, and in slots of 32 sectors (16 KiB), so that a slot's valid and dirty maps are one
 * 32-bit word each and a change of either is one store.
 */
import type { ParityGroup } from '../disk/types.js';
import type { Done, IoFailure, ReadDone } from '../volumes/block-layer.js';

export const SECTOR_BYTES = 512;
export const SLOT_SECTORS = 32;
export const SLOT_BYTES = SECTOR_BYTES * SLOT_SECTORS;

/** Where a slot's data stands on the drives. A slot never crosses a region or a stripe unit. */
export interface SlotAddress {
  readonly group: ParityGroup;
  /** Bytes from the start of the group's address space. */
  readonly offset: number;
}

/** What a volume supplies so that it can be cached. */
export interface CacheBacking {
  /** Null while no region is assigned there: reads as zeros. */
  locate(slot: number): SlotAddress | null;
  /** Assigns a region if none is; null: there is one now. */
  assign(slot: number): IoFailure | null;
}

export interface CacheHints {
  readonly priority: 'host' | 'background';
  readonly fua: boolean;
  readonly dpo: boolean;
}

/** One volume seen through the cache. Ranges are sectors; rules of `done` and buffers as in BlockLayer. */
export interface CachedVolume {
  read(hints: CacheHints, sector: number, sectors: number, done: ReadDone): void;
  write(hints: CacheHints, sector: number, sectors: number, data: readonly Buffer[], done: Done): void;
  unmap(sector: number, sectors: number, done: Done): void;
  flush(sector: number, sectors: number, done: Done): void;
  prefetch(hints: CacheHints, sector: number, sectors: number, done: Done): void;
  /** Sectors of this range that hold dirty data, as [sector, sectors] runs, ascending. */
  dirtyRuns(sector: number, sectors: number): readonly (readonly [number, number])[];
  /** Drops everything cached of this volume (it is being deleted). */
  discard(done: Done): void;
}
