/**
 * COMPARE AND WRITE (SBC-4 5.3). Atomic because the task set keeps commands that touch the same blocks apart
 * (conflict class `write`): nothing can come between the comparison and the write.
 */

import { native } from '../../../../native/index.js';
import { lba16 } from '../../../../wire/scsi/cdb.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, miscompareDuringVerify, type Sense } from '../../../../wire/scsi/sense.js';
import { slice } from '../../../base/views.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed, countsAsError } from '../../io-failure.js';
import { Limits } from '../../limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { DPO, FUA, GROUP_NUMBER } from './cdb-shapes.js';
import { hostIo } from './io.js';
import { bytesOfRange } from './read-write.js';

const COUNT_BYTE = 13;

function run(unit: LogicalUnit, task: Task): void {
  const { lba, blocks } = task;
  if (blocks === 0) {
    task.good();
    return;
  }
  const bytes = blocks * unit.blockSize;
  const io = hostIo(task, (task.cdb[1]! & FUA) !== 0 || unit.modes.writeThrough, (task.cdb[1]! & DPO) !== 0);
  unit.ldev.top.read(io, lba, blocks, (failure, data, release) => {
    if (failure !== null) {
      if (countsAsError(failure)) unit.counters.readErrors++;
      completeFailed(unit, task, failure);
      return;
    }
    const differs = native.compare(data, slice(task.dataOut, 0, bytes));
    release();
    if (differs >= 0) {
      task.check(miscompareDuringVerify(differs));
      return;
    }
    unit.ldev.top.write(io, lba, blocks, slice(task.dataOut, bytes, bytes), (problem) => {
      if (problem !== null) {
        unit.counters.writeErrors++;
        completeFailed(unit, task, problem);
        return;
      }
      unit.counters.writes++;
      unit.counters.writtenBlocks += blocks;
      task.good();
    });
  });
}

/**
 * The data must be exactly twice the blocks. If it is not, the count is what is wrong: an initiator that
 * compares 256 blocks sends the low byte of that.
 */
export function fitsComparison(task: Task, bytes: number): Sense | null {
  const fits = task.blocks <= Limits.compareAndWriteBlocks && task.expectedDataOut === bytes;
  return fits ? null : invalidFieldInCdb(COUNT_BYTE);
}

export const compareAndWriteCommand: Command = defineCommand({
  name: 'COMPARE AND WRITE',
  opcode: Opcode.compareAndWrite,
  usage: [Opcode.compareAndWrite, DPO | FUA, ...new Array<number>(8).fill(0xff), 0, 0, 0, 0xff, GROUP_NUMBER, 0],
  conflict: 'write',
  reservation: Reservation.write,
  runsWhenStopped: false,
  writes: true,
  transfer: 'exact',
  locate: (_unit, task) => {
    task.lba = lba16(task.cdb);
    task.blocks = task.cdb[COUNT_BYTE]!;
  },
  check: (unit, task) => fitsComparison(task, 2 * bytesOfRange(unit, task)),
  dataOutBytes: (unit, task) => 2 * bytesOfRange(unit, task),
  run,
});
