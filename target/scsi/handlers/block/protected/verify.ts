/** VERIFY and WRITE AND VERIFY on a logical unit with protection information (SBC-4 5.36 to 5.38, 5.44 to 5.46). */
import { native } from '../../../../../native/index.js';
import { invalidFieldInCdb, miscompareDuringVerify, type Sense } from '../../../../../wire/scsi/sense.js';
import type { LogicalUnit } from '../../../logical-unit.js';
import type { Task } from '../../../task.js';
import { dataOut } from '../io.js';
import { Bytchk } from '../verify.js';
import {
  checkInformation,
  fetch,
  optionsByte,
  optionsOf,
  protectedIo,
  protectOf,
  sentBlocks,
  store,
  strideOf,
} from './access.js';
import { type Blocks, COMPARED, compareBlocks, withoutInformation } from './checks.js';
import { repeatedBlock } from './repeated-block.js';

const BYTCHK_TOP_BIT = 2;
const bytchkOf = (task: Task): number => (optionsOf(task) >> 1) & 0x03;

export function verifyDataOut(unit: LogicalUnit, task: Task): number {
  const bytchk = bytchkOf(task);
  if (bytchk === Bytchk.nothing || task.blocks === 0) return 0;
  return (bytchk === Bytchk.oneBlock ? 1 : task.blocks) * strideOf(unit, protectOf(task));
}

export function refuseBytchk(task: Task): Sense | null {
  return bytchkOf(task) === Bytchk.reserved ? invalidFieldInCdb(optionsByte(task)!, BYTCHK_TOP_BIT) : null;
}

/** Compares stored blocks with what the host sent. */
type Judge = (stored: Blocks) => Sense | null;

/** Reads the blocks from the medium and ends the task as `judge` says. */
function readBack(unit: LogicalUnit, task: Task, judge: Judge): void {
  const { lba, blocks: count } = task;
  const { counters } = unit;
  const io = { ...protectedIo(unit, task, false), fua: true };
  fetch(
    unit,
    task,
    io,
    lba,
    count,
    (stored) => {
      const refusal = judge(stored);
      counters.verifies++;
      counters.verifiedBlocks += count;
      if (refusal === null) {
        task.good();
      } else {
        counters.verifyErrors++;
        task.check(refusal);
      }
    },
    { counter: 'verifyErrors' },
  );
}

function compareData(stored: Blocks, sent: readonly Buffer[]): Sense | null {
  const differs = native.compare([withoutInformation(stored)], sent);
  return differs < 0 ? null : miscompareDuringVerify(differs);
}

/** Without information in the data-out, that on the medium is checked; with it, that which was sent (SBC-4 5.36.1). */
export function verify(unit: LogicalUnit, task: Task): void {
  const { blocks: count, lba } = task;
  const { blockSize } = unit;
  const protect = protectOf(task);
  const bytchk = bytchkOf(task);
  if (count === 0) {
    task.good();
  } else if (bytchk === Bytchk.nothing) {
    readBack(unit, task, (stored) => checkInformation(unit, task, stored));
  } else if (protect === 0) {
    const sent = dataOut(task, verifyDataOut(unit, task));
    const all = bytchk === Bytchk.oneBlock ? new Array<Buffer>(count).fill(Buffer.concat(sent)) : sent;
    readBack(unit, task, (stored) => checkInformation(unit, task, stored) ?? compareData(stored, all));
  } else {
    const sent =
      bytchk === Bytchk.dataOut
        ? sentBlocks(unit, task)
        : { bytes: repeatedBlock(unit, sentBlocks(unit, task, 1).bytes, 0, count), lba, count, blockSize };
    const refusal = checkInformation(unit, task, sent);
    const fields = COMPARED[protect]!;
    if (refusal !== null) task.check(refusal);
    else readBack(unit, task, (stored) => compareBlocks(stored, sent.bytes, fields, unit.ldev.protection ?? 0));
  }
}

export function writeAndVerify(unit: LogicalUnit, task: Task): void {
  const { lba, blocks: count } = task;
  if (count === 0) {
    task.good();
    return;
  }
  const protect = protectOf(task);
  const compares = bytchkOf(task) !== Bytchk.nothing;
  const io = { ...protectedIo(unit, task, true), fua: true, protected: protect !== 0 };
  const finish = (data: readonly Buffer[], judge: Judge) =>
    store(unit, task, io, lba, count, data, () => {
      unit.counters.writes++;
      unit.counters.writtenBlocks += count;
      readBack(unit, task, judge);
    });
  if (protect === 0) {
    const data = dataOut(task, count * unit.blockSize);
    finish(data, (stored) => (compares ? compareData(stored, data) : null));
    return;
  }
  const sent = sentBlocks(unit, task);
  const refusal = checkInformation(unit, task, sent);
  const fields = COMPARED[protect]!;
  const type = unit.ldev.protection ?? 0;
  if (refusal !== null) task.check(refusal);
  else finish([sent.bytes], (stored) => (compares ? compareBlocks(stored, sent.bytes, fields, type) : null));
}
