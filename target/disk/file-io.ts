/**
 * How the bytes of files come and go without holding up the event loop: through io_uring (the addon, Linux 6.1 or newer),
 * or through the thread pool. Environment: LUNARRAY_IO=threads chooses the pool, LUNARRAY_IO=uring insists on the ring
 * and throws where there is none; otherwise the ring is used where there is one.
 */
import fs from 'node:fs';
import { type NativeFunctions, native, SystemError } from '../../native/index.js';
import { RingIo } from './ring-io.js';

/** Buffers and descriptor stay as they are until `done`, which is never called before the call returns. */
export interface FileIo {
  readonly kind: 'uring' | 'threads';
  /** `done` hears how many bytes there were: fewer than asked at the end of the file. */
  read(fd: number, offset: number, buffers: readonly Uint8Array[], done: (error: IoError, bytes: number) => void): void;
  /** List `i` at `offsets[i]`; they do not overlap. After an error any of them may have been written. */
  writeMany(
    fd: number,
    offsets: readonly number[],
    lists: readonly (readonly Uint8Array[])[],
    done: (error: IoError) => void,
  ): void;
  /** The range reads as zeros, its space is given back where the file system can; the file's length stays. */
  punchHole(fd: number, offset: number, bytes: number, done: (error: IoError) => void): void;
  /** fdatasync(2) */
  sync(fd: number, done: (error: IoError) => void): void;
}

export type IoError = { readonly code?: string | undefined; readonly message: string } | null;

export function threadIo(functions: NativeFunctions): FileIo {
  return {
    kind: 'threads',
    read: readInPool,
    writeMany: functions.writeMany,
    punchHole: functions.punchHole,
    sync: (fd, done) => fs.fdatasync(fd, done),
  };
}

const chosen = new Map<NativeFunctions, FileIo>();

/**
 * The process' way, as the environment says. One ring serves all files.
 * @throws Error when that is not possible here
 */
export function defaultFileIo(functions: NativeFunctions = native): FileIo {
  let io = chosen.get(functions);
  if (io === undefined) {
    io = choose(functions, process.env.LUNARRAY_IO ?? '');
    chosen.set(functions, io);
  }
  return io;
}

function choose(functions: NativeFunctions, wanted: string): FileIo {
  if (!['', 'threads', 'uring'].includes(wanted)) throw new Error(`LUNARRAY_IO=${wanted}: neither threads nor uring`);
  if (wanted === 'threads') return threadIo(functions);
  try {
    const ring = RingIo.open(functions);
    if (ring !== null) return ring;
    if (wanted === 'uring') throw new Error('LUNARRAY_IO=uring, but the addon is not used');
  } catch (error) {
    if (wanted === 'uring' || !(error instanceof SystemError)) throw error;
  }
  return threadIo(functions);
}

/** What one call leaves is read by the next, so that an error behind the first bytes is met. */
function readInPool(
  fd: number,
  offset: number,
  buffers: readonly Uint8Array[],
  done: (error: IoError, bytes: number) => void,
): void {
  const step = (left: readonly Uint8Array[], bytes: number): void => {
    fs.readv(fd, left, offset + bytes, (error, moved) => {
      if (error) done(error, bytes);
      else {
        const rest = without(left, moved);
        if (moved === 0 || rest.length === 0) done(null, bytes + moved);
        else step(rest, bytes + moved);
      }
    });
  };
  step(without(buffers, 0), 0);
}

/** The buffers without their first `moved` bytes, and without empty ones in front. */
function without(buffers: readonly Uint8Array[], moved: number): readonly Uint8Array[] {
  let skip = moved;
  let first = 0;
  while (first < buffers.length && skip >= buffers[first]!.length) skip -= buffers[first++]!.length;
  if (first === 0 && skip === 0) return buffers;
  if (first === buffers.length) return [];
  const left = buffers.slice(first);
  left[0] = left[0]!.subarray(skip);
  return left;
}
