/** WRITE SAME on a logical unit with protection information (SBC-4 5.48 to 5.50). */
import { Opcode } from '../../../../../wire/scsi/opcodes.js';
import { decodeProtection, isUnchecked, PI_BYTES } from '../../../../../wire/scsi/protection.js';
import { applicationTagCheckFailed, invalidFieldInCdb, type Sense } from '../../../../../wire/scsi/sense.js';
import type { IoFailure } from '../../../../volumes/block-layer.js';
import { completeFailed } from '../../../io-failure.js';
import type { LogicalUnit } from '../../../logical-unit.js';
import { repeated, tileOf } from '../../../pattern.js';
import type { Task } from '../../../task.js';
import { dataOut, hostIo, inSteps } from '../io.js';
import { STEP_BYTES, WriteSameFlag } from '../write-same.js';
import {
  checkInformation,
  expectationOf,
  optionsByte,
  optionsOf,
  PROTECT_TOP_BIT,
  protectOf,
  sentBlocks,
  strideOf,
  written,
} from './access.js';
import { type Blocks, CHECKED } from './checks.js';
import { repeatedBlock } from './repeated-block.js';

const hasNoData = (task: Task) => task.cdb[0] !== Opcode.writeSame10 && (optionsOf(task) & WriteSameFlag.noData) !== 0;

export function writeSameDataOut(unit: LogicalUnit, task: Task): number {
  return hasNoData(task) ? 0 : strideOf(unit, protectOf(task));
}

/** There is no information to be checked where there is no data. */
export function refuseNoData(task: Task): Sense | null {
  return hasNoData(task) && protectOf(task) !== 0 ? invalidFieldInCdb(optionsByte(task)!, PROTECT_TOP_BIT) : null;
}

/** Its application tag is that of all blocks, and of some the mode page may want another one. */
function refuseTag(unit: LogicalUnit, task: Task, { bytes, lba, blockSize }: Blocks): Sense | null {
  const { type, ranges } = expectationOf(unit, task);
  const information = decodeProtection(bytes, blockSize);
  if (ranges === null || !CHECKED[protectOf(task)]!.applicationTag || isUnchecked(information, type)) return null;
  const other = ranges.firstOther(information.applicationTag, lba, task.blocks);
  return other === null ? null : applicationTagCheckFailed(other);
}

export function writeSame(unit: LogicalUnit, task: Task): void {
  const { lba, blocks: count } = task;
  const { ldev, blockSize } = unit;
  if (count === 0) {
    task.good();
    return;
  }
  const sent = protectOf(task) === 0 ? null : sentBlocks(unit, task, 1);
  const refusal = sent === null ? null : (checkInformation(unit, task, sent) ?? refuseTag(unit, task, sent));
  if (refusal !== null) {
    task.check(refusal);
    return;
  }
  const done = (failure: IoFailure | null) => {
    if (failure === null) {
      written(unit, task);
      return;
    }
    unit.counters.writeErrors++;
    completeFailed(unit, task, failure);
  };
  const io = hostIo(task, unit.modes.writeThrough, true);
  const unmaps = (optionsOf(task) & WriteSameFlag.unmap) !== 0 || hasNoData(task);
  if (ldev.thin && unmaps) {
    ldev.top.unmap(io, lba, count, done);
    return;
  }
  const information = sent !== null || hasNoData(task);
  const blocksFrom = source(unit, task, sent?.bytes ?? null);
  inSteps(
    unit,
    task,
    STEP_BYTES / blockSize,
    (from, step, next) =>
      ldev.top.write({ ...io, protected: information }, from, step, blocksFrom(from - lba, step), next),
    done,
  );
}

/** What is written: by number of the first block and how many. */
function source(
  unit: LogicalUnit,
  task: Task,
  block: Buffer | null,
): (first: number, count: number) => readonly Buffer[] {
  if (block !== null) return (first, count) => [repeatedBlock(unit, block, first, count)];
  const { blockSize } = unit;
  if (hasNoData(task)) {
    // As blocks that nobody has written.
    const empty = Buffer.concat([Buffer.alloc(blockSize), Buffer.alloc(PI_BYTES, 0xff)]);
    return (_first, count) => [Buffer.alloc(count * empty.length, empty)];
  }
  const tile = tileOf(Buffer.concat(dataOut(task, blockSize)), blockSize);
  return (_first, count) => repeated(tile, count * blockSize);
}
