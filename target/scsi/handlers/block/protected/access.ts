/** What the commands of a logical unit with protection information have in common: options, refusals, reads and writes. */
import { Opcode, VariableAction } from '../../../../../wire/scsi/opcodes.js';
import { PI_BYTES, type ProtectionType } from '../../../../../wire/scsi/protection.js';
import { invalidFieldInCdb, invalidOperationCode, type Sense } from '../../../../../wire/scsi/sense.js';
import { slice } from '../../../../base/views.js';
import type { Io } from '../../../../volumes/block-layer.js';
import { completeFailed, countsAsError } from '../../../io-failure.js';
import type { LogicalUnit } from '../../../logical-unit.js';
import type { Task } from '../../../task.js';
import { DPO, FUA } from '../cdb-shapes.js';
import { dataOut, hostIo } from '../io.js';
import { type Blocks, CHECKED, checkBlocks, type Expectation } from './checks.js';

/** Bits of PROTECT in the options byte. */
export const PROTECT = 0xe0;
export const PROTECT_TOP_BIT = 7;
const SIX_BYTE_CODES_END = 0x20;
const REFERENCE_TAG_BYTE = 20;
const APPLICATION_TAG_BYTE = 24;
const MASK_BYTE = 26;
/** Bytes of ADDITIONAL CDB LENGTH, and what it counts in a CDB of 32 bytes. */
export const ADDITIONAL_LENGTH_BYTE = 7;
export const ADDITIONAL_LENGTH = 24;
/** The low byte: no service action here needs the other one. */
const SERVICE_ACTION_BYTE = 9;

const isLong = (task: Task) => task.cdb[0] === Opcode.variableLength;
/** The CDB says what tags to expect; ORWRITE(32) has generations there. */
const tellsTags = (task: Task) => isLong(task) && task.cdb[SERVICE_ACTION_BYTE] !== VariableAction.orwrite32;

/** Where PROTECT, DPO, FUA, BYTCHK and the like stand; null: a command of 6 bytes has none. */
export function optionsByte({ cdb }: Task): number | null {
  if (cdb[0] === Opcode.variableLength) return 10;
  return cdb[0]! < SIX_BYTE_CODES_END ? null : 1;
}

/** All options of a command. */
export function optionsOf(task: Task): number {
  const byte = optionsByte(task);
  return byte === null ? 0 : task.cdb[byte]!;
}

/** RDPROTECT, WRPROTECT, VRPROTECT or ORPROTECT. */
export const protectOf = (task: Task): number => optionsOf(task) >> 5;

/** Bytes of a block as it is transferred. */
export function strideOf(unit: LogicalUnit, protect: number): number {
  return unit.blockSize + (protect === 0 ? 0 : PI_BYTES);
}

/** Bytes of the blocks addressed, as they are transferred. */
export const transferred = (unit: LogicalUnit, task: Task): number => task.blocks * strideOf(unit, protectOf(task));

export const typeOf = (unit: LogicalUnit): ProtectionType => unit.ldev.protection ?? 0;

/**
 * Refuses what PROTECT may not be. With type 2, commands that cannot tell the first reference tag transfer no
 * information (SBC-4 4.21.2.4).
 * @param byte of the field
 */
export function refuseProtect(unit: LogicalUnit, task: Task, protect: number, byte: number): Sense | null {
  if (CHECKED[protect] === null) return invalidFieldInCdb(byte, PROTECT_TOP_BIT);
  return protect !== 0 && typeOf(unit) === 2 && !tellsTags(task) ? invalidOperationCode() : null;
}

/** The refusals of all rows with PROTECT: its values, the length of the CDB; then those of the row. */
export function checkOptions(more: (unit: LogicalUnit, task: Task) => Sense | null) {
  return (unit: LogicalUnit, task: Task): Sense | null => {
    if (isLong(task) && task.cdb[ADDITIONAL_LENGTH_BYTE] !== ADDITIONAL_LENGTH) {
      return invalidFieldInCdb(ADDITIONAL_LENGTH_BYTE);
    }
    return refuseProtect(unit, task, protectOf(task), optionsByte(task) ?? 1) ?? more(unit, task);
  };
}

/**
 * What the tags are to be. CDBs of 32 bytes tell (but ORWRITE's); else the reference tag of type 1 goes by the LBA, and the
 * application tag by the Application Tag mode page (SBC-4 5.16, 5.40.2).
 */
export function expectationOf(unit: LogicalUnit, task: Task, lba = task.lba): Expectation {
  const type = typeOf(unit);
  if (tellsTags(task)) {
    const { cdb } = task;
    return {
      type,
      referenceTag: (cdb.readUInt32BE(REFERENCE_TAG_BYTE) + (lba - task.lba)) % 2 ** 32,
      applicationTag: cdb.readUInt16BE(APPLICATION_TAG_BYTE),
      mask: cdb.readUInt16BE(MASK_BYTE),
      ranges: null,
    };
  }
  const { applicationTags: ranges } = unit.modes;
  return { type, referenceTag: type === 1 ? lba % 2 ** 32 : null, applicationTag: 0, mask: 0, ranges };
}

/** How a command goes down the layers, with information. */
export function protectedIo(unit: LogicalUnit, task: Task, writes: boolean, flags = optionsOf(task)): Io {
  const fua = (flags & FUA) !== 0 || (writes && unit.modes.writeThrough);
  return { ...hostIo(task, fua, (flags & DPO) !== 0), protected: true };
}

/** The blocks of a task's data-out, each with its information, in one piece; `from` counts bytes. */
export function sentBlocks(unit: LogicalUnit, task: Task, count = task.blocks, lba = task.lba): Blocks {
  const { blockSize } = unit;
  const bytes = Buffer.concat(dataOut(task, count * (blockSize + PI_BYTES)));
  return { bytes, lba, count, blockSize };
}

/** Part of a task's data-out, with information if PROTECT has it sent, in a buffer of its own. */
export function sentFrom(unit: LogicalUnit, task: Task, firstBlock: number, count: number, lba: number): Blocks {
  const { blockSize } = unit;
  const stride = strideOf(unit, protectOf(task));
  const bytes = Buffer.concat(slice(task.dataOut, firstBlock * stride, count * stride));
  return { bytes, lba, count, blockSize };
}

/** Checks blocks that were sent, or are stored, as PROTECT says. */
export function checkInformation(
  unit: LogicalUnit,
  task: Task,
  blocks: Blocks,
  protect = protectOf(task),
  expectation = expectationOf(unit, task, blocks.lba),
): Sense | null {
  return checkBlocks(blocks, CHECKED[protect]!, expectation);
}

interface FetchOptions {
  readonly counter?: 'readErrors' | 'verifyErrors';
  readonly failed?: () => void;
}

/** Reads blocks with their information; a failure completes the task, after `failed`. */
export function fetch(
  unit: LogicalUnit,
  task: Task,
  io: Io,
  lba: number,
  count: number,
  done: (blocks: Blocks) => void,
  { counter = 'readErrors', failed = () => {} }: FetchOptions = {},
): void {
  unit.ldev.top.read(io, lba, count, (failure, data, release) => {
    if (failure !== null) {
      failed();
      if (countsAsError(failure)) unit.counters[counter]++;
      completeFailed(unit, task, failure);
      return;
    }
    const bytes = data.length === 1 ? data[0]! : Buffer.concat(data);
    const { blockSize } = unit;
    done({ bytes, lba, count, blockSize });
    release();
  });
}

/** Writes blocks; a failure completes the task. @param data with information if `io.protected` */
export function store(
  unit: LogicalUnit,
  task: Task,
  io: Io,
  lba: number,
  count: number,
  data: readonly Buffer[],
  done: () => void,
): void {
  unit.ldev.top.write(io, lba, count, data, (failure) => {
    if (failure !== null) {
      unit.counters.writeErrors++;
      completeFailed(unit, task, failure);
    } else {
      done();
    }
  });
}

/** Ends a task that wrote. */
export function written(unit: LogicalUnit, task: Task, count = task.blocks): void {
  unit.counters.writes++;
  unit.counters.writtenBlocks += count;
  task.good();
}
