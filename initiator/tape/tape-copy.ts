/** Files and streams to a tape and back, block by block. */
import type { OutputSink } from '../copy/from-unit.js';
import type { Piece } from '../copy/pieces.js';
import { ProtocolError } from '../errors.js';
import type { ReadEnd, TapeUnit } from './tape-unit.js';

/** How data is cut into blocks. */
export interface Blocking {
  /** Bytes of a block; reading blocks of any length: the most that one may have. */
  readonly blockBytes: number;
  /** Fixed-length blocks, many in a command; the last one is filled up with zeros. Else each is a command of its own. */
  readonly fixed: boolean;
}

export interface TapeCopySummary {
  readonly bytes: number;
  readonly blocks: number;
}

/** What fixed-length blocks are sent together, bytes. */
const TRANSFER_BYTES = 1 << 20;

/** Bytes of a command. */
export function transferBytes({ blockBytes, fixed }: Blocking): number {
  return fixed ? blockBytes * Math.max(1, Math.floor(TRANSFER_BYTES / blockBytes)) : blockBytes;
}

/**
 * Runs with the block length that the blocking needs, and puts back the one there was.
 * @throws what `run` throws, or CheckCondition
 */
export async function withBlocking<T>(
  tape: TapeUnit,
  { blockBytes, fixed }: Blocking,
  run: () => Promise<T>,
): Promise<T> {
  if (!fixed) return run();
  const { blockLength } = await tape.mode();
  if (blockLength === blockBytes) return run();
  await tape.setBlockLength(blockBytes);
  const result = await run().catch(async (error: unknown) => {
    // What ended it is what counts.
    await tape.setBlockLength(blockLength).catch(() => {});
    throw error;
  });
  await tape.setBlockLength(blockLength);
  return result;
}

/**
 * @param pieces of `transferBytes` bytes but for holes, whole blocks
 * @param progress bytes since the last call
 * @returns with `nearEnd`: the early warning was met
 */
export async function writeTape(
  tape: TapeUnit,
  pieces: AsyncIterable<Piece>,
  blocking: Blocking,
  progress: (bytes: number) => void,
): Promise<TapeCopySummary & { readonly nearEnd: boolean }> {
  const { blockBytes, fixed } = blocking;
  const most = transferBytes(blocking);
  const zeros = Buffer.alloc(most);
  const summary = { bytes: 0, blocks: 0, nearEnd: false };
  for await (const { bytes, used, data } of pieces) {
    for (let at = 0; at < bytes; at += most) {
      const length = Math.min(most, bytes - at);
      const real = Math.min(length, used - at);
      const part = data === null ? zeros.subarray(0, length) : data.subarray(at, at + length);
      const near = fixed
        ? await tape.writeBlocks(part, length / blockBytes)
        : await tape.writeBlock(part.subarray(0, real));
      summary.nearEnd ||= near;
      summary.bytes += real;
      summary.blocks += fixed ? length / blockBytes : 1;
      progress(real);
    }
  }
  return summary;
}

/** Up to the next filemark, or the end of data; the position is after it. */
export async function readTape(
  tape: TapeUnit,
  sink: OutputSink,
  blocking: Blocking,
  progress: (bytes: number) => void,
): Promise<TapeCopySummary & { readonly end: ReadEnd }> {
  const { blockBytes, fixed } = blocking;
  const most = transferBytes(blocking);
  let bytes = 0;
  let blocks = 0;
  for (;;) {
    const { data, end } = fixed
      ? await tape.readBlocks(most / blockBytes, blockBytes)
      : await tape.readBlock(blockBytes);
    if (data.length === 0 && end === null) throw new ProtocolError('READ(6) brought nothing, and tells no reason');
    if (data.length > 0) await sink.reserve(bytes)(data, data.length);
    bytes += data.length;
    blocks += fixed ? data.length / blockBytes : data.length > 0 ? 1 : 0;
    progress(data.length);
    if (end !== null) {
      await sink.finish(bytes);
      return { bytes, blocks, end };
    }
  }
}
