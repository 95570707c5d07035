/**
 * Contracts of the disk side. Everything that touches a medium or a clock gets it through these, so that
 * whole arrays run on simulated ones. Units here are bytes; offsets and lengths are multiples of 512.
 */

export type { Clock } from '../base/clock.js';
export type { Random } from '../base/random.js';

export type DriveDone = (error: DriveError | null) => void;

export interface DriveError {
  /** `corrupt`: the drive gave something, but not what was written there (checksums/). Never outside of a group. */
  readonly kind: 'io-error' | 'no-space' | 'missing' | 'wrong-length' | 'corrupt';
  readonly message: string;
  /** Of `corrupt`: where. */
  readonly bad?: readonly BadRange[];
}

/** A stretch of a drive, in bytes, that does not hold what was written to it last (checksums/). */
export interface BadRange {
  readonly offset: number;
  readonly bytes: number;
  /** It was given up before: no fault of the drive, and no sum says what it should hold. */
  readonly lost: boolean;
}

/** One drive: a sparse file, or a simulated one. */
export interface DriveIo {
  readonly name: string;
  readonly bytes: number;
  /** Why no operation can succeed (missing file, wrong length); absent or null when the drive is good. */
  readonly failure?: DriveError | null;
  /** Fills `buffers` from `offset` on if that needs no waiting (page cache); false if it would. Holes read as zeros. */
  readNow(offset: number, buffers: readonly Buffer[]): boolean;
  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void;
  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void;
  /** Several writes that do not overlap as one operation. After an error any of them may have been done. */
  writeMany(writes: readonly DriveWrite[], done: DriveDone): void;
  /** Deallocates; the range reads as zeros afterwards. Partial file-system blocks are zeroed. */
  punch(offset: number, bytes: number, done: DriveDone): void;
  /**
   * Allocated and unallocated stretches of a range, ascending and adjacent. At most `limit` of them: then they may
   * end before the range does, and the last one may go on as the first of the next call.
   */
  extents(offset: number, bytes: number, limit?: number): readonly DriveExtent[];
  /** Everything written and punched before survives loss of power. */
  sync(done: DriveDone): void;
  close(): void;
}

export interface DriveWrite {
  readonly offset: number;
  readonly buffers: readonly Buffer[];
}

export interface DriveExtent {
  readonly offset: number;
  readonly bytes: number;
  readonly allocated: boolean;
}

/** Counters of one queue of a disk adapter. Times are totals in nanoseconds. */
export interface DiskQueueStats {
  /** Jobs waiting or running. */
  readonly depth: number;
  readonly submitted: number;
  readonly completed: number;
  /** Of `completed`. */
  readonly failed: number;
  /** Moved by jobs that succeeded. */
  readonly bytes: number;
  /** Of `completed`: answered from the page cache without queueing. Not in the times below. */
  readonly immediate: number;
  /** Operations on parity groups; fewer than jobs where adjacent ones were joined. */
  readonly operations: number;
  /** From submission to start. */
  readonly waitNs: number;
  /** From start to end. */
  readonly serviceNs: number;
}

export interface DiskAdapterStats {
  /** Foreground misses. */
  readonly stage: DiskQueueStats;
  /** Destages and punches. */
  readonly destage: DiskQueueStats;
  readonly background: DiskQueueStats;
  readonly sync: DiskQueueStats;
}

export type RaidLevel = 'plain' | 'raid0' | 'raid1+0' | 'raid5' | 'raid6';

/** Drives joined by a RAID level into one linear address space. Same shape as a drive. */
export interface ParityGroup extends DriveIo {
  readonly level: RaidLevel;
  readonly drives: readonly DriveIo[];
  /** Where writes that begin and end at multiples of it cost least; absent: nowhere. */
  readonly stripeBytes?: number;
}

/** Memory that survives the process: a mapped file, or (without the addon) a buffer written through. */
export interface PersistentMemory {
  readonly buffer: Buffer;
  /**
   * Stores up to here, in [offset, offset + bytes), survive the death of the process when this returns.
   * Nothing to do for a mapping; the twin writes the range to the file.
   */
  commit(offset: number, bytes: number): void;
  /** Survives loss of power when done. */
  sync(done: (error: Error | null) => void): void;
  close(): void;
}

/** Memory that survives the process and may be larger than one buffer: several of them, with one order of commits. */
export interface PartedMemory {
  readonly parts: readonly Buffer[];
  /** As `PersistentMemory.commit`; offset in the part. */
  commit(part: number, offset: number, bytes: number): void;
  /** Makes first stores to pages cheap, in the background, from the first part on. Missing where they are so already. */
  populate?(): void;
  sync(done: (error: Error | null) => void): void;
  close(): void;
}
