/** VERIFY and WRITE AND VERIFY (SBC-4 5.36–5.38, 5.44–5.46). */

import { native } from '../../../../native/index.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, miscompareDuringVerify, type Sense } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed, countsAsError } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { CdbSize, DPO } from './cdb-shapes.js';
import { dataOut, hostIo } from './io.js';
import { bytesOfRange, transferLimit } from './read-write.js';

/** BYTCHK: what the blocks are compared with. */
export const Bytchk = { nothing: 0, dataOut: 1, reserved: 2, oneBlock: 3 } as const;
const BYTCHK_SHIFT = 1;
const BYTCHK_TOP_BIT = 2;
/** WRITE AND VERIFY knows values 0 and 1 only. */
export const BYTCHK_LOW = 0x02;
export const BYTCHK = 0x03 << BYTCHK_SHIFT;

const bytchkOf = (task: Task): number => (task.cdb[1]! >> BYTCHK_SHIFT) & 0x03;

function verifyDataOut(unit: LogicalUnit, task: Task): number {
  const bytchk = bytchkOf(task);
  if (bytchk === Bytchk.nothing || task.blocks === 0) return 0;
  return bytchk === Bytchk.oneBlock ? unit.blockSize : bytesOfRange(unit, task);
}

function verifyCheck(lengthByte: number): (unit: LogicalUnit, task: Task) => Sense | null {
  const limit = transferLimit(lengthByte);
  return (unit, task) =>
    bytchkOf(task) === Bytchk.reserved ? invalidFieldInCdb(1, BYTCHK_TOP_BIT) : limit(unit, task);
}

/**
 * Reads the blocks and compares them with `expected`; null: only reads. Completes the task.
 * MISCOMPARE tells the offset of the first byte that differs, counted over all blocks.
 */
function readBack(unit: LogicalUnit, task: Task, expected: readonly Buffer[] | null): void {
  const { counters, ldev } = unit;
  const dpo = (task.cdb[1]! & DPO) !== 0;
  ldev.top.read(hostIo(task, true, dpo), task.lba, task.blocks, (failure, data, release) => {
    if (failure !== null) {
      if (countsAsError(failure)) counters.verifyErrors++;
      completeFailed(unit, task, failure);
      return;
    }
    const differs = expected === null ? -1 : native.compare(data, expected);
    release();
    counters.verifies++;
    counters.verifiedBlocks += task.blocks;
    if (differs < 0) {
      task.good();
    } else {
      counters.verifyErrors++;
      task.check(miscompareDuringVerify(differs));
    }
  });
}

function runVerify(unit: LogicalUnit, task: Task): void {
  if (task.blocks === 0) task.good();
  else readBack(unit, task, comparand(unit, task));
}

function comparand(unit: LogicalUnit, task: Task): readonly Buffer[] | null {
  const bytchk = bytchkOf(task);
  if (bytchk === Bytchk.nothing) return null;
  if (bytchk === Bytchk.dataOut) return dataOut(task, bytesOfRange(unit, task));
  const block = Buffer.concat(dataOut(task, unit.blockSize));
  return new Array<Buffer>(task.blocks).fill(block);
}

function runWriteAndVerify(unit: LogicalUnit, task: Task): void {
  const { lba, blocks } = task;
  if (blocks === 0) {
    task.good();
    return;
  }
  const data = dataOut(task, blocks * unit.blockSize);
  const io = hostIo(task, true, (task.cdb[1]! & DPO) !== 0);
  unit.ldev.top.write(io, lba, blocks, data, (failure) => {
    if (failure !== null) {
      unit.counters.writeErrors++;
      completeFailed(unit, task, failure);
      return;
    }
    unit.counters.writes++;
    unit.counters.writtenBlocks += blocks;
    readBack(unit, task, bytchkOf(task) === Bytchk.nothing ? null : data);
  });
}

function verifyRow(opcode: number, size: CdbSize): Command {
  return defineCommand({
    name: `VERIFY${size.suffix}`,
    opcode,
    usage: size.usage(opcode, DPO | BYTCHK),
    conflict: 'read',
    reservation: Reservation.read,
    runsWhenStopped: false,
    transfer: 'complete',
    locate: size.locate,
    check: verifyCheck(size.lengthByte),
    dataOutBytes: verifyDataOut,
    run: runVerify,
  });
}

function writeAndVerifyRow(opcode: number, size: CdbSize): Command {
  return defineCommand({
    name: `WRITE AND VERIFY${size.suffix}`,
    opcode,
    usage: size.usage(opcode, DPO | BYTCHK_LOW),
    conflict: 'write',
    reservation: Reservation.write,
    runsWhenStopped: false,
    writes: true,
    transfer: 'blocks',
    locate: size.locate,
    check: transferLimit(size.lengthByte),
    dataOutBytes: bytesOfRange,
    run: runWriteAndVerify,
  });
}

export const verifyCommands: readonly Command[] = [
  verifyRow(Opcode.verify10, CdbSize.ten),
  verifyRow(Opcode.verify12, CdbSize.twelve),
  verifyRow(Opcode.verify16, CdbSize.sixteen),
  writeAndVerifyRow(Opcode.writeAndVerify10, CdbSize.ten),
  writeAndVerifyRow(Opcode.writeAndVerify12, CdbSize.twelve),
  writeAndVerifyRow(Opcode.writeAndVerify16, CdbSize.sixteen),
];
