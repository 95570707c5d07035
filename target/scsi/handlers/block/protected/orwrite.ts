/**
 * ORWRITE(16) and (32) on logical units with protection information (SBC-4 4.27, 5.10, 5.11): what is read is combined with the
 * data-out, bit by bit, and written back. The set operation sets bits (OR), the change generation and clear operation, of 32
 * bytes only, clears them (AND). The fields of the latter that others of 32 bytes do not have:
 *
 *   2 BMOP (2:0)   3 PREVIOUS GENERATION PROCESSING (3:0)   20–23 EXPECTED ORWGENERATION   24–27 NEW ORWGENERATION
 *
 * Nothing that overlaps comes between the read and the write of the blocks, by the conflict class. That of 32 bytes has no
 * write at all beside it, so that none which expects a generation is still under way when the generation changes.
 */
import { native } from '../../../../../native/index.js';
import { readUint64 } from '../../../../../wire/scsi/cdb.js';
import { Opcode, VariableAction } from '../../../../../wire/scsi/opcodes.js';
import { PI_BYTES } from '../../../../../wire/scsi/protection.js';
import { invalidFieldInCdb, orwriteGenerationDoesNotMatch, type Sense } from '../../../../../wire/scsi/sense.js';
import { type Command, defineCommand } from '../../../command-table.js';
import type { LogicalUnit } from '../../../logical-unit.js';
import { isPolicy } from '../../../orwrite-generations.js';
import { Status, type Task } from '../../../task.js';
import { CdbSize, DPO, FUA, GROUP_NUMBER } from '../cdb-shapes.js';
import { orwriteCommand, STEP_BYTES } from '../orwrite.js';
import { transferLimit } from '../read-write.js';
import {
  ADDITIONAL_LENGTH,
  checkInformation,
  checkOptions,
  fetch,
  PROTECT,
  protectedIo,
  protectOf,
  sentBlocks,
  sentFrom,
  store,
  transferred,
  written,
} from './access.js';
import { type Blocks, withoutInformation } from './checks.js';

const Operation = { set: 0, changeAndClear: 1 } as const;
const OPERATION_BYTE = 2;
const OPERATION_BIT = 2;
const POLICY_BYTE = 3;
const POLICY_BIT = 3;
const LBA_BYTE = 12;
const EXPECTED_BYTE = 20;
const NEXT_BYTE = 24;
const LENGTH_BYTE = 28;

const isLong = ({ cdb }: Task) => cdb[0] === Opcode.variableLength;
const clears = (task: Task) => isLong(task) && task.cdb[OPERATION_BYTE] === Operation.changeAndClear;
/** ORWRITE(16) is processed as if it expected generation zero (SBC-4 4.27.2.2). */
const expectedOf = (task: Task) => (isLong(task) ? task.cdb.readUInt32BE(EXPECTED_BYTE) : 0);

/** Combines `target` with as many other bytes. */
type Combine = (target: Buffer, other: Buffer) => void;

const setBits: Combine = (target, other) => {
  for (let index = 0; index < other.length; index++) target[index]! |= other[index]!;
};

const clearBits: Combine = (target, other) => {
  for (let index = 0; index < other.length; index++) target[index]! &= other[index]!;
};

/** The generation stays what it is here until the command has ended: nothing that changes it runs beside this one. */
function refuseSet(unit: LogicalUnit, task: Task): Sense | null {
  const outcome = unit.orwriteGenerations.outcomeOfSet(expectedOf(task));
  return outcome === 'refuse' ? orwriteGenerationDoesNotMatch() : null;
}

function refuseLong(unit: LogicalUnit, task: Task): Sense | null {
  const operation = task.cdb[OPERATION_BYTE]!;
  if (operation > Operation.changeAndClear) return invalidFieldInCdb(OPERATION_BYTE, OPERATION_BIT);
  if (operation === Operation.set) return refuseSet(unit, task);
  if (!isPolicy(task.cdb[POLICY_BYTE]!)) return invalidFieldInCdb(POLICY_BYTE, POLICY_BIT);
  return unit.orwriteGenerations.isCurrent(expectedOf(task)) ? null : orwriteGenerationDoesNotMatch();
}

function run(unit: LogicalUnit, task: Task): void {
  if (clears(task)) {
    const end = () => changeGeneration(unit, task);
    if (task.blocks === 0) end();
    else combineAll(unit, task, clearBits, end);
  } else if (task.blocks === 0 || unit.orwriteGenerations.outcomeOfSet(expectedOf(task)) === 'discard') {
    task.good();
  } else {
    combineAll(unit, task, setBits, () => written(unit, task));
  }
}

/** Not if it was aborted while its last blocks were written: a hard reset may have set the generation to zero. */
function changeGeneration(unit: LogicalUnit, task: Task): void {
  if (task.aborted) {
    task.fail(Status.taskAborted);
    return;
  }
  unit.orwriteGenerations.change(task.cdb.readUInt32BE(NEXT_BYTE), task.cdb[POLICY_BYTE]!);
  if (task.blocks === 0) task.good();
  else written(unit, task);
}

/** Both operands are checked; the result has a guard of its own and the tags that were sent. */
function combineAll(unit: LogicalUnit, task: Task, combine: Combine, done: () => void): void {
  const refusal = protectOf(task) === 0 ? null : checkInformation(unit, task, sentBlocks(unit, task));
  if (refusal !== null) task.check(refusal);
  else combineFrom(unit, task, combine, 0, done);
}

/** One step after the other, from the block numbered `first` on; other events have their turn in between. */
function combineFrom(unit: LogicalUnit, task: Task, combine: Combine, first: number, done: () => void): void {
  if (task.aborted) {
    task.fail(Status.taskAborted);
    return;
  }
  const lba = task.lba + first;
  const count = Math.min(STEP_BYTES / unit.blockSize, task.blocks - first);
  const protect = protectOf(task);
  const io = protectedIo(unit, task, true);
  fetch(unit, task, io, lba, count, (stored) => {
    const refusal = checkInformation(unit, task, stored);
    if (refusal !== null) {
      unit.counters.readErrors++;
      task.check(refusal);
      return;
    }
    const result = sentFrom(unit, task, first, count, lba);
    if (protect === 0) combine(result.bytes, withoutInformation(stored));
    else combineProtected(result, stored.bytes, combine);
    store(unit, task, { ...io, protected: protect !== 0 }, lba, count, [result.bytes], () => {
      if (first + count === task.blocks) done();
      else unit.clock.setImmediate(() => combineFrom(unit, task, combine, first + count, done));
    });
  });
}

/** Leaves the tags of `result`, which are those that were sent. */
function combineProtected({ bytes, count, blockSize }: Blocks, stored: Buffer, combine: Combine): void {
  const stride = blockSize + PI_BYTES;
  for (let at = 0; at < count * stride; at += stride) {
    combine(bytes.subarray(at, at + blockSize), stored.subarray(at, at + blockSize));
  }
  const guards = new Uint16Array(count);
  native.guards(bytes, blockSize, stride, guards);
  for (let i = 0; i < count; i++) bytes.writeUInt16BE(guards[i]!, i * stride + blockSize);
}

export const orwriteProtectedCommand: Command = {
  ...orwriteCommand,
  usage: orwriteCommand.usage.map((bits, byte) => (byte === 1 ? bits | PROTECT : bits)),
  check: checkOptions((unit, task) => transferLimit(CdbSize.sixteen.lengthByte)(unit, task) ?? refuseSet(unit, task)),
  dataOutBytes: transferred,
  run,
};

export const orwriteLongCommand: Command = defineCommand({
  name: 'ORWRITE(32)',
  opcode: Opcode.variableLength,
  serviceAction: VariableAction.orwrite32,
  usage: [
    ...[Opcode.variableLength, 0, 0x07, 0x0f, 0, 0, GROUP_NUMBER, ADDITIONAL_LENGTH, 0, VariableAction.orwrite32],
    ...[PROTECT | DPO | FUA, 0],
    ...new Array<number>(20).fill(0xff),
  ],
  conflict: 'write-any',
  reservation: orwriteCommand.reservation,
  runsWhenStopped: false,
  writes: true,
  // A generation stands for all of its blocks.
  transfer: 'complete',
  locate: (_unit, task) => {
    task.lba = readUint64(task.cdb, LBA_BYTE);
    task.blocks = task.cdb.readUInt32BE(LENGTH_BYTE);
  },
  check: checkOptions((unit, task) => transferLimit(LENGTH_BYTE)(unit, task) ?? refuseLong(unit, task)),
  dataOutBytes: transferred,
  run,
});
