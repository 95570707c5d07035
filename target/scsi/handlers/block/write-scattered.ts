/**
 * WRITE SCATTERED(16) and (32) (SBC-4 5.55, 5.56). Nothing is written unless the whole list is right; then one range after
 * the other, so that of ranges that overlap the later one stays. The fields of the CDBs:
 *
 *   (16)    (32)
 *   2       10      WRPROTECT (7:5)  DPO (4)  FUA (3)
 *   4–5     12–13   LOGICAL BLOCK DATA OFFSET
 *   8–9     16–17   NUMBER OF LBA RANGE DESCRIPTORS
 *   10–13   28–31   BUFFER TRANSFER LENGTH, in blocks, list included
 */
import { Opcode, ServiceActionOut16, VariableAction } from '../../../../wire/scsi/opcodes.js';
import {
  invalidFieldInCdb,
  invalidFieldInParameterList,
  lbaOutOfRange,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import {
  decodeScatteredRanges,
  NUMBER_OF_BLOCKS_BYTE,
  type ScatteredRange,
  scatteredListBytes,
} from '../../../../wire/scsi/write-scattered.js';
import { slice } from '../../../base/views.js';
import type { Io } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed } from '../../io-failure.js';
import { Limits } from '../../limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';
import { DPO, FUA, GROUP_NUMBER } from './cdb-shapes.js';
import {
  ADDITIONAL_LENGTH,
  checkInformation,
  checkOptions,
  PROTECT,
  protectedIo,
  refuseProtect,
  strideOf,
  typeOf,
} from './protected/access.js';

/** Bytes of the fields, by CDB size. */
const SIXTEEN = { options: 2, offset: 4, descriptors: 8, length: 10 } as const;
const THIRTY_TWO = { options: 10, offset: 12, descriptors: 16, length: 28 } as const;

const isLong = (task: Task) => task.cdb[0] === Opcode.variableLength;
const at = (task: Task) => (isLong(task) ? THIRTY_TWO : SIXTEEN);
const dataOffset = (task: Task) => task.cdb.readUInt16BE(at(task).offset);
const descriptorsOf = (task: Task) => task.cdb.readUInt16BE(at(task).descriptors);
const lengthOf = (task: Task) => task.cdb.readUInt32BE(at(task).length);
const optionsOf = (task: Task) => task.cdb[at(task).options]!;
/** WRPROTECT; zero on logical units without protection information, whose row does not know the bits. */
const protectOf = (task: Task) => optionsOf(task) >> 5;
/** Bytes that the CDB's fields count a block as. */
const blockBytes = (unit: LogicalUnit, task: Task) => strideOf(unit, protectOf(task));
/** No descriptors, or no transfer: nothing to do, which is no error. */
const isEmpty = (task: Task) => descriptorsOf(task) === 0 || lengthOf(task) === 0;

function check(unit: LogicalUnit, task: Task): Sense | null {
  if (isEmpty(task)) return null;
  if (descriptorsOf(task) > Limits.scatteredDescriptors) return invalidFieldInCdb(at(task).descriptors);
  if (lengthOf(task) > unit.maxTransferBlocks) return invalidFieldInCdb(at(task).length);
  const offset = dataOffset(task);
  const room = scatteredListBytes(descriptorsOf(task)) <= offset * blockBytes(unit, task) && offset <= lengthOf(task);
  return room ? null : invalidFieldInCdb(at(task).offset);
}

/** @param options bits of the byte */
const usage16 = (options: number): readonly number[] => [
  Opcode.serviceActionOut16,
  ServiceActionOut16.writeScattered16,
  options,
  ...[0, 0xff, 0xff, 0, 0],
  ...new Array<number>(6).fill(0xff),
  GROUP_NUMBER,
  0,
];

const usage32: readonly number[] = [
  ...[Opcode.variableLength, 0, 0, 0, 0, 0, GROUP_NUMBER, ADDITIONAL_LENGTH, 0, VariableAction.writeScattered32],
  ...[PROTECT | DPO | FUA, 0, 0xff, 0xff, 0, 0, 0xff, 0xff],
  ...new Array<number>(10).fill(0),
  ...new Array<number>(4).fill(0xff),
];

/** Ranges beyond the capacity, or of more blocks than came. */
function judge(unit: LogicalUnit, task: Task, ranges: readonly ScatteredRange[]): Sense | null {
  let left = lengthOf(task) - dataOffset(task);
  for (const { offset, lba, blocks } of ranges) {
    if (lba + blocks > unit.blocks) return lbaOutOfRange(lba);
    left -= blocks;
    if (left < 0) return invalidFieldInParameterList(offset + NUMBER_OF_BLOCKS_BYTE);
  }
  return null;
}

function run(unit: LogicalUnit, task: Task): void {
  if (isEmpty(task)) {
    task.good();
    return;
  }
  const descriptors = descriptorsOf(task);
  const list = Buffer.concat(slice(task.dataOut, 0, scatteredListBytes(descriptors)));
  const ranges = decodeScatteredRanges(list, descriptors);
  const refusal = judge(unit, task, ranges);
  if (refusal !== null) {
    task.check(refusal);
    return;
  }
  const io = protectedIo(unit, task, true, optionsOf(task));
  const wanted = ranges.filter(({ blocks }) => blocks > 0);
  const stride = blockBytes(unit, task);
  const from = dataOffset(task) * stride;
  const wrong = protectOf(task) === 0 ? null : checkRanges(unit, task, wanted, from);
  if (wrong !== null) task.check(wrong);
  else writeFrom(unit, task, { ...io, protected: protectOf(task) !== 0 }, wanted, 0, from);
}

/** Checks the information of all ranges, so that nothing is written if any is wrong. */
function checkRanges(unit: LogicalUnit, task: Task, ranges: readonly ScatteredRange[], from: number): Sense | null {
  const { blockSize } = unit;
  let start = from;
  for (const { lba, blocks: count, referenceTag, applicationTag, mask } of ranges) {
    const length = count * blockBytes(unit, task);
    const bytes = Buffer.concat(slice(task.dataOut, start, length));
    const told = isLong(task) ? { type: typeOf(unit), referenceTag, applicationTag, mask, ranges: null } : undefined;
    const wrong = checkInformation(unit, task, { bytes, lba, count, blockSize }, protectOf(task), told);
    if (wrong !== null) return wrong;
    start += length;
  }
  return null;
}

/** Writes the ranges from `index` on, whose data begins at byte `start`; at most `scatteredDescriptors` deep. */
function writeFrom(
  unit: LogicalUnit,
  task: Task,
  io: Io,
  ranges: readonly ScatteredRange[],
  index: number,
  start: number,
): void {
  const range = ranges[index];
  if (range === undefined) {
    unit.counters.writes++;
    task.good();
    return;
  }
  if (task.aborted) {
    task.fail(Status.taskAborted);
    return;
  }
  const { lba, blocks } = range;
  const bytes = blocks * blockBytes(unit, task);
  unit.ldev.top.write(io, lba, blocks, slice(task.dataOut, start, bytes), (failure) => {
    if (failure !== null) {
      unit.counters.writeErrors++;
      completeFailed(unit, task, failure);
      return;
    }
    unit.counters.writtenBlocks += blocks;
    writeFrom(unit, task, io, ranges, index + 1, start + bytes);
  });
}

const spec = {
  name: 'WRITE SCATTERED(16)',
  opcode: Opcode.serviceActionOut16,
  serviceAction: ServiceActionOut16.writeScattered16,
  usage: usage16(DPO | FUA),
  conflict: 'write-any',
  reservation: Reservation.write,
  runsWhenStopped: false,
  writes: true,
  // Less than the list tells of would be other ranges.
  transfer: 'complete',
  check,
  dataOutBytes: (unit: LogicalUnit, task: Task) => (isEmpty(task) ? 0 : lengthOf(task) * blockBytes(unit, task)),
  run,
} as const;

export const writeScatteredCommand: Command = defineCommand(spec);

/** On logical units with protection information. */
export const writeScatteredProtectedCommand: Command = defineCommand({
  ...spec,
  usage: usage16(PROTECT | DPO | FUA),
  check: (unit, task) => refuseProtect(unit, task, protectOf(task), SIXTEEN.options) ?? check(unit, task),
});

/** On those with protection information of type 2 besides. */
export const writeScatteredLongCommand: Command = defineCommand({
  ...spec,
  name: 'WRITE SCATTERED(32)',
  opcode: Opcode.variableLength,
  serviceAction: VariableAction.writeScattered32,
  usage: usage32,
  check: checkOptions(check),
});
