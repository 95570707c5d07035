/**
 * Memory that survives the process: a preallocated file, mapped (addon) or written through (twin).
 * Preallocated, because a store into a hole of a mapped file on a full disk would end the process.
 */
import { constants } from 'node:buffer';
import fs from 'node:fs';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { type NativeFunctions, native } from '../../native/index.js';
import type { PartedMemory, PersistentMemory } from './types.js';

export class PersistentMemoryError extends Error {
  override readonly name = 'PersistentMemoryError';
  constructor(
    /** `no-space`: the disk lacks room. `wrong-length`: the file is longer than asked. `io-error`: all else. */
    readonly code: 'no-space' | 'wrong-length' | 'io-error',
    message: string,
  ) {
    super(message);
  }
}

/** `openPartedMemory` of one part. @param bytes at most `buffer.constants.MAX_LENGTH` */
export function openPersistentMemory(
  path: string,
  bytes: number,
  functions: NativeFunctions = native,
): PersistentMemory {
  const memory = openPartedMemory(path, [bytes], functions);
  return {
    buffer: memory.parts[0]!,
    commit: (offset, length) => memory.commit(0, offset, length),
    sync: (done) => memory.sync(done),
    close: () => memory.close(),
  };
}

/**
 * Opens `path`, or creates it full of zeros. A shorter file is made longer and keeps its contents, the new
 * part reads as zeros. A longer one is refused, since what its end holds could not be reached any more. What an
 * earlier process stored and had not synced survives loss of power when this returns: those who start from it
 * need no sync of their own.
 *
 * @param lengths bytes of the parts, which stand in the file one after the other: each at most
 *   `buffer.constants.MAX_LENGTH`, all but the last multiples of 4096; all bytes are allocated on the disk
 * @throws PersistentMemoryError
 */
export function openPartedMemory(
  path: string,
  lengths: readonly number[],
  functions: NativeFunctions = native,
): PartedMemory {
  for (const bytes of lengths) {
    if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes > constants.MAX_LENGTH) {
      throw new RangeError(`persistent memory of ${bytes} bytes: 1 to ${constants.MAX_LENGTH} are possible`);
    }
  }
  const bytes = lengths.reduce((sum, length) => sum + length, 0);
  const existed = fs.existsSync(path);
  let fd: number | null = null;
  let size = 0;
  try {
    fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
    size = fs.fstatSync(fd).size;
    if (size > bytes) {
      throw new PersistentMemoryError('wrong-length', `${path} holds ${size} bytes, more than the ${bytes} asked for`);
    }
    functions.preallocate(fd, 0, bytes);
    fs.fsyncSync(fd);
    if (!existed) syncFolder(dirname(path));
    return functions.map === null ? new WrittenMemory(fd, lengths) : new MappedMemory(fd, lengths, functions);
  } catch (error) {
    if (fd !== null) {
      // What a full disk had room for is given back, so that the file can be opened as it was.
      if (fs.fstatSync(fd).size !== size) fs.ftruncateSync(fd, size);
      fs.closeSync(fd);
      if (!existed) fs.rmSync(path, { force: true });
    }
    throw named(path, bytes, error as NodeJS.ErrnoException);
  }
}

/** Makes the name of a new file in `folder` survive loss of power. */
export function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Where each part starts in the file. */
function startsOf(lengths: readonly number[]): number[] {
  let end = 0;
  return lengths.map((length) => {
    end += length;
    return end - length;
  });
}

/**
 * Mapped in one go of a thread, which holds the lock of the process's address space meanwhile: whenever the heap grows
 * or is collected the main thread waits for it, a third of a second for 16 MiB when the file system was busy.
 */
const POPULATE_BYTES = 256 << 10;

class MappedMemory implements PartedMemory {
  readonly parts: readonly Buffer[];
  readonly #populate: NativeFunctions['populate'];
  #closed = false;

  constructor(
    private readonly fd: number,
    lengths: readonly number[],
    { map, populate }: NativeFunctions,
  ) {
    this.parts = startsOf(lengths).map((start, part) => map!(fd, start, lengths[part]!));
    this.#populate = populate;
  }

  commit(): void {}

  /** On Linux fdatasync(2) writes back pages dirtied through a mapping, as msync(2) does. */
  sync(done: (error: Error | null) => void): void {
    fs.fdatasync(this.fd, done);
  }

  /**
   * A store to a page that is not mapped takes 4 µs here, to one that is mapped 1.2 µs. No more is brought in than half
   * of the machine's memory: the rest would push out what others need.
   */
  populate(): void {
    const populate = this.#populate;
    if (populate === null) return;
    let left = totalmem() / 2;
    const step = (part: number, offset: number): void => {
      if (this.#closed || part === this.parts.length || left <= 0) return;
      const piece = this.parts[part]!.subarray(offset, offset + POPULATE_BYTES);
      left -= piece.length;
      const next = offset + POPULATE_BYTES;
      populate(piece, (error) => {
        if (error === null) next < this.parts[part]!.length ? step(part, next) : step(part + 1, 0);
      });
    };
    step(0, 0);
  }

  /** The buffers stay valid; a mapping goes when nothing refers to it any more. */
  close(): void {
    this.#closed = true;
    fs.closeSync(this.fd);
  }
}

/** What one read or write of Node takes at most is a little below 2 GiB. */
const CALL_BYTES = 1024 ** 3;

class WrittenMemory implements PartedMemory {
  readonly parts: readonly Buffer[];
  readonly #starts: readonly number[];

  constructor(
    private readonly fd: number,
    lengths: readonly number[],
  ) {
    this.#starts = startsOf(lengths);
    this.parts = lengths.map((bytes, part) => this.#load(this.#starts[part]!, bytes));
  }

  commit(part: number, offset: number, bytes: number): void {
    const buffer = this.parts[part]!;
    const start = this.#starts[part]!;
    for (let at = offset; at < offset + bytes; ) {
      at += fs.writeSync(this.fd, buffer, at, Math.min(offset + bytes - at, CALL_BYTES), start + at);
    }
  }

  sync(done: (error: Error | null) => void): void {
    fs.fdatasync(this.fd, done);
  }

  close(): void {
    fs.closeSync(this.fd);
  }

  #load(start: number, bytes: number): Buffer {
    const buffer = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; ) {
      const got = fs.readSync(this.fd, buffer, at, Math.min(bytes - at, CALL_BYTES), start + at);
      if (got === 0) throw new Error(`short read at ${start + at}`);
      at += got;
    }
    return buffer;
  }
}

function named(path: string, bytes: number, error: NodeJS.ErrnoException): Error {
  if (error instanceof PersistentMemoryError) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    const room = fs.statfsSync(dirname(path));
    const free = room.bavail * room.bsize;
    return new PersistentMemoryError('no-space', `${path} needs ${bytes} bytes, the disk has ${free} free`);
  }
  return new PersistentMemoryError('io-error', `${path}: ${error.message}`);
}
