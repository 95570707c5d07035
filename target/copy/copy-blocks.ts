/** Segments that copy data between block devices: 02h, 0Ah, 0Dh and 16h (SPC-5 6.4.6.4, 6.4.6.12, 6.4.6.19). */
import {
  type BlockSegment,
  type ByteSegment,
  type ImageSegment,
  type Segment,
  SegmentField,
} from '../../wire/scsi/copy-segments.js';
import {
  copyInvalidField,
  copySegmentField,
  incorrectCopyTargetDeviceType,
  type Sense,
  unexpectedInexactSegment,
} from '../../wire/scsi/sense.js';
import type { CopyContext, EndPoint } from './copy-context.js';
import type { PieceDone } from './copy-steps.js';
import { HeldPart } from './held-part.js';
import { restBy } from './residual.js';
import { Transfer } from './transfer.js';
import { VirtualData } from './virtual-data.js';

interface Ends {
  readonly source: EndPoint;
  readonly destination: EndPoint;
}

/** Both ends of a segment, or why one of them will not do. */
function endsOf(context: CopyContext, segment: Segment): Ends | Sense {
  const source = context.endPoint(segment, 'source');
  if ('key' in source) return source;
  const destination = context.endPoint(segment, 'destination');
  return 'key' in destination ? destination : { source, destination };
}

function atField(segment: Segment, byte: number) {
  return { segment: segment.number, field: { inCdb: false, byte, inSegment: true } };
}

/** How much a segment moves, in bytes. */
interface Amounts {
  /** From the beginning of the first block. */
  readonly sourceOffset: number;
  readonly destinationOffset: number;
  /** Turned from source data into destination data. */
  readonly processed: number;
  /** Read from the source: whole blocks, but for offsets. */
  readonly read: number;
  readonly written: number;
}

/** SPC-5 table 115: how much 02h and 0Dh read and write, with what is left over from before. */
function blockAmounts(segment: BlockSegment, { source, destination }: Ends, before: CopyContext['residual']): Amounts {
  const sourceSize = source.target.blockSize;
  const destinationSize = destination.target.blockSize;
  const left = before.destination.length;
  const counted = segment.blocks * (segment.destinationCount ? destinationSize : sourceSize);
  const processed = segment.destinationCount ? Math.max(0, counted - left) : counted;
  const missing = Math.max(0, processed - before.source.length);
  const read = Math.ceil(missing / sourceSize) * sourceSize;
  const fitting = Math.floor((left + processed) / destinationSize) * destinationSize;
  const written = segment.destinationCount ? counted : fitting;
  return { sourceOffset: 0, destinationOffset: 0, processed, read, written };
}

/** Refuses ranges that go beyond the end of either unit. @param written to the destination, padding included */
function outOfRange(segment: BlockSegment | ByteSegment, ends: Ends, amounts: Amounts, written: number): Sense | null {
  const beyond = ({ target }: EndPoint, lba: number, offset: number, bytes: number) =>
    bytes > 0 && lba + Math.ceil((offset + bytes) / target.blockSize) > target.blocks;
  const fields = SegmentField[segment.kind];
  if (beyond(ends.source, segment.sourceLba, amounts.sourceOffset, amounts.read)) {
    return copySegmentField(atField(segment, fields.sourceLba));
  }
  if (beyond(ends.destination, segment.destinationLba, amounts.destinationOffset, written)) {
    return copySegmentField(atField(segment, fields.destinationLba));
  }
  return null;
}

/** What becomes of data that did not fit. */
function restOf(segment: BlockSegment | ByteSegment, ends: Ends, restSource: number, restDestination: number) {
  const { concatenate, number } = segment;
  // Where the end of what is written is told, there is no block to pad.
  const told = segment.kind === 'bytes' || segment.destinationCount;
  const { pad: padsSource } = ends.source;
  const { pad: padsDestination, target } = ends.destination;
  const how = { concatenate, padsSource, padsDestination, told, unit: target.blockSize };
  return restBy(how, restSource, restDestination) ?? unexpectedInexactSegment({ segment: number });
}

/** Bytes from the beginning of a unit; of nothing, 0: the LBA may then be any. */
function byteOf({ target }: EndPoint, lba: number, offset: number, bytes: number): number {
  return bytes === 0 ? 0 : lba * target.blockSize + offset;
}

/**
 * Moves data with residuals (SPC-5 5.17.7.2): left-over destination data, left-over source data and what is read make
 * one row of bytes, of which the beginning is written and the end is left over.
 */
function move(
  context: CopyContext,
  segment: BlockSegment | ByteSegment,
  ends: Ends,
  amounts: Amounts,
  done: PieceDone,
): void {
  const before = context.residual;
  const head = before.destination.length;
  const { processed, read, written } = amounts;
  const available = head + before.source.length + read;
  const restDestination = head + processed - written;
  const rest = restOf(segment, ends, available - head - processed, restDestination);
  if ('key' in rest) {
    done(rest);
    return;
  }
  const content = rest.padding > 0 ? written + restDestination : written;
  const bytes = content + rest.padding;
  const refusal = outOfRange(segment, ends, amounts, bytes);
  if (refusal !== null) {
    done(refusal);
    return;
  }
  const { source, destination } = ends;
  const prefix = Buffer.concat([before.destination, before.source]);
  const sourceByte = byteOf(source, segment.sourceLba, amounts.sourceOffset, read);
  const data = new VirtualData(context, segment, source, prefix, sourceByte, read);
  const held = segment.kind === 'blocks' && segment.hold ? new HeldPart(head, head + processed) : null;
  const wanted = rest.keepsSource || rest.keepsDestination || held !== null;
  // Read before anything is written, as the destination may overlap the source.
  data.read(written, wanted ? available : written, (failure, views, release) => {
    if (failure !== null) {
      done(failure);
      return;
    }
    held?.add(written, views);
    const tail = Buffer.concat(views);
    release();
    const destinationByte = byteOf(destination, segment.destinationLba, amounts.destinationOffset, bytes);
    const plan = { segment, data: data.first(content), bytes, destination, destinationByte, held };
    new Transfer(context, plan).run((problem) => {
      context.residual = {
        source: rest.keepsSource ? tail.subarray(restDestination) : Buffer.alloc(0),
        destination: rest.keepsDestination ? tail.subarray(0, restDestination) : Buffer.alloc(0),
      };
      done(problem);
    });
  });
}

/** 02h, 0Dh. */
export function copyBlocks(context: CopyContext, segment: BlockSegment, done: PieceDone): void {
  const ends = endsOf(context, segment);
  if ('key' in ends) done(ends);
  else move(context, segment, ends, blockAmounts(segment, ends, context.residual), done);
}

/** 0Ah. What stands before and after the bytes in the first and last destination block stays as it is. */
export function copyBytes(context: CopyContext, segment: ByteSegment, done: PieceDone): void {
  const ends = endsOf(context, segment);
  if ('key' in ends) {
    done(ends);
    return;
  }
  const { sourceOffset, destinationOffset, bytes } = segment;
  const fields = SegmentField.bytes;
  if (sourceOffset >= ends.source.target.blockSize) {
    done(copyInvalidField(atField(segment, fields.sourceOffset)));
  } else if (destinationOffset >= ends.destination.target.blockSize) {
    done(copyInvalidField(atField(segment, fields.destinationOffset)));
  } else {
    const amounts = { sourceOffset, destinationOffset, processed: bytes, read: bytes, written: bytes };
    move(context, segment, ends, amounts, done);
  }
}

/** 16h. Ends where either unit ends. What is left over from other segments waits for a later one. */
export function copyImage(context: CopyContext, segment: ImageSegment, done: PieceDone): void {
  const ends = endsOf(context, segment);
  if ('key' in ends) {
    done(ends);
    return;
  }
  const { source, destination } = ends;
  const { blockSize } = source.target;
  const { sourceLba, destinationLba } = segment;
  const fields = SegmentField.image;
  if (blockSize !== destination.target.blockSize) {
    done(incorrectCopyTargetDeviceType({ segment: segment.number }));
  } else if (sourceLba >= source.target.blocks) {
    done(copySegmentField(atField(segment, fields.sourceLba)));
  } else if (destinationLba >= destination.target.blocks) {
    done(copySegmentField(atField(segment, fields.destinationLba)));
  } else {
    const room = Math.min(source.target.blocks - sourceLba, destination.target.blocks - destinationLba);
    const bytes = Math.min(segment.blocks, room) * blockSize;
    const data = new VirtualData(context, segment, source, Buffer.alloc(0), sourceLba * blockSize, bytes);
    const destinationByte = destinationLba * blockSize;
    new Transfer(context, { segment, data, bytes, destination, destinationByte, held: null }).run(done);
  }
}
