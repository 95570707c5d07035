/** Segments that populate RODs: BEh and BFh (SPC-5 6.4.6.20, 6.4.6.21). Data left over by others stays as it is. */
import type { ListedRange } from '../../../wire/scsi/block-ranges.js';
import { CscdField } from '../../../wire/scsi/cscd.js';
import type { PopulateSegment } from '../../../wire/scsi/rod-segments.js';
import {
  copyInvalidField,
  copySegmentField,
  incorrectCopyTargetDeviceType,
  insufficientResourcesForRod,
  type Sense,
  unreachableCopyTarget,
} from '../../../wire/scsi/sense.js';
import { Status } from '../../../wire/scsi/status.js';
import type { CopyContext } from '../copy-context.js';
import type { PieceDone } from '../copy-steps.js';
import type { CopyTarget, Reply } from '../copy-target.js';
import type { InternalRod } from './copy-rods.js';

const SOURCE_AT = 4;
const DESTINATION_AT = 6;

const noRoom = insufficientResourcesForRod();
const hasNoRoom = ({ sense }: Reply) => sense?.asc === noRoom.asc;

const isBeyond = ({ lba, blocks }: ListedRange, unit: CopyTarget) => blocks > 0 && lba + blocks > unit.blocks;

function inSegment(segment: PopulateSegment, byte: number) {
  return { segment: segment.number, field: { inCdb: false, byte, inSegment: true } };
}

function refusalOf(segment: PopulateSegment, rod: InternalRod, unit: CopyTarget): Sense | null {
  const { cscd, complete } = rod;
  if (complete) return copyInvalidField(inSegment(segment, DESTINATION_AT));
  const inCscd = (byte: number) => ({ segment: segment.number, field: { inCdb: false, byte: cscd.at + byte } });
  if (rod.rod.lost !== null) return unreachableCopyTarget(inCscd(0));
  if (cscd.blockLength !== 0 && cscd.blockLength !== unit.blockSize) {
    return incorrectCopyTargetDeviceType(inCscd(CscdField.blockLength));
  }
  const beyond = segment.ranges.find((range) => isBeyond(range, unit));
  return beyond === undefined ? null : copySegmentField(inSegment(segment, beyond.at - segment.at));
}

/** A segment and those behind it that populate the same ROD, so that one image serves them all. */
function runFrom({ number, destination }: PopulateSegment, context: CopyContext, unit: CopyTarget): PopulateSegment[] {
  const run: PopulateSegment[] = [];
  for (const next of context.operation.list.segments.slice(number)) {
    const fits = next.kind === 'populate' && next.destination === destination;
    if (!fits || next.ranges.some((range) => isBeyond(range, unit))) break;
    run.push(next);
  }
  return run;
}

export function populateRod(context: CopyContext, segment: PopulateSegment, done: PieceDone): void {
  const rod = context.rods.internal(segment.destination)!;
  const unit = context.own();
  if (unit === null) {
    done(unreachableCopyTarget(inSegment(segment, SOURCE_AT)));
    return;
  }
  const refusal = refusalOf(segment, rod, unit);
  if (refusal !== null || segment.number < rod.populatedTo) {
    done(refusal);
    return;
  }
  const run = runFrom(segment, context, unit);
  const ranges = run.flatMap((one) => one.ranges);
  const end = { role: 'source', target: unit, pad: false, streamBlock: null, at: null } as const;
  const begin = unit.populate.bind(unit, rod.rod, ranges);
  context.perform(segment, end, { begin, tolerates: hasNoRoom }, (failure, reply) => {
    reply?.release();
    if (reply?.status === Status.good) rod.populatedTo = segment.number + run.length;
    done(reply !== null && reply.status !== Status.good ? noRoom : failure);
  });
}
