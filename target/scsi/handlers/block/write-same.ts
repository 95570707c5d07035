/** WRITE SAME(10) and (16) (SBC-4 5.48, 5.49). */

import { native } from '../../../../native/index.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, type Sense } from '../../../../wire/scsi/sense.js';
import type { IoFailure } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed } from '../../io-failure.js';
import { Limits } from '../../limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { repeated, tileOf } from '../../pattern.js';
import type { Task } from '../../task.js';
import { CdbSize, toTheEnd } from './cdb-shapes.js';
import { dataOut, hostIo, inSteps } from './io.js';

/** UNMAP and NDOB. */
export const WriteSameFlag = { unmap: 0x08, noData: 0x01 } as const;
const UNMAP_BIT = 3;

export const STEP_BYTES = 4 * 1024 * 1024;

function hasNoData(task: Task): boolean {
  return task.cdb[0] === Opcode.writeSame16 && (task.cdb[1]! & WriteSameFlag.noData) !== 0;
}

/** @param flagsByte of UNMAP in the CDB */
export function refuseWriteSame(unit: LogicalUnit, task: Task, flagsByte: number, lengthByte: number): Sense | null {
  const unmaps = (task.cdb[flagsByte]! & WriteSameFlag.unmap) !== 0;
  if (unmaps && !unit.ldev.thin) return invalidFieldInCdb(flagsByte, UNMAP_BIT);
  return task.blocks > Limits.writeSameBlocks ? invalidFieldInCdb(lengthByte) : null;
}

function run(unit: LogicalUnit, task: Task): void {
  if (task.blocks === 0) {
    task.good();
    return;
  }
  const pattern = hasNoData(task) ? null : Buffer.concat(dataOut(task, unit.blockSize));
  const zeros = pattern === null || native.isZero(pattern);
  const { counters, ldev } = unit;
  const { blocks } = task;
  const done = (failure: IoFailure | null) => {
    if (failure !== null) {
      counters.writeErrors++;
      completeFailed(unit, task, failure);
      return;
    }
    counters.writes++;
    counters.writtenBlocks += blocks;
    task.good();
  };
  const io = hostIo(task, unit.modes.writeThrough, true);
  // Zeros on a thin LDEV need no room whether UNMAP is set or not: a block that reads as zeros may go from
  // mapped to deallocated at any time (SBC-4 4.7.3.5). With UNMAP the pattern is not looked at: initiators that
  // send one of ones with it expect zeros (iscsi-test-cu does), as other targets have it.
  if (ldev.thin && (zeros || (task.cdb[1]! & WriteSameFlag.unmap) !== 0)) {
    ldev.top.unmap(io, task.lba, blocks, done);
    return;
  }
  const tile = tileOf(pattern, unit.blockSize);
  const stepBlocks = STEP_BYTES / unit.blockSize;
  inSteps(
    unit,
    task,
    stepBlocks,
    (lba, count, next) => ldev.top.write(io, lba, count, repeated(tile, count * unit.blockSize), next),
    done,
  );
}

function row(opcode: number, size: CdbSize, flags: number): Command {
  return defineCommand({
    name: `WRITE SAME${size.suffix}`,
    opcode,
    usage: size.usage(opcode, flags),
    conflict: 'write',
    reservation: Reservation.write,
    runsWhenStopped: false,
    writes: true,
    transfer: 'exact',
    locate: toTheEnd(size.locate),
    check: (unit, task) => refuseWriteSame(unit, task, 1, size.lengthByte),
    dataOutBytes: (unit, task) => (hasNoData(task) ? 0 : unit.blockSize),
    run,
  });
}

/** ANCHOR is not in the usage data: blocks cannot be anchored here. */
export const writeSameCommands: readonly Command[] = [
  row(Opcode.writeSame10, CdbSize.ten, WriteSameFlag.unmap),
  row(Opcode.writeSame16, CdbSize.sixteen, WriteSameFlag.unmap | WriteSameFlag.noData),
];
