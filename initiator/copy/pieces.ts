/** What is to be written to a unit, or compared with it: a file, a stream or another unit, in pieces. */

import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import type { LogicalUnit } from '../logical-unit.js';
import { fileStretches, type Stretch, unitStretches } from './extents.js';

/** A piece of the source, whole blocks; null is a hole. */
export interface Piece {
  readonly at: number;
  readonly bytes: number;
  /** How many of the bytes are the source's: less at its end, where the last block is padded with zeros. */
  readonly used: number;
  readonly data: Buffer | null;
}

/** Holes are cleared in commands of at most this size, so that none runs into its time limit. */
const HOLE_BYTES = 1 << 30;

/** Something with holes, of which any stretch can be read. */
interface Stretched {
  readonly bytes: number;
  readonly stretches: Iterable<Stretch> | AsyncIterable<Stretch>;
  /** Stretches read at a time. */
  readonly depth: number;
  /** Zeros follow the end. */
  read(at: number, bytes: number): Promise<Buffer>;
}

async function* readPieces(
  { bytes, stretches, depth, read }: Stretched,
  chunkBytes: number,
  blockSize: number,
): AsyncGenerator<Piece> {
  const started: (Omit<Piece, 'data'> & { readonly data: Promise<Buffer> | null })[] = [];
  const next = async () => {
    const { data, ...piece } = started.shift()!;
    return { ...piece, data: await data };
  };
  for await (const stretch of wholeBlocks(stretches, blockSize)) {
    const end = stretch.at + stretch.length;
    const limit = stretch.hole ? HOLE_BYTES - (HOLE_BYTES % blockSize) : chunkBytes;
    for (let at = stretch.at; at < end; at += limit) {
      const length = Math.min(limit, end - at);
      const data = stretch.hole ? null : read(at, length);
      // Told when its turn comes.
      data?.catch(() => {});
      started.push({ at, bytes: length, used: Math.min(length, bytes - at), data });
      if (started.length >= depth) yield await next();
    }
  }
  while (started.length > 0) yield await next();
}

/**
 * A file in pieces, holes apart; the last one is padded to whole blocks with zeros.
 * @param bytes its size
 */
export function filePieces(
  file: FileHandle,
  bytes: number,
  chunkBytes: number,
  blockSize: number,
): AsyncGenerator<Piece> {
  const read = (at: number, length: number) => readAt(file, at, length);
  return readPieces({ bytes, stretches: fileStretches(file, bytes), depth: 1, read }, chunkBytes, blockSize);
}

/**
 * A range of a unit in pieces, holes apart; the last one is padded to whole blocks of `blockSize` with zeros.
 * @param depth commands in flight
 */
export function unitPieces(
  unit: LogicalUnit,
  { lba, blocks }: BlockRange,
  depth: number,
  chunkBytes: number,
  blockSize: number,
): AsyncGenerator<Piece> {
  const own = unit.blockSize;
  async function* stretches(): AsyncGenerator<Stretch> {
    for await (const { at, length, hole } of unitStretches(unit, { lba, blocks })) {
      yield { at: (at - lba) * own, length: length * own, hole };
    }
  }
  const read = async (at: number, bytes: number) => {
    const end = Math.min(at + bytes, blocks * own);
    const first = Math.floor(at / own);
    const data = await unit.read(lba + first, Math.ceil(end / own) - first);
    const wanted = data.subarray(at - first * own, end - first * own);
    return wanted.length === bytes ? wanted : Buffer.concat([wanted, Buffer.alloc(bytes - wanted.length)]);
  };
  return readPieces({ bytes: blocks * own, stretches: stretches(), depth, read }, chunkBytes, blockSize);
}

/** Rounds stretches to whole blocks: a block that holds any data is data; the last one is filled up. */
async function* wholeBlocks(
  stretches: Iterable<Stretch> | AsyncIterable<Stretch>,
  blockSize: number,
): AsyncGenerator<Stretch> {
  let at = 0;
  let stop = 0;
  for await (const { at: start, length, hole } of stretches) {
    stop = start + length;
    const end = hole ? Math.floor(stop / blockSize) * blockSize : Math.ceil(stop / blockSize) * blockSize;
    if (end > at) {
      yield { at, length: end - at, hole };
      at = end;
    }
  }
  if (stop > at) yield { at, length: blockSize, hole: true };
}

/** Reads a stretch; what lies past the end of the file is zeros. */
async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const data = Buffer.alloc(bytes);
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(data, done, bytes - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return data;
}

/** A stream in pieces of one size; the last one is padded to whole blocks with zeros. */
export async function* streamPieces(stream: Readable, chunkBytes: number, blockSize: number): AsyncGenerator<Piece> {
  let at = 0;
  let parts: Buffer[] = [];
  let held = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    parts.push(part);
    held += part.length;
    while (held >= chunkBytes) {
      const all = Buffer.concat(parts);
      yield { at, bytes: chunkBytes, used: chunkBytes, data: all.subarray(0, chunkBytes) };
      at += chunkBytes;
      held -= chunkBytes;
      parts = held > 0 ? [all.subarray(chunkBytes)] : [];
    }
  }
  if (held === 0) return;
  const last = Buffer.alloc(Math.ceil(held / blockSize) * blockSize);
  Buffer.concat(parts).copy(last);
  yield { at, bytes: last.length, used: held, data: last };
}
