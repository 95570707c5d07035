/** The addon's functions in plain TypeScript, used with LUNARRAY_NATIVE=0 or where no addon was built. */
import fs from 'node:fs';
import { constants } from 'node:os';
import { blockSumsTypeScript } from './block-sums.js';
import { crc32cTypeScript, writeCrcsTypeScript } from './crc32c.js';
import type { RawFunctions } from './functions.js';
import { guardsTypeScript } from './guards.js';
import { combineTypeScript } from './parity.js';

const HOLE_BLOCK = 4096;
const CHUNK = 1 << 20;
const MAX_VECTORS = 1024; // IOV_MAX
const ZEROS = Buffer.alloc(CHUNK);

export const twin: RawFunctions = {
  crc32c: crc32cTypeScript,
  writeCrcs: writeCrcsTypeScript,
  blockSums: blockSumsTypeScript,
  guards: guardsTypeScript,
  isZero,
  compare,
  gather,
  combine: combineTypeScript,
  readNow: (fd, offset, buffers) => attempt(() => transfer(fs.readvSync, fd, offset, buffers)),
  writeNow: (fd, offset, buffers) => attempt(() => transfer(fs.writevSync, fd, offset, buffers)),
  writeMany,
  preallocate: (fd, offset, bytes) => attempt(() => fillZeros(fd, offset, bytes)),
  punchHole,
  tryDirect: null,
  seekData: (fd, offset, limit) => attempt(() => seek(fd, offset, limit, true)),
  seekHole: (fd, offset, limit) => attempt(() => seek(fd, offset, limit, false)),
  sendNow: null,
  map: null,
  populate: null,
  openRing: null,
  exitNow: (code) => process.exit(code),
};

/** Writes zeros where zeros are read, in the range and beyond the end of the file: so that all of it has space. */
export function fillZeros(fd: number, offset: number, bytes: number): number {
  const chunk = Buffer.alloc(CHUNK);
  for (let at = offset; at < offset + bytes; ) {
    const length = Math.min(CHUNK, offset + bytes - at);
    const got = fs.readSync(fd, chunk, 0, length, at);
    if (got === 0) writeAll(fd, ZEROS.subarray(0, length), at);
    else if (isZero(chunk.subarray(0, got))) writeAll(fd, ZEROS.subarray(0, got), at);
    else fillZeroBlocks(fd, chunk.subarray(0, got), at);
    at += got === 0 ? length : got;
  }
  return 0;
}

/** Overwrites the file's part of a range with zeros, a chunk at a time in the thread pool. */
export function writeZeros(fd: number, offset: number, bytes: number, done: (result: number) => void): void {
  fs.fstat(fd, (error, stat) => {
    if (error) return done(error.errno ?? -constants.errno.EIO);
    const end = Math.min(offset + bytes, stat.size);
    const step = (at: number): void => {
      if (at >= end) {
        done(0);
        return;
      }
      fs.write(fd, ZEROS, 0, Math.min(CHUNK, end - at), at, (failure, written) => {
        if (failure) done(failure.errno ?? -constants.errno.EIO);
        else step(at + written);
      });
    };
    step(offset);
  });
}

function punchHole(fd: number, offset: number, bytes: number, done: (result: number) => void): void {
  writeZeros(fd, offset, bytes, done);
}

function writeMany(
  fd: number,
  offsets: readonly number[],
  lists: readonly (readonly Uint8Array[])[],
  done: (result: number) => void,
): void {
  const next = (index: number): void => {
    if (index === lists.length) {
      done(0);
      return;
    }
    const data = lists[index]!.length === 1 ? lists[index]![0]! : Buffer.concat(lists[index]!);
    const step = (written: number): void => {
      if (written === data.length) {
        next(index + 1);
        return;
      }
      fs.write(fd, data, written, data.length - written, offsets[index]! + written, (failure, moved) => {
        if (failure) done(failure.errno ?? -constants.errno.EIO);
        else step(written + moved);
      });
    };
    step(0);
  };
  // Never before the call returns, also with nothing to write.
  setImmediate(next, 0);
}

function isZero(data: Uint8Array): boolean {
  for (let at = 0; at < data.length; at += CHUNK) {
    const part = data.subarray(at, at + CHUNK);
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

function compare(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  let index = 0;
  let inA = 0;
  let inB = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const p = a[i]!;
    const q = b[j]!;
    const step = Math.min(p.length - inA, q.length - inB);
    if (Buffer.compare(p.subarray(inA, inA + step), q.subarray(inB, inB + step)) !== 0) {
      let k = 0;
      while (p[inA + k] === q[inB + k]) k++;
      return index + k;
    }
    index += step;
    inA += step;
    inB += step;
    if (inA === p.length) {
      i++;
      inA = 0;
    }
    if (inB === q.length) {
      j++;
      inB = 0;
    }
  }
  return -1;
}

function gather(from: readonly Uint8Array[], fromOffset: number, to: readonly Uint8Array[]): void {
  let source = 0;
  let at = fromOffset;
  for (const target of to) {
    let filled = 0;
    while (filled < target.length) {
      const buffer = from[source]!;
      if (at >= buffer.length) {
        at -= buffer.length;
        source++;
        continue;
      }
      const step = Math.min(buffer.length - at, target.length - filled);
      target.set(buffer.subarray(at, at + step), filled);
      at += step;
      filled += step;
    }
  }
}

/** Like the addon: at most MAX_VECTORS buffers a call, ending at the first short one. */
function transfer(call: typeof fs.readvSync, fd: number, offset: number, buffers: readonly Uint8Array[]): number {
  let moved = 0;
  for (let at = 0; at < buffers.length; at += MAX_VECTORS) {
    const part = buffers.slice(at, at + MAX_VECTORS);
    const step = call(fd, part, offset + moved);
    moved += step;
    if (step < part.reduce((bytes, buffer) => bytes + buffer.length, 0)) break;
  }
  return moved;
}

function writeAll(fd: number, data: Uint8Array, offset: number): void {
  for (let written = 0; written < data.length; ) {
    written += fs.writeSync(fd, data, written, data.length - written, offset + written);
  }
}

function fillZeroBlocks(fd: number, chunk: Uint8Array, offset: number): void {
  for (let at = 0; at < chunk.length; at += HOLE_BLOCK) {
    const block = chunk.subarray(at, at + HOLE_BLOCK);
    if (isZero(block)) writeAll(fd, block, offset + at);
  }
}

/** The first byte from `offset` on that lies in a block of data, or in one of zeros; some byte from `limit` on if none before. */
function seek(fd: number, offset: number, limit: number, data: boolean): number {
  const size = fs.fstatSync(fd).size;
  if (offset >= size) return -constants.errno.ENXIO;
  const chunk = Buffer.alloc(CHUNK);
  for (let at = offset - (offset % HOLE_BLOCK); at < size; ) {
    if (at >= limit) return at;
    const got = fs.readSync(fd, chunk, 0, CHUNK, at);
    if (got === 0) break;
    for (let block = 0; block < got; block += HOLE_BLOCK) {
      if (isZero(chunk.subarray(block, Math.min(block + HOLE_BLOCK, got))) !== data)
        return Math.max(offset, at + block);
    }
    at += got;
  }
  return data ? -constants.errno.ENXIO : size;
}

function attempt(call: () => number): number {
  try {
    return call();
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}
