/** Segments with stream devices: 00h, 01h, 03h to 06h, 08h, 09h, 0Bh, 0Ch, 0Eh, 0Fh, 10h to 12h (SPC-5 6.4.6). */
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import { type Sense, unexpectedInexactSegment } from '../../../wire/scsi/sense.js';
import type { MotionSegment, StreamSegment } from '../../../wire/scsi/stream-segments.js';
import type { CopyContext } from '../copy-context.js';
import type { PieceDone } from '../copy-steps.js';
import { HeldPart } from '../held-part.js';
import { type Rest, restBy } from '../residual.js';
import { amountsOf, type StreamAmounts } from './stream-amounts.js';
import { beyond, type InputEnd, inputOf, type OutputEnd, outputOf } from './stream-ends.js';
import { StreamTransfer } from './stream-transfer.js';

const pads = (one: InputEnd | OutputEnd) => 'end' in one && one.end.pad;

function restOf(segment: StreamSegment, input: InputEnd, output: OutputEnd, amounts: StreamAmounts): Rest | Sense {
  const { head, leftSource, processed, read, written } = amounts;
  const rule = {
    concatenate: segment.concatenate,
    padsSource: pads(input),
    padsDestination: pads(output),
    // Blocks and bytes of a block device are told by the segment.
    told: output.kind !== 'stream',
    unit: output.kind === 'stream' ? output.unit : 1,
  };
  const rest = restBy(rule, leftSource + read - processed, head + processed - written);
  return rest ?? unexpectedInexactSegment({ segment: segment.number });
}

/** Moves data with residuals, as between block devices (SPC-5 5.17.7.2). */
export function copyStream(context: CopyContext, segment: StreamSegment, done: PieceDone): void {
  const input = inputOf(context, segment);
  if ('key' in input) {
    done(input);
    return;
  }
  const output = outputOf(context, segment);
  if ('key' in output) {
    done(output);
    return;
  }
  const before = context.residual;
  const amounts = amountsOf(segment, input, output, before);
  const { head, processed, read, written } = amounts;
  const rest = restOf(segment, input, output, amounts);
  if ('key' in rest) {
    done(rest);
    return;
  }
  const restDestination = head + processed - written;
  const content = rest.padding > 0 ? written + restDestination : written;
  const refusal = beyond(segment, input, read) ?? beyond(segment, output, content + rest.padding);
  if (refusal !== null) {
    done(refusal);
    return;
  }
  const discards = output.kind === 'discard';
  const prefix = discards ? before.source : Buffer.concat([before.destination, before.source]);
  const held = segment.hold ? new HeldPart(head, head + processed) : null;
  const plan = { segment, input, output, prefix, read, content, padding: rest.padding, held };
  new StreamTransfer(context, plan).run((failure, tail) => {
    const nothing = Buffer.alloc(0);
    // With padding, what was left over of the destination has been written.
    const kept = rest.padding > 0 ? 0 : restDestination;
    const destination = rest.keepsDestination ? tail.subarray(0, kept) : nothing;
    context.residual = {
      source: rest.keepsSource ? tail.subarray(kept) : nothing,
      destination: discards ? before.destination : destination,
    };
    done(failure);
  });
}

/** 10h to 12h: one command to the destination. Data left over by other segments stays as it is. */
export function moveStream(context: CopyContext, segment: MotionSegment, done: PieceDone): void {
  const end = context.endPoint(segment, 'destination', DeviceType.sequentialAccess);
  if ('key' in end) {
    done(end);
    return;
  }
  context.send(segment, end, { cdb: segment.cdb }, (failure, reply) => {
    reply?.release();
    done(failure);
  });
}
