/** Carries out the segments of a copy operation, one after the other (SPC-5 5.17.7.2). */
import type { Segment } from '../../wire/scsi/copy-segments.js';
import { copyBlocks, copyBytes, copyImage } from './copy-blocks.js';
import { reserve, verify } from './copy-checks.js';
import { CopyContext, type CopySurroundings } from './copy-context.js';
import type { CopyEnd, CopyOperation, Issuer } from './copy-operation.js';
import type { PieceDone } from './copy-steps.js';
import { populateRod } from './rod/populate.js';
import { copyStream, moveStream } from './stream/stream-copy.js';
import { copyTapeImage } from './stream/tape-image.js';

type Processes = {
  readonly [K in Segment['kind']]: (
    context: CopyContext,
    segment: Extract<Segment, { kind: K }>,
    done: PieceDone,
  ) => void;
};

const processes: Processes = {
  blocks: copyBlocks,
  bytes: copyBytes,
  image: copyImage,
  verify,
  reserve,
  stream: copyStream,
  motion: moveStream,
  'tape-image': copyTapeImage,
  populate: populateRod,
};

function processSegment<K extends Segment['kind']>(
  context: CopyContext,
  segment: Extract<Segment, { kind: K }>,
  done: PieceDone,
): void {
  (processes[segment.kind as K] as Processes[K])(context, segment, done);
}

/** `done` runs once, when nothing is transferred any more; perhaps before this returns. */
export function runCopy(
  operation: CopyOperation<Issuer>,
  surroundings: CopySurroundings,
  done: (end: CopyEnd) => void,
): void {
  const context = new CopyContext(operation, surroundings);
  const { segments } = operation.list;
  const next = () => {
    const segment = segments[operation.segments];
    if (segment === undefined) {
      done(null);
      return;
    }
    if (context.steps.stopped) {
      done('stopped');
      return;
    }
    operation.segments++;
    processSegment(context, segment, (failure) => {
      if (failure === null) surroundings.soon(next);
      else done(failure);
    });
  };
  next();
}
