/** Writes what a ROD represents to ranges of a logical unit, by commands of its own (SBC-4 5.59). */
import type { BlockRange } from '../../../wire/scsi/block-ranges.js';
import { write16, writeSame16 } from '../../../wire/scsi/cdb-build.js';
import {
  copyDataUnderrun,
  type Sense,
  thirdPartyDeviceFailure,
  unreachableCopyTarget,
} from '../../../wire/scsi/sense.js';
import { Status } from '../../../wire/scsi/status.js';
import type { IoFailure } from '../../volumes/block-layer.js';
import { PIECE_BYTES, ZERO_BLOCKS } from '../copy-limits.js';
import type { CopyEnd, CopyOperation, Issuer } from '../copy-operation.js';
import { type CopyMeans, CopySteps, type PieceDone } from '../copy-steps.js';
import type { CopyTarget } from '../copy-target.js';
import type { Rod } from './rod.js';
import { ROD_IO } from './rod-target.js';

export interface RodWrite extends CopyMeans {
  readonly operation: CopyOperation<Issuer>;
  readonly rod: Rod;
  /** Byte of the ROD that the first block gets. */
  readonly offset: number;
  readonly destination: CopyTarget;
  readonly ranges: readonly BlockRange[];
  /** What it ends with when the ROD cannot be read. */
  unreadable(failure: IoFailure): Sense;
}

export class RodWriter {
  private readonly steps: CopySteps;
  private readonly blockSize: number;
  /** Bytes to be written: whole blocks. */
  private readonly bytes: number;
  private readonly asked: number;
  private written = 0;
  /** Range that is being written to, and the bytes of those before it. */
  private range = 0;
  private before = 0;

  constructor(private readonly plan: RodWrite) {
    const { operation, destination, ranges, rod, offset } = plan;
    this.steps = new CopySteps(operation, plan);
    this.blockSize = destination.blockSize;
    this.asked = ranges.reduce((sum, { blocks }) => sum + blocks, 0) * this.blockSize;
    const whole = Math.ceil((rod.bytes - offset) / this.blockSize) * this.blockSize;
    this.bytes = Math.min(this.asked, whole);
  }

  /** `done` runs once, when nothing is transferred any more; perhaps before this returns. */
  run(done: PieceDone): void {
    if (this.written === this.bytes) {
      done(this.endOfAll());
      return;
    }
    this.steps.piece(
      (ended) => this.step(ended),
      (end) => {
        if (end === null) this.run(done);
        else done(end);
      },
    );
  }

  private endOfAll(): CopyEnd {
    if (this.bytes === this.asked) return null;
    this.plan.operation.partial = true;
    return copyDataUnderrun(this.bytes / this.blockSize);
  }

  private step(done: PieceDone): void {
    const { ranges, rod, offset } = this.plan;
    const bytesOf = (range: BlockRange) => range.blocks * this.blockSize;
    while (this.before + bytesOf(ranges[this.range]!) <= this.written) this.before += bytesOf(ranges[this.range++]!);
    const left = Math.min(this.before + bytesOf(ranges[this.range]!), this.bytes) - this.written;
    const at = offset + this.written;
    const most = Math.min(left, ZERO_BLOCKS * this.blockSize);
    rod.allocation(at, Math.min(most, rod.bytes - at), (failure, { blocks: same, mapped }) => {
      if (failure !== null) {
        done(this.plan.unreadable(failure));
        return;
      }
      // What ends with the ROD, zeros fill to a whole block.
      const stretch = at + same === rod.bytes ? Math.ceil(same / this.blockSize) : Math.floor(same / this.blockSize);
      if (!mapped && stretch > 0) this.zero(stretch, done);
      else this.copy(Math.min(left, Math.max(1, stretch) * this.blockSize, PIECE_BYTES), at, done);
    });
  }

  private copy(bytes: number, at: number, done: PieceDone): void {
    const { rod } = this.plan;
    const there = Math.min(bytes, rod.bytes - at);
    rod.read(ROD_IO, at, there, (failure, views, release) => {
      if (failure !== null) {
        release();
        done(this.plan.unreadable(failure));
        return;
      }
      const data = there === bytes ? views : [...views, Buffer.alloc(bytes - there)];
      const blocks = bytes / this.blockSize;
      this.send(write16(this.lba, blocks), data, blocks, (end) => {
        release();
        done(end);
      });
    });
  }

  private zero(blocks: number, done: PieceDone): void {
    const cdb = writeSame16(this.lba, blocks, { ndob: true, unmap: this.plan.destination.thin });
    this.send(cdb, [], blocks, (end) => {
      if (end === null) this.plan.operation.holeBytes += blocks * this.blockSize;
      done(end);
    });
  }

  private get lba(): number {
    return this.plan.ranges[this.range]!.lba + (this.written - this.before) / this.blockSize;
  }

  private send(cdb: Buffer, data: readonly Buffer[], blocks: number, done: PieceDone): void {
    const { operation, destination } = this.plan;
    this.steps.send(destination, cdb, data, (reply) => {
      if (reply === 'stopped') {
        done('stopped');
        return;
      }
      reply?.release();
      if (reply === null) {
        done(unreachableCopyTarget());
      } else if (reply.status === Status.good) {
        this.written += blocks * this.blockSize;
        operation.bytes += blocks * this.blockSize;
        done(null);
      } else {
        const { status, sense } = reply;
        done(sense ?? thirdPartyDeviceFailure({ forwarded: { from: 'destination', status, sense } }));
      }
    });
  }
}
