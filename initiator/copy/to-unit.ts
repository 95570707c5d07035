/** Copies a file or another unit, with its holes, or a stream onto a unit. */
import { SenseKey } from '../../wire/scsi/sense.js';
import { CheckCondition } from '../errors.js';
import type { BlockAccess, LogicalUnit } from '../logical-unit.js';
import { zeroRuns } from './extents.js';
import type { CopyOptions, CopySummary } from './from-unit.js';
import type { Piece } from './pieces.js';
import { inParallel } from './workers.js';

/** What becomes of holes: blocks are deallocated and read as zeros, stay as they are, or are written. */
export type HoleTreatment = 'unmap' | 'skip' | 'write';

export interface WriteOptions extends CopyOptions {
  readonly holes: HoleTreatment;
  /** Stretches of zeros are holes too. */
  readonly detectZeros: boolean;
}

/** Zeros shorter than this are written like data: a command of their own costs more. */
const ZERO_GRANULE_BYTES = 16384;
/** Written at a time where blocks cannot be deallocated. */
const ZEROS_BYTES = 1 << 20;

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
  const { access = unit } = options;
  const clearer = new Clearer(unit, access, options.holes, await unit.provisioning());
  const summary = { bytes: 0, data: 0, holes: 0 };
  const granule = Math.ceil(ZERO_GRANULE_BYTES / blockSize) * blockSize;
  await inParallel(runsOf(pieces, options.detectZeros ? granule : null), options.depth, async (piece) => {
    const at = lba + piece.at / blockSize;
    if (piece.data) await access.write(at, piece.data);
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
    private readonly access: BlockAccess,
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
      await this.access.write(lba + done, this.zeros.subarray(0, count * this.unit.blockSize));
    }
  }
}
