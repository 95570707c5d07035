/** READ and WRITE in all sizes (SBC-4 5.13–5.17, 5.39–5.43): the hot path; nothing here waits. */

import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, type Sense } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed, countsAsError } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { CdbSize, DPO, FUA, locate6, usage6 } from './cdb-shapes.js';
import { dataOut, hostIo } from './io.js';

/** Refuses a TRANSFER LENGTH above MAXIMUM TRANSFER LENGTH, pointing at the field. */
export function transferLimit(lengthByte: number): (unit: LogicalUnit, task: Task) => Sense | null {
  return (unit, task) => (task.blocks > unit.maxTransferBlocks ? invalidFieldInCdb(lengthByte) : null);
}

/** Bytes of the blocks addressed. */
export function bytesOfRange(unit: LogicalUnit, task: Task): number {
  return task.blocks * unit.blockSize;
}

function read(unit: LogicalUnit, task: Task, flags: number): void {
  const { lba, blocks } = task;
  if (blocks === 0) {
    task.good();
    return;
  }
  unit.ldev.top.read(hostIo(task, (flags & FUA) !== 0, (flags & DPO) !== 0), lba, blocks, (failure, data, release) => {
    if (failure !== null) {
      if (countsAsError(failure)) unit.counters.readErrors++;
      completeFailed(unit, task, failure);
      return;
    }
    unit.counters.reads++;
    unit.counters.readBlocks += blocks;
    task.data(data, blocks * unit.blockSize, release);
  });
}

/** WRITE and, with `atomic`, WRITE ATOMIC. */
export function write(unit: LogicalUnit, task: Task, flags: number, atomic = false): void {
  const { lba, blocks } = task;
  if (blocks === 0) {
    task.good();
    return;
  }
  const io = hostIo(task, (flags & FUA) !== 0 || unit.modes.writeThrough, (flags & DPO) !== 0, atomic);
  unit.ldev.top.write(io, lba, blocks, dataOut(task, blocks * unit.blockSize), (failure) => {
    if (failure !== null) {
      unit.counters.writeErrors++;
      completeFailed(unit, task, failure);
      return;
    }
    unit.counters.writes++;
    unit.counters.writtenBlocks += blocks;
    task.good();
  });
}

const runRead = (unit: LogicalUnit, task: Task) => read(unit, task, task.cdb[1]!);
const runWrite = (unit: LogicalUnit, task: Task) => write(unit, task, task.cdb[1]!);

const readRow = {
  conflict: 'read',
  reservation: Reservation.read,
  runsWhenStopped: false,
} as const;

const writeRow = {
  conflict: 'write',
  reservation: Reservation.write,
  runsWhenStopped: false,
  writes: true,
  transfer: 'blocks',
  dataOutBytes: bytesOfRange,
} as const;

function sized(opcode: number, size: CdbSize) {
  return {
    opcode,
    usage: size.usage(opcode, DPO | FUA),
    locate: size.locate,
    check: transferLimit(size.lengthByte),
  };
}

export const readWriteCommands: readonly Command[] = [
  defineCommand({
    ...readRow,
    name: 'READ(6)',
    opcode: Opcode.read6,
    usage: usage6(Opcode.read6),
    locate: locate6,
    run: (unit, task) => read(unit, task, 0),
  }),
  defineCommand({ ...readRow, ...sized(Opcode.read10, CdbSize.ten), name: 'READ(10)', run: runRead }),
  defineCommand({ ...readRow, ...sized(Opcode.read12, CdbSize.twelve), name: 'READ(12)', run: runRead }),
  defineCommand({ ...readRow, ...sized(Opcode.read16, CdbSize.sixteen), name: 'READ(16)', run: runRead }),
  defineCommand({
    ...writeRow,
    name: 'WRITE(6)',
    opcode: Opcode.write6,
    usage: usage6(Opcode.write6),
    locate: locate6,
    run: (unit, task) => write(unit, task, 0),
  }),
  defineCommand({ ...writeRow, ...sized(Opcode.write10, CdbSize.ten), name: 'WRITE(10)', run: runWrite }),
  defineCommand({ ...writeRow, ...sized(Opcode.write12, CdbSize.twelve), name: 'WRITE(12)', run: runWrite }),
  defineCommand({ ...writeRow, ...sized(Opcode.write16, CdbSize.sixteen), name: 'WRITE(16)', run: runWrite }),
];
