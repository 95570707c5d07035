/**
 * What the addon and its twin offer. `NativeFunctions` is what the rest of the project calls; `RawFunctions`
 * is what an implementation supplies: arguments are already checked, system calls answer minus errno.
 */
export interface NativeFunctions {
  /**
   * CRC-32C (Castagnoli).
   * @param seed the result for the bytes before, 0 at the start
   */
  crc32c(data: Uint8Array, seed?: number): number;

  /**
   * Takes CRC-32Cs of a stream that lies in `parts`, and stores each in the 4 bytes after what it covers, least
   * significant byte first. `runs` holds a pair for each of `count`: bytes to pass over since the one before, and bytes
   * to cover.
   * @throws RangeError when `parts` ends before the runs do
   */
  writeCrcs(parts: readonly Uint8Array[], runs: Uint32Array, count: number): void;

  /**
   * Sums of blocks of 512 bytes, the first of which is block number `first`: 0 for a block of zeros, never 1, else the
   * block's CRC-32C seeded with its number, so that no two places give a block the same sum. Blocks may lie across the
   * ends of parts.
   * @throws RangeError when the parts are not whole blocks, or `sums` has no room for one number each
   */
  blockSums(parts: readonly Uint8Array[], first: number, sums: Uint32Array): void;

  /**
   * Guards of protection information (SBC-4 4.21.4): the CRC-16 of each block, of `blockBytes` bytes, that begins at a
   * multiple of `stride`; as many as `guards` has room for.
   * @throws RangeError when the data ends before the last block does
   */
  guards(data: Uint8Array, blockBytes: number, stride: number, guards: Uint16Array): void;

  isZero(data: Uint8Array): boolean;

  /**
   * Compares two lists as if each were one run of bytes.
   * @returns index of the first byte that differs, −1 if none does
   * @throws RangeError when their total lengths differ
   */
  compare(a: readonly Uint8Array[], b: readonly Uint8Array[]): number;

  /**
   * Fills `to` with the bytes of `from` that start at `fromOffset`. A buffer of `to` may overlap the buffer
   * of `from` that it is filled from, but no other.
   * @throws RangeError when `from` holds too few
   */
  gather(from: readonly Uint8Array[], fromOffset: number, to: readonly Uint8Array[]): void;

  /**
   * Fills every target with a sum of products over GF(2⁸), polynomial 11Dh: parity and its recovery.
   * Target t = Σ factors[t × number of sources + s] · source s, byte by byte. A target may be a source, if it is the
   * only target; otherwise none may overlap another buffer.
   * @throws RangeError when lengths differ or the factors are not one for each pair
   */
  combine(targets: readonly Uint8Array[], sources: readonly Uint8Array[], factors: Uint8Array): void;

  /**
   * Reads into `buffers` what is in the page cache (preadv2(2), RWF_NOWAIT). The twin cannot ask the kernel
   * not to wait, so it reads, and may wait for the medium. File systems in memory (tmpfs, ramfs), which do not know
   * the flag, are read without it.
   * @returns bytes read, less than asked at the end of the file or where the page cache has no more;
   *   −1 if it has nothing at `offset`, or if the file system cannot tell
   * @throws SystemError
   */
  readNow(fd: number, offset: number, buffers: readonly Uint8Array[]): number;

  /** Writes into the page cache without waiting; results as for `readNow`. ext4 answers −1 always. */
  writeNow(fd: number, offset: number, buffers: readonly Uint8Array[]): number;

  /**
   * Writes list `i` of `lists` at `offsets[i]`, one after the other, in the thread pool: one job for all of them,
   * since handing a job to another thread costs more than a small write does. Stops at the first error.
   * The buffers must not change until `done`.
   * @param done never called before this returns
   */
  writeMany(
    fd: number,
    offsets: readonly number[],
    lists: readonly (readonly Uint8Array[])[],
    done: (error: SystemError | null) => void,
  ): void;

  /**
   * Gives every byte of the range space on the disk, keeps contents, makes the file longer if it ends before.
   * The twin, and the addon on file systems without fallocate(2), write zeros where zeros are read.
   * @throws SystemError, code ENOSPC when the disk has no room
   */
  preallocate(fd: number, offset: number, bytes: number): void;

  /**
   * Gives the range's space back, in the thread pool; it reads as zeros then, and the file's length stays.
   * The twin, and the addon on file systems without holes, write zeros: space is not given back.
   * @param done never called before this returns
   */
  punchHole(fd: number, offset: number, bytes: number, done: (error: SystemError | null) => void): void;

  /**
   * Reads one sector through a descriptor opened with O_DIRECT, to find out if sectors of 512 bytes can be moved so.
   * Null in the twin.
   * @throws SystemError EINVAL, if larger pieces or alignment are needed
   */
  readonly tryDirect: ((fd: number) => void) | null;

  /**
   * First offset at or after `offset` that holds data; −1: none up to the end of the file. Where that needs
   * reading, it is not looked for beyond `limit`: the answer may then be any offset from there on, or −1. The twin
   * reads, and calls a 4 KiB block of zeros a hole; kernels of file systems without holes call everything data.
   * @throws SystemError
   */
  seekData(fd: number, offset: number, limit: number): number;

  /**
   * First offset at or after `offset` in a hole; the end of the file counts as one. −1: `offset` is past it.
   * `limit` as for `seekData`.
   */
  seekHole(fd: number, offset: number, limit: number): number;

  /**
   * Writes to a stream socket what it takes at once (sendmsg(2), MSG_DONTWAIT). Null in the twin.
   * @returns bytes taken; −1: nothing, be it that the buffer is full or that the connection has an error, which the
   *   next ordinary write then meets
   */
  readonly sendNow: ((fd: number, buffers: readonly Uint8Array[]) => number) | null;

  /**
   * Maps `bytes` of the file from `offset` on, a multiple of 4096, shared and writable. The file must not become
   * shorter while mapped. Null where it cannot be done: in the twin.
   */
  readonly map: ((fd: number, offset: number, bytes: number) => Buffer) | null;

  /**
   * Opens a ring for operations on files (io_uring(7), Linux 6.1 or newer). Null in the twin.
   * @param ended told what has ended, many at a time, never before the call that asked for it returns
   * @throws SystemError, where the kernel has none or forbids it: ENOSYS, EINVAL, EPERM, ENOMEM
   */
  readonly openRing: ((ended: RingEnded) => FileRing) | null;

  /**
   * Brings pages of a mapping into memory and maps them, in the thread pool: the first store to each costs a third
   * then. `memory` starts at a page. Null in the twin.
   * @param done never called before this returns; an error where the kernel cannot do it (before Linux 5.14)
   */
  readonly populate: ((memory: Buffer, done: (error: SystemError | null) => void) => void) | null;

  /**
   * Ends the process at once (_exit(2)): `process.exit` waits until the thread pool has worked off what was handed to
   * it, which takes as long as a slow disk does. The twin can only do that.
   */
  exitNow(code: number): never;
}

/**
 * Asynchronous operations on files; those of one turn of the event loop go to the kernel together. `token` is any
 * integer of 32 bits, told back with the result. The buffers must not change, nor the descriptor be closed, until then.
 * With O_DIRECT, offsets and totals are multiples of 512; buffers may have any length and stand anywhere.
 * An operation under way keeps the process from ending by itself.
 */
export interface FileRing {
  /** Result: bytes read, fewer than asked at the end of the file. */
  read(token: number, fd: number, offset: number, buffers: readonly Uint8Array[]): void;
  /** List `i` at `offsets[i]`, in any order, at least one. Result: bytes written; after an error any may have been. */
  writeMany(token: number, fd: number, offsets: readonly number[], lists: readonly (readonly Uint8Array[])[]): void;
  /** As the function of the same name, but file systems without holes give −EOPNOTSUPP. Result: 0. */
  punchHole(token: number, fd: number, offset: number, bytes: number): void;
  /** fdatasync(2). Result: 0. */
  sync(token: number, fd: number): void;
}

/** The first `count` pairs of token and result; minus errno for what failed. Valid until this returns. */
export type RingEnded = (pairs: Float64Array, count: number) => void;

export interface RawFunctions {
  crc32c(data: Uint8Array, seed: number): number;
  writeCrcs(parts: readonly Uint8Array[], runs: Uint32Array, count: number): void;
  blockSums(parts: readonly Uint8Array[], first: number, sums: Uint32Array): void;
  guards(data: Uint8Array, blockBytes: number, stride: number, guards: Uint16Array): void;
  isZero(data: Uint8Array): boolean;
  compare(a: readonly Uint8Array[], b: readonly Uint8Array[]): number;
  gather(from: readonly Uint8Array[], fromOffset: number, to: readonly Uint8Array[]): void;
  combine(targets: readonly Uint8Array[], sources: readonly Uint8Array[], factors: Uint8Array): void;
  readNow(fd: number, offset: number, buffers: readonly Uint8Array[]): number;
  writeNow(fd: number, offset: number, buffers: readonly Uint8Array[]): number;
  writeMany(
    fd: number,
    offsets: readonly number[],
    lists: readonly (readonly Uint8Array[])[],
    done: (result: number) => void,
  ): void;
  preallocate(fd: number, offset: number, bytes: number): number;
  punchHole(fd: number, offset: number, bytes: number, done: (result: number) => void): void;
  readonly tryDirect: ((fd: number) => number) | null;
  seekData(fd: number, offset: number, limit: number): number;
  seekHole(fd: number, offset: number, limit: number): number;
  readonly sendNow: ((fd: number, buffers: readonly Uint8Array[]) => number) | null;
  readonly map: ((fd: number, offset: number, bytes: number) => Buffer | number) | null;
  /** A number is minus errno. At most as many pairs at a time as `pairs` has room for. */
  readonly openRing: ((pairs: Float64Array, ended: (count: number) => void) => FileRing | number) | null;
  readonly populate: ((memory: Buffer, done: (result: number) => void) => void) | null;
  exitNow(code: number): never;
}

/** A system call that failed; `code` as in errno(3), `ENOSPC` for one. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  constructor(
    readonly code: string,
    readonly syscall: string,
  ) {
    super(`${syscall}: ${code}`);
  }
}
