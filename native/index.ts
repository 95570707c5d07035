/**
 * The one way to the addon. Arguments are checked here; the addon and the twin trust them.
 *
 * Environment: LUNARRAY_NATIVE=0 uses the TypeScript twin; LUNARRAY_NATIVE=1 insists on the addon and throws
 * when it cannot be loaded; otherwise the addon is used if it was built.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { crc32cTypeScript } from './crc32c.js';
import { type FileRing, type NativeFunctions, type RawFunctions, SystemError } from './functions.js';
import { fillZeros, twin, writeZeros } from './twin.js';

export { crc32cTypeScript } from './crc32c.js';
export { type FileRing, type NativeFunctions, SystemError } from './functions.js';

/** Below this many bytes a call into the addon costs more than TypeScript takes for the whole crc. */
const CRC_ADDON_BYTES = 96;

/** Of a drive: what one sum is of. */
const BLOCK_BYTES = 512;

/** What the addon tells of in one call. */
const RING_PAIRS = 256;

const { EAGAIN, EOPNOTSUPP, ENOSYS, ENXIO } = constants.errno;

const addon = process.env.LUNARRAY_NATIVE === '0' ? null : loadAddon(process.env.LUNARRAY_NATIVE === '1');

export const nativeKind: 'addon' | 'typescript' = addon === null ? 'typescript' : 'addon';
export const native: NativeFunctions = checked(addon ?? twin);

/** Both implementations behind the same checks, for tests and benchmarks; the addon is null if not loaded. */
export const implementations: { readonly addon: NativeFunctions | null; readonly typescript: NativeFunctions } = {
  addon: addon === null ? null : native,
  typescript: addon === null ? native : checked(twin),
};

function loadAddon(required: boolean): RawFunctions | null {
  const file = join(packageRoot(), 'native', 'build', 'Release', 'lunarray.node');
  if (!existsSync(file)) {
    if (required) throw new Error(`LUNARRAY_NATIVE=1, but the addon is not built: ${file} (npm run build)`);
    return null;
  }
  try {
    return createRequire(import.meta.url)(file) as RawFunctions;
  } catch (error) {
    if (required) throw error;
    process.emitWarning(`addon not usable, the slower TypeScript twin is used: ${(error as Error).message}`);
    return null;
  }
}

/** This module is native/index.ts or dist/native/index.js; the addon is built beside the sources. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  return folder;
}

function checked(raw: RawFunctions): NativeFunctions {
  const { map, populate, openRing, sendNow, tryDirect } = raw;
  return {
    crc32c(data, seed = 0) {
      if (data.length < CRC_ADDON_BYTES) return crc32cTypeScript(data, seed);
      checkBytes(data);
      return raw.crc32c(data, seed);
    },
    writeCrcs(parts, runs, count) {
      let needed = 0;
      for (let i = 0; i < count; i++) needed += runs[2 * i]! + runs[2 * i + 1]! + 4;
      // Also of a count past the end of `runs`, which makes this NaN.
      if (!(needed <= totalBytes(parts))) throw new RangeError('writeCrcs: too few bytes');
      raw.writeCrcs(parts, runs, count);
    },
    blockSums(parts, first, sums) {
      checkPosition(first);
      const bytes = totalBytes(parts);
      if (bytes % BLOCK_BYTES !== 0) throw new RangeError('blockSums: no whole blocks');
      if (bytes / BLOCK_BYTES > sums.length) throw new RangeError('blockSums: no room for the sums');
      raw.blockSums(parts, first, sums);
    },
    guards(data, blockBytes, stride, guards) {
      checkBytes(data);
      checkPosition(blockBytes);
      checkPosition(stride);
      const needed = guards.length === 0 ? 0 : (guards.length - 1) * stride + blockBytes;
      if (needed > data.length) throw new RangeError('guards: too few bytes');
      raw.guards(data, blockBytes, stride, guards);
    },
    isZero(data) {
      checkBytes(data);
      return raw.isZero(data);
    },
    compare(a, b) {
      if (totalBytes(a) !== totalBytes(b)) throw new RangeError('compare: lengths differ');
      return raw.compare(a, b);
    },
    gather(from, fromOffset, to) {
      checkPosition(fromOffset);
      if (totalBytes(from) - fromOffset < totalBytes(to)) throw new RangeError('gather: too few bytes');
      raw.gather(from, fromOffset, to);
    },
    combine(targets, sources, factors) {
      checkCombination(targets, sources, factors);
      raw.combine(targets, sources, factors);
    },
    readNow(fd, offset, buffers) {
      checkTransfer(fd, offset, buffers);
      return moved(raw.readNow(fd, offset, buffers), 'preadv2');
    },
    writeNow(fd, offset, buffers) {
      checkTransfer(fd, offset, buffers);
      return moved(raw.writeNow(fd, offset, buffers), 'pwritev2');
    },
    writeMany(fd, offsets, lists, done) {
      checkWrites(fd, offsets, lists);
      raw.writeMany(fd, offsets, lists, (result) => done(result < 0 ? systemError(result, 'pwritev') : null));
    },
    preallocate(fd, offset, bytes) {
      checkRange(fd, offset, bytes);
      const result = raw.preallocate(fd, offset, bytes);
      if (unsupported(result)) fillZeros(fd, offset, bytes);
      else if (result < 0) throw systemError(result, 'fallocate');
    },
    punchHole(fd, offset, bytes, done) {
      checkRange(fd, offset, bytes);
      const finish = (result: number) => done(result < 0 ? systemError(result, 'fallocate') : null);
      raw.punchHole(fd, offset, bytes, (result) => {
        if (unsupported(result)) writeZeros(fd, offset, bytes, finish);
        else finish(result);
      });
    },
    tryDirect:
      tryDirect === null
        ? null
        : (fd) => {
            checkPosition(fd);
            const result = tryDirect(fd);
            if (result < 0) throw systemError(result, 'pread');
          },
    seekData(fd, offset, limit) {
      checkRange(fd, offset, 1);
      return sought(raw.seekData(fd, offset, limit));
    },
    seekHole(fd, offset, limit) {
      checkRange(fd, offset, 1);
      return sought(raw.seekHole(fd, offset, limit));
    },
    sendNow:
      sendNow === null
        ? null
        : (fd, buffers) => {
            checkTransfer(fd, 0, buffers);
            return Math.max(-1, sendNow(fd, buffers));
          },
    map:
      map === null
        ? null
        : (fd, offset, bytes) => {
            checkRange(fd, offset, bytes);
            const memory = map(fd, offset, bytes);
            if (typeof memory === 'number') throw systemError(memory, 'mmap');
            return memory;
          },
    openRing:
      openRing === null
        ? null
        : (ended) => {
            const pairs = new Float64Array(2 * RING_PAIRS);
            const ring = openRing(pairs, (count) => ended(pairs, count));
            if (typeof ring === 'number') throw systemError(ring, 'io_uring_setup');
            return checkedRing(ring);
          },
    populate:
      populate === null
        ? null
        : (memory, done) => {
            checkBytes(memory);
            populate(memory, (result) => done(result < 0 ? systemError(result, 'madvise') : null));
          },
    exitNow: raw.exitNow,
  };
}

function checkedRing(raw: FileRing): FileRing {
  return {
    read(token, fd, offset, buffers) {
      checkTransfer(fd, offset, buffers);
      raw.read(token, fd, offset, buffers);
    },
    writeMany(token, fd, offsets, lists) {
      checkWrites(fd, offsets, lists);
      if (lists.length === 0) throw new RangeError('writeMany: nothing to write');
      raw.writeMany(token, fd, offsets, lists);
    },
    punchHole(token, fd, offset, bytes) {
      checkRange(fd, offset, bytes);
      raw.punchHole(token, fd, offset, bytes);
    },
    sync(token, fd) {
      checkPosition(fd);
      raw.sync(token, fd);
    },
  };
}

function unsupported(result: number): boolean {
  return result === -EOPNOTSUPP || result === -ENOSYS;
}

function moved(result: number, syscall: string): number {
  if (result >= 0) return result;
  if (result === -EAGAIN || unsupported(result)) return -1;
  throw systemError(result, syscall);
}

function sought(result: number): number {
  if (result >= 0) return result;
  if (result === -ENXIO) return -1;
  throw systemError(result, 'lseek');
}

function systemError(result: number, syscall: string): SystemError {
  return new SystemError(getSystemErrorName(result), syscall);
}

function checkCombination(targets: readonly Uint8Array[], sources: readonly Uint8Array[], factors: Uint8Array): void {
  checkBytes(factors);
  if (factors.length !== targets.length * sources.length) throw new RangeError('combine: one factor for each pair');
  const bytes = (targets[0] ?? sources[0])?.length ?? 0;
  for (const list of [targets, sources]) {
    if (totalBytes(list) !== bytes * list.length || list.some((item) => item.length !== bytes)) {
      throw new RangeError('combine: lengths differ');
    }
  }
}

function checkTransfer(fd: number, offset: number, buffers: readonly Uint8Array[]): void {
  checkPosition(fd);
  checkPosition(offset);
  if (!Array.isArray(buffers)) throw new TypeError('a list of Uint8Array is needed');
  for (let i = 0; i < buffers.length; i++) checkBytes(buffers[i]!);
}

function checkWrites(fd: number, offsets: readonly number[], lists: readonly (readonly Uint8Array[])[]): void {
  if (offsets.length !== lists.length) throw new RangeError('writeMany: an offset for each list is needed');
  for (let i = 0; i < lists.length; i++) checkTransfer(fd, offsets[i]!, lists[i]!);
}

function checkRange(fd: number, offset: number, bytes: number): void {
  checkPosition(fd);
  checkPosition(offset);
  checkPosition(bytes);
  if (bytes === 0) throw new RangeError('an empty range');
}

function checkPosition(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an offset, length or descriptor: ${value}`);
}

function checkBytes(data: Uint8Array): void {
  if (!(data instanceof Uint8Array)) throw new TypeError('a Uint8Array is needed');
}

function totalBytes(list: readonly Uint8Array[]): number {
  if (!Array.isArray(list)) throw new TypeError('a list of Uint8Array is needed');
  let total = 0;
  for (const item of list) {
    checkBytes(item);
    total += item.length;
  }
  return total;
}
