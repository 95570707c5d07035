/** Segment 13h: blocks and filemarks of a tape as they are (SPC-5 6.4.6.16). Data left over by other segments stays as it is. */
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import { copyInvalidField, type Sense, SenseKey } from '../../../wire/scsi/sense.js';
import { readStream, writeFilemarks6, writeStream } from '../../../wire/scsi/stream-cdbs.js';
import type { TapeImageSegment } from '../../../wire/scsi/stream-segments.js';
import type { CopyContext, EndPoint } from '../copy-context.js';
import type { CopyEnd } from '../copy-operation.js';
import type { PieceDone } from '../copy-steps.js';
import type { Reply } from '../copy-target.js';
import { atField } from './stream-ends.js';

const DESTINATION_AT = 6;

const isFilemark = ({ sense }: Reply) => sense?.filemark === true;
const isEnd = ({ sense }: Reply) => sense?.key === SenseKey.blankCheck;
/** Shorter than what was asked for, that is than any block may be. */
const isShort = ({ sense }: Reply) => sense?.ili === true && (sense.information ?? 0) > 0;
const tolerates = (reply: Reply) => isShort(reply) || isFilemark(reply) || isEnd(reply);

class TapeImage {
  /** Copied since the last block. */
  private filemarks = 0;
  private ended = false;

  constructor(
    private readonly context: CopyContext,
    private readonly segment: TapeImageSegment,
    private readonly source: EndPoint,
    private readonly destination: EndPoint,
  ) {}

  run(done: PieceDone): void {
    if (this.ended) {
      done(null);
      return;
    }
    this.context.steps.piece(
      (ended) => this.step(ended),
      (end) => {
        if (end === null) this.run(done);
        else done(end);
      },
    );
  }

  /** Blocks of any length are read and written, whatever FIXED says: that is about transfers of data. */
  private step(done: PieceDone): void {
    const { context, segment, source } = this;
    const cdb = readStream(false, source.target.longestStreamBlock);
    context.send(segment, source, { cdb, tolerates }, (failure, reply) => {
      if (reply === null) done(failure);
      else if (isFilemark(reply)) this.filemark(reply, done);
      else if (isEnd(reply)) this.end(reply, done);
      else this.block(reply, done);
    });
  }

  private end(reply: Reply, done: PieceDone): void {
    reply.release();
    this.ended = true;
    done(null);
  }

  private block(reply: Reply, done: PieceDone): void {
    const bytes = reply.data.reduce((sum, { length }) => sum + length, 0);
    this.filemarks = 0;
    this.write(writeStream(false, bytes), reply, (end) => {
      if (end === null) this.context.operation.bytes += bytes;
      done(end);
    });
  }

  private filemark(reply: Reply, done: PieceDone): void {
    this.filemarks++;
    this.ended = this.filemarks === this.segment.filemarks;
    // Not waited for, as blocks are not: the host says by a segment 10h when all is to be on the medium.
    this.write(writeFilemarks6(1, true), { ...reply, data: [] }, done);
  }

  private write(cdb: Buffer, { data, release }: Reply, done: (end: CopyEnd) => void): void {
    this.context.send(this.segment, this.destination, { cdb, data }, (failure, reply) => {
      reply?.release();
      release();
      done(failure);
    });
  }
}

function endsOf(context: CopyContext, segment: TapeImageSegment): readonly [EndPoint, EndPoint] | Sense {
  const source = context.endPoint(segment, 'source', DeviceType.sequentialAccess);
  if ('key' in source) return source;
  const destination = context.endPoint(segment, 'destination', DeviceType.sequentialAccess);
  if ('key' in destination) return destination;
  // It has one position.
  const same = source.target.identity === destination.target.identity;
  return same ? copyInvalidField(atField(segment, DESTINATION_AT)) : [source, destination];
}

export function copyTapeImage(context: CopyContext, segment: TapeImageSegment, done: PieceDone): void {
  const ends = endsOf(context, segment);
  if ('key' in ends) done(ends);
  else new TapeImage(context, segment, ...ends).run(done);
}
