/** Copies a range of a unit into a file, with its holes, or into a stream. */

import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { native } from '../../native/index.js';
import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import type { BlockAccess, LogicalUnit } from '../logical-unit.js';
import { type Stretch, unitStretches } from './extents.js';
import { inParallel, Turnstile } from './workers.js';

/** How to copy. */
export interface CopyOptions {
  /** Commands in flight. */
  readonly depth: number;
  /** Bytes per command; whole blocks. */
  readonly chunkBytes: number;
  /** How data is read or written; left out: as the unit does. */
  readonly access?: BlockAccess | undefined;
  /** Called with every stretch of bytes that is dealt with. */
  readonly progress?: (bytes: number) => void;
}

/** What was done, in bytes. */
export interface CopySummary {
  readonly bytes: number;
  readonly data: number;
  readonly holes: number;
}

/**
 * Copies `range`. With `keepHoles` unmapped stretches are not read and all-zero chunks not written.
 * @throws errors of the unit and of the sink
 */
export async function copyFromUnit(
  unit: LogicalUnit,
  range: BlockRange,
  sink: OutputSink,
  options: CopyOptions & { readonly keepHoles: boolean },
): Promise<CopySummary> {
  const { access = unit } = options;
  const blockSize = (await unit.readCapacity()).blockSize;
  const chunkBlocks = Math.max(1, Math.floor(options.chunkBytes / blockSize));
  const summary = { bytes: 0, data: 0, holes: 0 };
  const stretches = options.keepHoles ? unitStretches(unit, range) : [whole(range)];
  await inParallel(chunksOf(stretches, chunkBlocks), options.depth, async (chunk) => {
    const bytes = chunk.length * blockSize;
    const place = sink.reserve((chunk.at - range.lba) * blockSize);
    const data = chunk.hole ? null : await access.read(chunk.at, chunk.length);
    const hole = data === null || (options.keepHoles && native.isZero(data));
    await place(hole ? null : data, bytes);
    summary.bytes += bytes;
    summary[hole ? 'holes' : 'data'] += bytes;
    options.progress?.(bytes);
  });
  await sink.finish(range.blocks * blockSize);
  return summary;
}

const whole = (range: BlockRange): Stretch => ({ at: range.lba, length: range.blocks, hole: false });

/** Data stretches in pieces of one command each; holes in one piece. */
async function* chunksOf(
  stretches: AsyncIterable<Stretch> | Iterable<Stretch>,
  limit: number,
): AsyncGenerator<Stretch> {
  for await (const stretch of stretches) {
    if (stretch.hole) {
      yield stretch;
      continue;
    }
    for (let done = 0; done < stretch.length; done += limit) {
      yield { at: stretch.at + done, length: Math.min(limit, stretch.length - done), hole: false };
    }
  }
}

/** Where a copy goes. */
export interface OutputSink {
  /**
   * Announces a chunk, in ascending order; the function returned delivers it (null: zeros) and resolves when the
   * sink has taken it.
   */
  reserve(at: number): (data: Buffer | null, bytes: number) => Promise<void>;
  /** All `bytes` were delivered. */
  finish(bytes: number): Promise<void>;
}

/** A new file: what is not written stays a hole. */
export class FileSink implements OutputSink {
  constructor(private readonly file: FileHandle) {}

  reserve(at: number) {
    return async (data: Buffer | null): Promise<void> => {
      for (let done = 0; data !== null && done < data.length; ) {
        done += (await this.file.write(data, done, data.length - done, at + done)).bytesWritten;
      }
    };
  }

  finish(bytes: number): Promise<void> {
    return this.file.truncate(bytes);
  }
}

/** Zeros for holes in streams, written over and over. */
const ZEROS = Buffer.alloc(1 << 20);

/** A pipe or the like: everything in order, holes as zeros. */
export class StreamSink implements OutputSink {
  private readonly turnstile = new Turnstile();

  constructor(private readonly stream: Writable) {}

  reserve() {
    const inTurn = this.turnstile.take();
    return (data: Buffer | null, bytes: number): Promise<void> =>
      inTurn(async () => {
        if (data) return this.write(data);
        for (let left = bytes; left > 0; left -= ZEROS.length) await this.write(ZEROS.subarray(0, left));
      });
  }

  async finish(): Promise<void> {}

  private async write(data: Buffer): Promise<void> {
    if (this.stream.errored) throw this.stream.errored;
    if (!this.stream.write(data)) await once(this.stream, 'drain');
  }
}
