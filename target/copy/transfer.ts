/** Writes the data of one segment to its destination, in pieces. */
import { compareAndWrite, getLbaStatus, read16, write16, writeSame16 } from '../../wire/scsi/cdb-build.js';
import type { Segment } from '../../wire/scsi/copy-segments.js';
import {
  decodeLbaStatus,
  LBA_STATUS_DESCRIPTOR,
  LBA_STATUS_HEADER,
  ProvisioningStatus,
} from '../../wire/scsi/lba-status.js';
import { SenseKey } from '../../wire/scsi/sense.js';
import type { CopyContext, EndPoint } from './copy-context.js';
import { MERGE_ATTEMPTS, PIECE_BYTES, ZERO_BLOCKS } from './copy-limits.js';
import type { Failure } from './copy-operation.js';
import type { PieceDone } from './copy-steps.js';
import type { Reply } from './copy-target.js';
import type { HeldPart } from './held-part.js';
import type { VirtualData } from './virtual-data.js';

export interface TransferPlan {
  readonly segment: Segment;
  readonly data: VirtualData;
  /** Bytes to write. */
  readonly bytes: number;
  readonly destination: EndPoint;
  /** Byte of the destination to begin at. */
  readonly destinationByte: number;
  readonly held: HeldPart | null;
}

/** A stretch of the data. `whole`: whole blocks of the destination; else part of one. */
interface Piece {
  readonly offset: number;
  readonly bytes: number;
  readonly whole: boolean;
}

/** A miscompare: a host has written to the block since it was read. */
const overtaken = (reply: Reply) => reply.sense?.key === SenseKey.miscompare;

/**
 * Pieces are done one after the other, from the front; from the back where the destination begins inside of the
 * source, so that every source byte is read before it is overwritten. Deallocated source blocks are deallocated in the
 * destination, or become zeros. A block that is written in part is merged by COMPARE AND WRITE, so that what hosts
 * write to its other bytes meanwhile is not lost.
 */
export class Transfer {
  private readonly backwards: boolean;
  /** What is left to do, as offsets. */
  private front = 0;
  private back: number;
  /** Source byte up to which blocks are known to be mapped. */
  private mappedTo = 0;
  private anyWritten = false;

  constructor(
    private readonly context: CopyContext,
    private readonly plan: TransferPlan,
  ) {
    const { data, destination, destinationByte, bytes } = plan;
    this.back = bytes;
    const overlap = destinationByte < data.sourceByte + data.sourceBytes;
    const behind = destinationByte + data.prefix.length > data.sourceByte;
    this.backwards = data.source.target.identity === destination.target.identity && overlap && behind;
  }

  run(done: PieceDone): void {
    if (this.front === this.back) {
      if (this.backwards) this.context.operation.bytes += this.plan.bytes;
      this.plan.held?.giveTo(this.context.operation);
      done(null);
      return;
    }
    this.context.steps.piece(
      (ended) => this.step(ended),
      (failure) => {
        if (failure === null) this.run(done);
        else done(this.withResidual(failure));
      },
    );
  }

  private step(done: PieceDone): void {
    const piece = this.backwards ? this.lastPiece() : this.firstPiece();
    if (!piece.whole) this.merge(piece, MERGE_ATTEMPTS, done);
    else if (this.mayBeHole(piece.offset)) this.look(piece, done);
    else this.copy(piece, done);
  }

  private firstPiece(): Piece {
    const { blockSize } = this.plan.destination.target;
    const into = (this.plan.destinationByte + this.front) % blockSize;
    const left = this.back - this.front;
    if (into !== 0 || left < blockSize) {
      return { offset: this.front, bytes: Math.min(blockSize - into, left), whole: false };
    }
    return { offset: this.front, bytes: this.wholeBlocks(Math.min(left, PIECE_BYTES)), whole: true };
  }

  private lastPiece(): Piece {
    const { blockSize } = this.plan.destination.target;
    const into = (this.plan.destinationByte + this.back) % blockSize;
    const left = this.back - this.front;
    if (into !== 0 || left < blockSize) {
      const bytes = Math.min(into || blockSize, left);
      return { offset: this.back - bytes, bytes, whole: false };
    }
    const bytes = this.wholeBlocks(Math.min(left, PIECE_BYTES));
    return { offset: this.back - bytes, bytes, whole: true };
  }

  private wholeBlocks(bytes: number): number {
    const { blockSize } = this.plan.destination.target;
    return Math.floor(bytes / blockSize) * blockSize;
  }

  private mayBeHole(offset: number): boolean {
    const place = this.plan.data.inSource(offset);
    return place !== null && this.plan.data.source.target.thin && place.byte >= this.mappedTo;
  }

  /** Asks whether the source holds anything there, and copies or makes a hole. */
  private look(piece: Piece, done: PieceDone): void {
    const { segment, data, destination } = this.plan;
    const { blockSize } = data.source.target;
    const place = data.inSource(piece.offset)!;
    const lba = Math.floor(place.byte / blockSize);
    const cdb = getLbaStatus(lba, LBA_STATUS_HEADER + LBA_STATUS_DESCRIPTOR);
    this.context.send(segment, data.source, { cdb }, (failure, reply) => {
      if (reply === null) {
        done(failure);
        return;
      }
      const [extent] = decodeLbaStatus(Buffer.concat(reply.data));
      reply.release();
      const follow = extent === undefined ? place.bytes : (lba + extent.blocks) * blockSize - place.byte;
      const run = Math.min(follow, place.bytes, this.back - piece.offset);
      const blocks = this.wholeBlocks(run);
      if (
        extent?.status === ProvisioningStatus.deallocated &&
        blocks > 0 &&
        (!this.backwards || blocks >= piece.bytes)
      ) {
        const most = this.backwards ? piece.bytes : ZERO_BLOCKS * destination.target.blockSize;
        this.zero({ ...piece, bytes: Math.min(blocks, most) }, done);
        return;
      }
      if (extent?.status !== ProvisioningStatus.deallocated && !this.backwards) this.mappedTo = place.byte + follow;
      // Up to where the next extent begins, so that it is asked for; a block at least.
      const bytes = this.backwards ? piece.bytes : Math.min(piece.bytes, blocks || destination.target.blockSize);
      this.copy({ ...piece, bytes }, done);
    });
  }

  private copy(piece: Piece, done: PieceDone): void {
    this.fetch(piece, done, (views, release) => {
      const command = (lba: number, blocks: number) => write16(lba, blocks);
      this.write(piece, command, views, (problem) => {
        release();
        done(problem);
      });
    });
  }

  /** The data of a piece, held if it is to be; a failure ends it. */
  private fetch(piece: Piece, done: PieceDone, use: (views: readonly Buffer[], release: () => void) => void): void {
    const { data, held } = this.plan;
    data.read(piece.offset, piece.offset + piece.bytes, (failure, views, release) => {
      if (failure !== null) {
        done(failure);
        return;
      }
      held?.add(piece.offset, views);
      use(views, release);
    });
  }

  private zero(piece: Piece, done: PieceDone): void {
    const flags = { ndob: true, unmap: this.plan.destination.target.thin };
    this.write(
      piece,
      (lba, blocks) => writeSame16(lba, blocks, flags),
      [],
      (failure) => {
        if (failure === null) this.context.operation.holeBytes += piece.bytes;
        done(failure);
      },
    );
  }

  private write(
    piece: Piece,
    command: (lba: number, blocks: number) => Buffer,
    data: readonly Buffer[],
    done: PieceDone,
  ): void {
    const { segment, destination, destinationByte } = this.plan;
    const { blockSize } = destination.target;
    const cdb = command((destinationByte + piece.offset) / blockSize, piece.bytes / blockSize);
    this.context.send(segment, destination, { cdb, data }, (failure, reply) => {
      reply?.release();
      if (failure === null) this.written(piece);
      done(failure);
    });
  }

  /** Replaces a part of one block. */
  private merge(piece: Piece, attempts: number, done: PieceDone): void {
    this.fetch(piece, done, (views, release) => {
      const bytes = Buffer.concat(views);
      release();
      this.mergeBytes(piece, bytes, attempts, done);
    });
  }

  private mergeBytes(piece: Piece, bytes: Buffer, attempts: number, done: PieceDone): void {
    const { segment, destination, destinationByte } = this.plan;
    const { blockSize } = destination.target;
    const at = destinationByte + piece.offset;
    const lba = Math.floor(at / blockSize);
    this.context.send(segment, destination, { cdb: read16(lba, 1) }, (failure, reply) => {
      if (reply === null) {
        done(failure);
        return;
      }
      const before = Buffer.concat(reply.data);
      reply.release();
      const after = Buffer.from(before);
      bytes.copy(after, at % blockSize);
      const tolerates = attempts > 1 ? overtaken : () => false;
      const command = { cdb: compareAndWrite(lba, 1), data: [before, after], tolerates };
      this.context.send(segment, destination, command, (problem, answer) => {
        answer?.release();
        if (problem === null && answer !== null && overtaken(answer)) {
          this.mergeBytes(piece, bytes, attempts - 1, done);
          return;
        }
        if (problem === null) this.written(piece);
        done(problem);
      });
    });
  }

  private written(piece: Piece): void {
    this.anyWritten = true;
    if (this.backwards) {
      this.back = piece.offset;
    } else {
      this.front = piece.offset + piece.bytes;
      this.context.operation.bytes += piece.bytes;
    }
  }

  /** INFORMATION tells the destination blocks not written, counted from the first gap, if any were (SPC-5 5.17.7.4). */
  private withResidual(failure: Failure): Failure {
    if (failure === 'stopped' || !this.anyWritten) return failure;
    const { destinationByte, bytes, destination } = this.plan;
    const { blockSize } = destination.target;
    const end = Math.ceil((destinationByte + bytes) / blockSize);
    const reached = Math.floor((destinationByte + this.front) / blockSize);
    return { ...failure, information: end - reached };
  }
}
