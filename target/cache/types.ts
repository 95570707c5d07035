/**
 * Contract between volumes (above) and the cache. The cache counts in sectors of 512 bytes, whatever the
 * LDEV's block size, and in slots of 32 sectors (16 KiB), so that a slot's valid and dirty maps are one
 * 32-bit word each and a change of either is one store.
 */
import type { Waits } from '../base/waits.js';
import type { ParityGroup } from '../disk/types.js';
import type { Done, IoFailure, ReadDone } from '../volumes/block-layer.js';
import type { CacheCounters } from './counters.js';

export const SECTOR_BYTES = 512;
export const SLOT_SECTORS = 32;
export const SLOT_BYTES = SECTOR_BYTES * SLOT_SECTORS;

/** The longest atomic write: what one commit can carry. */
export const ATOMIC_BYTES = 16 * SLOT_BYTES;

/** Where a slot's data stands on the drives. A slot never crosses a region or a stripe unit. */
export interface SlotAddress {
  readonly group: ParityGroup;
  /** Bytes from the start of the group's address space. */
  readonly offset: number;
}

/** What a volume supplies so that it can be cached. */
export interface CacheBacking {
  /** Null while no region is assigned there, and past the end (read-ahead asks): reads as zeros. */
  locate(slot: number): SlotAddress | null;
  /** Assigns a region if none is; null: there is one now. */
  assign(slot: number): IoFailure | null;
  /**
   * Groups that hold regions of the volume. The first flush syncs all of them, since an earlier process may have
   * destaged to them without a sync; without this method what that process left unsynced stays so.
   */
  groups?(): Iterable<ParityGroup>;
}

export interface CacheHints {
  readonly priority: 'host' | 'background';
  readonly fua: boolean;
  readonly dpo: boolean;
  /** Told when the command waits for drives. */
  readonly waits?: Waits | null;
  /**
   * Of a write of up to ATOMIC_BYTES: after a kill all of it is there or nothing. Fails as a hardware error, and
   * writes nothing, if that is more than a tenth of the cache.
   */
  readonly atomic?: boolean;
}

/**
 * One volume seen through the cache. Ranges are sectors; rules of `done` and buffers as in BlockLayer. The `lba` of
 * a medium error counts sectors too: the first bad one of a read, the first of the slot's dirty ones of a flush.
 * The buffers of a read must not be written to: unallocated space is one shared buffer of zeros.
 */
export interface CachedVolume {
  read(hints: CacheHints, sector: number, sectors: number, done: ReadDone): void;
  write(hints: CacheHints, sector: number, sectors: number, data: readonly Buffer[], done: Done): void;
  /** Looks at each slot of the range, some 30 ns each: callers leave out large stretches without regions. */
  unmap(sector: number, sectors: number, done: Done): void;
  /** `sectors` may be Infinity: to the end. */
  flush(sector: number, sectors: number, done: Done): void;
  prefetch(hints: CacheHints, sector: number, sectors: number, done: Done): void;
  /** Sectors of this range that hold dirty data, as [sector, sectors] runs, ascending. */
  dirtyRuns(sector: number, sectors: number): readonly (readonly [number, number])[];
  /** Drops everything cached of this volume (it is being deleted); commands are refused as not ready from now on. */
  discard(done: Done): void;
}

/** Counters since the cache was opened, and how many slots are in which state now. */
export interface CacheStats extends Readonly<CacheCounters> {
  readonly slots: number;
  readonly slotBytes: number;
  readonly freeSlots: number;
  /** Hold data and are not dirty; those being read from the drives are among them. */
  readonly cleanSlots: number;
  readonly dirtySlots: number;
  /** Of all: handed to readers. */
  readonly pinnedSlots: number;
  readonly evictions: number;
  /** Commands waiting now. */
  readonly waiting: number;
  /** On their way to the drives now. */
  readonly destagingBytes: number;
  /** Dirty slots found at open. */
  readonly recoveredSlots: number;
  /** Cache sides that hold what was written: 2 with a duplexed cache that lacks nothing. */
  readonly sides: number;
  readonly sidesWanted: number;
}
