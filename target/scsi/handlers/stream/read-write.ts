/** READ(6), READ REVERSE(6), WRITE(6) and WRITE FILEMARKS(6) of sequential-access devices (SSC-5 5.8, 5.9, 5.14, 5.15). */
import { Opcode, StreamOpcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, type Sense } from '../../../../wire/scsi/sense.js';
import { sectorsOf } from '../../../tape/layout.js';
import { TapeLimits } from '../../../tape/tape-limits.js';
import {
  backwards,
  bytesBackwards,
  forwards,
  type ReadResult,
  readFixed,
  readVariable,
  wasWritten,
  writeFilemarks,
  writeFixed,
  writeVariable,
} from '../../../tape/tape-transfer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';
import { dataOut, hostIo } from '../block/io.js';
import { complete } from './complete.js';

const FIXED = 0x01;
const SILI = 0x02;
const BYTORD = 0x04;
const IMMED = 0x01;
/** TRANSFER LENGTH, three bytes. */
const LENGTH_AT = 2;

export const lengthOf = ({ cdb }: Task) => cdb.readUIntBE(LENGTH_AT, 3);
export const isFixed = ({ cdb }: Task) => (cdb[1]! & FIXED) !== 0;

export function bytesOf(unit: LogicalUnit, task: Task): number {
  return isFixed(task) ? lengthOf(task) * unit.tape!.blockLength : lengthOf(task);
}

/** FIXED needs a block length to be set; what is moved has its limits. */
export function checkLength(unit: LogicalUnit, task: Task): Sense | null {
  const { blockLength } = unit.tape!;
  if (isFixed(task) && blockLength === 0) return invalidFieldInCdb(1, 0);
  if (bytesOf(unit, task) > TapeLimits.blockBytes) return invalidFieldInCdb(LENGTH_AT);
  const sectors = isFixed(task) ? lengthOf(task) * sectorsOf(blockLength) : 0;
  return sectors > TapeLimits.transferSectors ? invalidFieldInCdb(LENGTH_AT) : null;
}

/** Suppressing means nothing where the length is told by the mode parameters. */
function checkRead(unit: LogicalUnit, task: Task): Sense | null {
  return (task.cdb[1]! & (SILI | FIXED)) === (SILI | FIXED) ? invalidFieldInCdb(1, 1) : checkLength(unit, task);
}

/** @param after called once, when there is no data any more */
function read(unit: LogicalUnit, task: Task, step: typeof forwards, after = () => {}): void {
  const drive = unit.tape!;
  const count = lengthOf(task);
  const io = hostIo(task, false, false);
  const done = (result: ReadResult) => {
    const release = () => {
      result.release();
      after();
    };
    answer(unit, task, { ...result, release });
  };
  if (count === 0) {
    after();
    task.good();
  } else if (isFixed(task)) readFixed(drive, io, step, count, () => task.aborted, done);
  else readVariable(drive, io, step, count, (task.cdb[1]! & SILI) !== 0, done);
}

/** Without BYTORD the data is a copy. It is BUSY where there is no memory for it: others wait for the tape meanwhile. */
function readReverse(unit: LogicalUnit, task: Task): void {
  const { readMemory } = unit.neighbours;
  const request = { nexus: task.nexus, bytes: bytesOf(unit, task), granted: () => {} };
  if ((task.cdb[1]! & BYTORD) !== 0) read(unit, task, backwards);
  else if (readMemory.take(request)) read(unit, task, bytesBackwards, () => readMemory.giveBack(request));
  else {
    readMemory.cancel(request);
    task.fail(Status.busy);
  }
}

/** Data that was read goes out beside the sense of what ended the transfer. */
function answer(unit: LogicalUnit, task: Task, { problem, data, bytes, release }: ReadResult): void {
  unit.counters.readBlocks += bytes / unit.blockSize;
  if (task.aborted) {
    release();
    task.fail(Status.taskAborted);
  } else if (problem === null) {
    unit.counters.reads++;
    task.data(data, bytes, release);
  } else if ('key' in problem && bytes > 0) {
    unit.tape!.alerts.note(problem);
    task.dataWith(problem, data, bytes, release);
  } else {
    if (!('key' in problem)) unit.counters.readErrors++;
    release();
    complete(unit, task, problem);
  }
}

function write(unit: LogicalUnit, task: Task): void {
  const drive = unit.tape!;
  const count = lengthOf(task);
  const bytes = bytesOf(unit, task);
  const io = hostIo(task, false, false);
  const data = dataOut(task, bytes);
  if (count === 0) {
    task.good();
    return;
  }
  const done = (problem: Parameters<typeof complete>[2]) => {
    if (wasWritten(problem)) {
      unit.counters.writes++;
      unit.counters.writtenBlocks += bytes / unit.blockSize;
    } else if (problem !== null && !('key' in problem)) unit.counters.writeErrors++;
    complete(unit, task, problem);
  };
  if (isFixed(task)) writeFixed(drive, io, data, count, () => task.aborted, done);
  else writeVariable(drive, io, data, bytes, done);
}

function filemarks(unit: LogicalUnit, task: Task): void {
  const immediate = (task.cdb[1]! & IMMED) !== 0;
  const io = hostIo(task, false, false);
  writeFilemarks(
    unit.tape!,
    io,
    lengthOf(task),
    immediate,
    () => task.aborted,
    (problem) => complete(unit, task, problem),
  );
}

/** Everything that has to do with the position runs by itself, in order, and is for who may write: READ moves it too. */
const row = { conflict: 'configure', runsWhenStopped: false, reservation: Reservation.write } as const;

export const streamReadWriteCommands: readonly Command[] = [
  defineCommand({
    ...row,
    name: 'READ(6)',
    opcode: Opcode.read6,
    usage: [Opcode.read6, SILI | FIXED, 0xff, 0xff, 0xff, 0],
    check: checkRead,
    run: (unit, task) => read(unit, task, forwards),
  }),
  defineCommand({
    ...row,
    name: 'READ REVERSE(6)',
    opcode: StreamOpcode.readReverse6,
    usage: [StreamOpcode.readReverse6, BYTORD | SILI | FIXED, 0xff, 0xff, 0xff, 0],
    check: checkRead,
    run: readReverse,
  }),
  defineCommand({
    ...row,
    name: 'WRITE(6)',
    opcode: Opcode.write6,
    usage: [Opcode.write6, FIXED, 0xff, 0xff, 0xff, 0],
    writes: true,
    transfer: 'complete',
    check: checkLength,
    dataOutBytes: bytesOf,
    run: write,
  }),
  defineCommand({
    ...row,
    name: 'WRITE FILEMARKS(6)',
    opcode: StreamOpcode.writeFilemarks6,
    usage: [StreamOpcode.writeFilemarks6, IMMED, 0xff, 0xff, 0xff, 0],
    writes: true,
    run: filemarks,
  }),
];
