/** Moves the data of a segment with a stream device at an end: read in the units of the source, written in those of the destination. */

import { readStream, writeStream } from '../../../wire/scsi/stream-cdbs.js';
import type { StreamSegment } from '../../../wire/scsi/stream-segments.js';
import { slice } from '../../base/views.js';
import type { CopyContext, EndPoint } from '../copy-context.js';
import { PIECE_BYTES } from '../copy-limits.js';
import type { CopyEnd, Failure } from '../copy-operation.js';
import type { PieceDone } from '../copy-steps.js';
import type { HeldPart } from '../held-part.js';
import { Transfer } from '../transfer.js';
import { VirtualData } from '../virtual-data.js';
import type { BlockEnd, InputEnd, OutputEnd, StreamEnd } from './stream-ends.js';

export interface StreamPlan {
  readonly segment: StreamSegment;
  readonly input: InputEnd;
  readonly output: OutputEnd;
  /** Left over from before: comes first. */
  readonly prefix: Buffer;
  /** Bytes to read. */
  readonly read: number;
  /** Bytes to write, and zeros after them. */
  readonly content: number;
  readonly padding: number;
  readonly held: HeldPart | null;
}

type Take = (failure: Failure | null, views: readonly Buffer[], release: () => void) => void;

const NOTHING = Buffer.alloc(0);
const SMALL_BYTES = 4096;

export class StreamTransfer {
  /** Read, or left over, and not written. */
  private waiting: Buffer[];
  private have: number;
  private read = 0;
  private written = 0;

  constructor(
    private readonly context: CopyContext,
    private readonly plan: StreamPlan,
  ) {
    this.waiting = [plan.prefix];
    this.have = plan.prefix.length;
    plan.held?.add(0, [plan.prefix]);
  }

  /** @param done with what was not written */
  run(done: (end: CopyEnd, tail: Buffer) => void): void {
    const { plan, context } = this;
    if (this.read === plan.read && this.written === plan.content + plan.padding) {
      plan.held?.giveTo(context.operation);
      done(null, Buffer.concat(this.waiting));
      return;
    }
    const due = this.due();
    const writes = due > 0 && (this.have >= due || this.read === plan.read);
    const next: PieceDone = (failure) => {
      if (failure === null) this.run(done);
      else done(failure, NOTHING);
    };
    const { output } = plan;
    // Writes to block devices take turns of their own.
    if (writes && (output.kind === 'blocks' || output.kind === 'bytes')) this.writeBlocks(output, due, next);
    else context.steps.piece((ended) => (writes ? this.write(due, ended) : this.fetch(ended)), next);
  }

  /** Bytes that the next write takes, zeros included; 0: there is none. */
  private due(): number {
    const { output, content, padding } = this.plan;
    const left = content + padding - this.written;
    if (output.kind === 'stream') return Math.min(output.unit, left);
    if (output.kind === 'discard') return Math.min(left, Math.max(this.have, 1));
    const most = Math.min(left, PIECE_BYTES);
    if (most === left) return left;
    // Up to the end of a block.
    return most - ((output.byte + this.written + most) % output.end.target.blockSize);
  }

  private fetch(ended: PieceDone): void {
    const { input, segment, prefix, read, held } = this.plan;
    const take: Take = (failure, views, release) => {
      if (failure === null) {
        // Copied, as it may wait for its write until other segments have run.
        const data = Buffer.concat(views);
        held?.add(prefix.length + this.read, [data]);
        this.keep(data);
        this.read += data.length;
      }
      release();
      ended(failure);
    };
    if (input.kind === 'list') take(null, [input.data], () => {});
    else if (input.kind === 'stream') this.fetchStream(input, take);
    else {
      const data = new VirtualData(this.context, segment, input.end, NOTHING, input.byte, read);
      data.read(this.read, Math.min(read, this.read + PIECE_BYTES), take);
    }
  }

  /** Small pieces are put together: each has a cost of its own, and there may be a million of them in one write. */
  private keep(data: Buffer): void {
    const { waiting } = this;
    waiting.push(data);
    this.have += data.length;
    for (;;) {
      const [older, newest] = waiting.slice(-2);
      if (newest === undefined || newest.length >= SMALL_BYTES || older!.length > newest.length) return;
      waiting.splice(-2, 2, Buffer.concat([older!, newest]));
    }
  }

  private fetchStream({ end, transfer }: StreamEnd, take: Take): void {
    const cdb = readStream(end.streamBlock !== null, transfer);
    this.context.send(this.plan.segment, end, { cdb }, (failure, reply) => {
      take(failure, reply?.data ?? [], reply?.release ?? (() => {}));
    });
  }

  /** The next bytes that wait, and zeros where there are no more. */
  private take(bytes: number): readonly Buffer[] {
    const content = Math.min(bytes, this.plan.content - this.written);
    const data = slice(this.waiting, 0, content);
    this.waiting = [...slice(this.waiting, content, this.have - content)];
    this.have -= content;
    return content < bytes ? [...data, Buffer.alloc(bytes - content)] : data;
  }

  private write(bytes: number, ended: PieceDone): void {
    const { output, segment } = this.plan;
    const data = this.take(bytes);
    if (output.kind !== 'stream') {
      this.written += bytes;
      ended(null);
      return;
    }
    const cdb = writeStream(output.end.streamBlock !== null, output.transfer);
    this.context.send(segment, output.end, { cdb, data }, (failure, reply) => {
      reply?.release();
      if (failure === null) {
        this.written += bytes;
        this.context.operation.bytes += bytes;
      }
      ended(failure);
    });
  }

  private writeBlocks({ end, byte }: BlockEnd, bytes: number, done: PieceDone): void {
    const { segment } = this.plan;
    const prefix = Buffer.concat(this.take(bytes));
    // All of it is there: nothing is read of a source.
    const data = new VirtualData(this.context, segment, end, prefix, 0, 0);
    const destinationByte = byte + this.written;
    const plan = { segment, data, bytes, destination: end, destinationByte, held: null };
    new Transfer(this.context, plan).run((failure) => {
      if (failure === null) {
        this.written += bytes;
        done(null);
      } else done(this.withResidual(failure, end, destinationByte, bytes));
    });
  }

  /** INFORMATION tells the blocks of the whole segment that were not written, if any were. */
  private withResidual(failure: Failure, { target }: EndPoint, from: number, bytes: number): Failure {
    if (failure === 'stopped' || (this.written === 0 && failure.information === undefined)) return failure;
    const { content, padding } = this.plan;
    const blockOf = (byte: number) => Math.ceil(byte / target.blockSize);
    const ofPiece = failure.information ?? blockOf(from + bytes) - Math.floor(from / target.blockSize);
    const after = blockOf(from - this.written + content + padding) - blockOf(from + bytes);
    return { ...failure, information: ofPiece + after };
  }
}
