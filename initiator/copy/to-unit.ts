/** Copies a file, with its holes, or a stream onto a unit. */
import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { SenseKey } from '../../wire/scsi/sense.js';
import { CheckCondition } from '../errors.js';
import type { LogicalUnit } from '../logical-unit.js';
import { fileStretches, type Stretch, zeroRuns } from './extents.js';
import type { CopyOptions, CopySummary } from './from-unit.js';
import { inParallel } from './workers.js';

/** What becomes of holes: blocks are deallocated and read as zeros, stay as they are, or are written. */
export type HoleTreatment = 'unmap' | 'skip' | 'write';

export interface WriteOptions extends CopyOptions {
  readonly holes: HoleTreatment;
  /** Stretches of zeros are holes too. */
  readonly detectZeros: boolean;
}

/** A piece of the source, whole blocks; null is a hole. */
export interface Piece {
  readonly at: number;
  readonly bytes: number;
  /** How many of the bytes are the source's: less at its end, where the last block is padded with zeros. */
  readonly used: number;
  readonly data: Buffer | null;
}

/** Zeros shorter than this are written like data: a command of their own costs more. */
const ZERO_GRANULE_BYTES = 16384;
/** Written at a time where blocks cannot be deallocated. */
const ZEROS_BYTES = 1 << 20;
/** Holes are cleared in commands of at most this size, so that none runs into its time limit. */
const HOLE_BYTES = 1 << 30;

/**
 * Copies pieces onto a unit from `lba` on.
 * @throws errors of the unit
 */
export async function copyToUnit(
  unit: LogicalUnit,
  lba: number,
  pieces: AsyncIterable<Piece>,
  options: WriteOptions,
): Promise<CopySummary> {
  const { blockSize } = await unit.readCapacity();
  const clearer = new Clearer(unit, options.holes, await unit.provisioning());
  const summary = { bytes: 0, data: 0, holes: 0 };
  const granule = Math.ceil(ZERO_GRANULE_BYTES / blockSize) * blockSize;
  await inParallel(runsOf(pieces, options.detectZeros ? granule : null), options.depth, async (piece) => {
    const at = lba + piece.at / blockSize;
    if (piece.data) await unit.write(at, piece.data);
    else await clearer.clear(at, piece.bytes / blockSize);
    summary.bytes += piece.bytes;
    summary[piece.data ? 'data' : 'holes'] += piece.bytes;
    options.progress?.(piece.bytes);
  });
  return summary;
}

/** Pieces with their runs of zeros made holes. */
async function* runsOf(pieces: AsyncIterable<Piece>, granule: number | null): AsyncGenerator<Piece> {
  for await (const piece of pieces) {
    if (piece.data === null || granule === null) {
      yield piece;
      continue;
    }
    for (const run of zeroRuns(piece.data, granule)) {
      const data = run.hole ? null : piece.data.subarray(run.at, run.at + run.length);
      yield { at: piece.at + run.at, bytes: run.length, used: run.length, data };
    }
  }
}

/** Makes blocks read as zeros. */
class Clearer {
  private readonly zeros: Buffer;
  /** WRITE SAME with UNMAP gives space back and, unlike UNMAP, leaves zeros whatever the unit decides. */
  private useWriteSame: boolean;

  constructor(
    private readonly unit: LogicalUnit,
    private readonly treatment: HoleTreatment,
    provisioning: { readonly writeSame16Unmap: boolean },
  ) {
    this.useWriteSame = treatment === 'unmap' && provisioning.writeSame16Unmap;
    this.zeros = Buffer.alloc(Math.ceil(ZEROS_BYTES / unit.blockSize) * unit.blockSize);
  }

  async clear(lba: number, blocks: number): Promise<void> {
    if (this.treatment === 'skip') return;
    if (this.useWriteSame) {
      try {
        await this.unit.writeSame(lba, blocks, null, { unmap: true });
        return;
      } catch (error) {
        if (!(error instanceof CheckCondition) || error.sense.key !== SenseKey.illegalRequest) throw error;
        this.useWriteSame = false;
      }
    }
    const step = this.zeros.length / this.unit.blockSize;
    for (let done = 0; done < blocks; done += step) {
      const count = Math.min(step, blocks - done);
      await this.unit.write(lba + done, this.zeros.subarray(0, count * this.unit.blockSize));
    }
  }
}

/**
 * A file in pieces, holes apart; the last one is padded to whole blocks with zeros.
 * @param bytes its size
 */
export async function* filePieces(
  file: FileHandle,
  bytes: number,
  chunkBytes: number,
  blockSize: number,
): AsyncGenerator<Piece> {
  for (const stretch of wholeBlocks(fileStretches(file, bytes), blockSize)) {
    const end = stretch.at + stretch.length;
    const limit = stretch.hole ? HOLE_BYTES - (HOLE_BYTES % blockSize) : chunkBytes;
    for (let from = stretch.at; from < end; from += limit) {
      const length = Math.min(limit, end - from);
      const data = stretch.hole ? null : await readAt(file, from, length);
      yield { at: from, bytes: length, used: Math.min(length, bytes - from), data };
    }
  }
}

/** Rounds stretches to whole blocks: a block that holds any data is data; the last one is filled up. */
function* wholeBlocks(stretches: Iterable<Stretch>, blockSize: number): Generator<Stretch> {
  let at = 0;
  let stop = 0;
  for (const { at: start, length, hole } of stretches) {
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
