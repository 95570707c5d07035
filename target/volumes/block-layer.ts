import type { Sense } from '../../wire/scsi/sense.js';
import type { Waits } from '../base/waits.js';

/**
 * The interface between SCSI handlers, the layers between (faults; later pairs, journals, external
 * volumes) and the cache. Every layer implements it and forwards to the next.
 *
 * Units: `lba` and `blocks` count the LDEV's logical blocks (512 or 4096 bytes). Callers have checked
 * that the range lies inside the LDEV. Every `done` is called exactly once and may be called before the
 * method returns; nothing throws.
 */
export interface BlockLayer {
  /**
   * Reads blocks. The buffers handed to `done` belong to the cache: they stay as they were at this moment
   * until `release` is called, which the caller does exactly once.
   */
  read(io: Io, lba: number, blocks: number, done: ReadDone): void;

  /**
   * Writes blocks. `data` totals blocks × block size bytes (see `Io.protected`) and is not kept after `done`.
   * When `done(null)` runs, the write survives the death of the process; with `io.fua`, loss of power too.
   */
  write(io: Io, lba: number, blocks: number, data: readonly Buffer[], done: Done): void;

  /** Makes blocks read as zeros and gives their space back, as far as the allocation unit allows. */
  unmap(io: Io, lba: number, blocks: number, done: Done): void;

  /** Brings blocks to the medium: returns when they survive loss of power. `blocks` 0: to the end. */
  flush(io: Io, lba: number, blocks: number, done: Done): void;

  /** Brings blocks into the cache (PRE-FETCH). */
  prefetch(io: Io, lba: number, blocks: number, done: Done): void;

  /** Allocation states from `lba` on, ascending, adjacent, at most `limit` of them, first one starting at `lba`. */
  extents(lba: number, blocks: number, limit: number, done: ExtentsDone): void;
}

/** Who asks and how; one object per command, passed through all layers. */
export interface Io {
  /** `host` before `destage` before `background`. */
  readonly priority: 'host' | 'background';
  /** Initiator name, for fault rules and traces; empty for the array's own work. */
  readonly initiator: string;
  /** Force unit access: on the medium before done. */
  readonly fua: boolean;
  /** Disable page out: do not let this displace other data in the cache. */
  readonly dpo: boolean;
  /** Told when the command waits for drives; null or left out: nobody wants to know. */
  readonly waits?: Waits | null;
  /** Of a write of up to 256 KiB: after the death of the process all of it is there or nothing. */
  readonly atomic?: boolean;
  /**
   * On an LDEV with protection information: each block of `data` is followed by its eight bytes. Without it, reads leave
   * them out and writes have them made.
   */
  readonly protected?: boolean;
}

export interface BlockExtent {
  readonly lba: number;
  readonly blocks: number;
  readonly mapped: boolean;
}

export type Done = (failure: IoFailure | null) => void;
export type ReadDone = (failure: IoFailure | null, data: readonly Buffer[], release: () => void) => void;
export type ExtentsDone = (failure: IoFailure | null, extents: readonly BlockExtent[]) => void;

/** What can go wrong below the handlers. `target/scsi` turns each into its sense in one place. */
export type IoFailure =
  /** `markedBad`: because a host wants it so. */
  | { readonly kind: 'medium-error'; readonly lba: number; readonly write: boolean; readonly markedBad?: boolean }
  | { readonly kind: 'hardware-error'; readonly cause: string }
  /** The pool or the disk under it has no room. */
  | { readonly kind: 'no-space'; readonly cause: string }
  | { readonly kind: 'not-ready'; readonly cause: string }
  /** An injected fault: exactly this sense or status. */
  | { readonly kind: 'injected'; readonly sense?: Sense; readonly status?: number };
