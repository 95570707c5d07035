/** The ends of segments with stream devices: what is read from and written to, and in which units. */
import type { Segment } from '../../../wire/scsi/copy-segments.js';
import { CscdField } from '../../../wire/scsi/cscd.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import { copyInvalidField, copySegmentField, inlineDataExceeded, type Sense } from '../../../wire/scsi/sense.js';
import { StreamField, type StreamSegment } from '../../../wire/scsi/stream-segments.js';
import type { CopyContext, EndPoint } from '../copy-context.js';
import { CopyLimits } from '../copy-limits.js';

/** Blocks or bytes of a block device. */
export interface BlockEnd {
  readonly kind: 'blocks' | 'bytes';
  readonly end: EndPoint;
  /** Byte of the device to begin at. */
  readonly byte: number;
  /** That the segment tells of. */
  readonly bytes: number;
  /** Bytes that it is read in. */
  readonly unit: number;
}

/** A stream device at its position. */
export interface StreamEnd {
  readonly kind: 'stream';
  readonly end: EndPoint;
  /** TRANSFER LENGTH of its READs or WRITEs, and the bytes of that. */
  readonly transfer: number;
  readonly unit: number;
}

/** Data of the parameter list. */
export interface ListEnd {
  readonly kind: 'list';
  readonly data: Buffer;
}

export type InputEnd = BlockEnd | StreamEnd | ListEnd;
export type OutputEnd = BlockEnd | StreamEnd | { readonly kind: 'discard' };

export function atField(segment: Segment, byte: number) {
  return { segment: segment.number, field: { inCdb: false, byte, inSegment: true } };
}

function stream(
  context: CopyContext,
  segment: StreamSegment,
  role: EndPoint['role'],
  transfer: number,
  field: number,
): StreamEnd | Sense {
  const end = context.endPoint(segment, role, DeviceType.sequentialAccess);
  if ('key' in end) return end;
  if (end.streamBlock === 0) {
    return copyInvalidField({
      segment: segment.number,
      field: { inCdb: false, byte: (end.at ?? 0) + CscdField.blockLength },
    });
  }
  const unit = transfer * (end.streamBlock ?? 1);
  const fits = unit > 0 && unit <= CopyLimits.streamBytes;
  return fits ? { kind: 'stream', end, transfer, unit } : copyInvalidField(atField(segment, field));
}

type Blocks = Extract<StreamSegment['input'], { readonly lba: number }>;

function blocks(context: CopyContext, segment: StreamSegment, role: EndPoint['role'], of: Blocks): BlockEnd | Sense {
  const end = context.endPoint(segment, role);
  if ('key' in end) return end;
  const { blockSize } = end.target;
  const offset = of.kind === 'bytes' ? of.offset : 0;
  if (offset >= blockSize) return copyInvalidField(atField(segment, StreamField.offset));
  const bytes = of.kind === 'bytes' ? of.bytes : of.blocks * blockSize;
  // Of nothing, the LBA may be any.
  const byte = bytes === 0 ? 0 : of.lba * blockSize + offset;
  return { kind: of.kind, end, byte, bytes, unit: of.kind === 'bytes' ? 1 : blockSize };
}

export function inputOf(context: CopyContext, segment: StreamSegment): InputEnd | Sense {
  const { input } = segment;
  switch (input.kind) {
    case 'stream':
      return stream(context, segment, 'source', input.transfer, StreamField.transfer);
    case 'embedded':
      return { kind: 'list', data: input.data };
    case 'inline': {
      const { offset, bytes } = input;
      if (offset + bytes > context.inline.length) return inlineDataExceeded({ segment: segment.number });
      return { kind: 'list', data: context.inline.subarray(offset, offset + bytes) };
    }
    default:
      return blocks(context, segment, 'source', input);
  }
}

export function outputOf(context: CopyContext, segment: StreamSegment): OutputEnd | Sense {
  const { input, output } = segment;
  switch (output.kind) {
    case 'discard':
      return output;
    case 'stream': {
      const field = input.kind === 'stream' ? StreamField.secondTransfer : StreamField.transfer;
      return stream(context, segment, 'destination', output.transfer, field);
    }
    default:
      return blocks(context, segment, 'destination', output);
  }
}

/** Refuses a range that goes beyond the end of a block device. */
export function beyond(segment: StreamSegment, one: InputEnd | OutputEnd, bytes: number): Sense | null {
  if (one.kind !== 'blocks' && one.kind !== 'bytes') return null;
  const { blockSize, blocks: capacity } = one.end.target;
  const outside = bytes > 0 && Math.ceil((one.byte + bytes) / blockSize) > capacity;
  return outside ? copySegmentField(atField(segment, StreamField.lba)) : null;
}
