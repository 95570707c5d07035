import type { StreamSegment } from '../../../wire/scsi/stream-segments.js';
import type { CopyContext } from '../copy-context.js';
import type { InputEnd, OutputEnd } from './stream-ends.js';

/** How much a segment moves, in bytes, with what is left over from before (SPC-5 table 115). */
export interface StreamAmounts {
  /** What was left over, in order: destination data unless it is for another destination, source data. */
  readonly head: number;
  readonly leftSource: number;
  /** Turned from source data into destination data. */
  readonly processed: number;
  readonly read: number;
  readonly written: number;
}

const upTo = (bytes: number, unit: number) => Math.ceil(Math.max(0, bytes) / unit) * unit;

export function amountsOf(
  segment: StreamSegment,
  input: InputEnd,
  output: OutputEnd,
  before: CopyContext['residual'],
): StreamAmounts {
  const leftSource = before.source.length;
  // What is discarded is no destination's: what waits for one goes on waiting.
  const head = output.kind === 'discard' ? 0 : before.destination.length;
  if (input.kind === 'list') {
    const processed = leftSource + input.data.length;
    return { head, leftSource, processed, read: input.data.length, written: writtenOf(output, head + processed) };
  }
  if (output.kind === 'blocks' || output.kind === 'bytes') {
    const processed = Math.max(0, output.bytes - head);
    return { head, leftSource, processed, read: upTo(processed - leftSource, input.unit), written: output.bytes };
  }
  const processed = input.kind === 'stream' ? (segment.bytes ?? 0) : input.bytes;
  const wanted = input.kind === 'bytes' ? processed : processed - leftSource;
  return { head, leftSource, processed, read: upTo(wanted, input.unit), written: writtenOf(output, head + processed) };
}

function writtenOf(output: OutputEnd, bytes: number): number {
  return output.kind === 'stream' ? Math.floor(bytes / output.unit) * output.unit : bytes;
}
