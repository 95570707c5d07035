/** What the block commands share in their CDBs: usage data and the blocks addressed, by CDB size. */

import { lba6, lba10, lba16, length6, length10, length12, length16 } from '../../../../wire/scsi/cdb.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';

/** Bits of byte 1 that READ and WRITE commands of 10 bytes and more have in common (SBC-4 5.10). */
export const DPO = 0x10;
export const FUA = 0x08;

const U32 = [0xff, 0xff, 0xff, 0xff] as const;

/**
 * GROUP NUMBER: taken from any command that has it and without effect, as it only says under which number a
 * command is to be counted (SBC-4 4.22), and there are no such counters here (GROUP_SUP is zero).
 */
export const GROUP_NUMBER = 0x3f;

/** CDB usage data: `flags` are the evaluated bits of byte 1. CONTROL must be zero. */
export const usage6 = (opcode: number): readonly number[] => [opcode, 0x1f, 0xff, 0xff, 0xff, 0];
export const usage10 = (opcode: number, flags: number): readonly number[] => [
  opcode,
  flags,
  ...U32,
  GROUP_NUMBER,
  0xff,
  0xff,
  0,
];
export const usage12 = (opcode: number, flags: number): readonly number[] => [
  opcode,
  flags,
  ...U32,
  ...U32,
  GROUP_NUMBER,
  0,
];
export const usage16 = (opcode: number, flags: number): readonly number[] => [
  opcode,
  flags,
  ...U32,
  ...U32,
  ...U32,
  GROUP_NUMBER,
  0,
];

export function locate6(_unit: LogicalUnit, task: Task): void {
  task.lba = lba6(task.cdb);
  task.blocks = length6(task.cdb);
}

export function locate10(_unit: LogicalUnit, task: Task): void {
  task.lba = lba10(task.cdb);
  task.blocks = length10(task.cdb);
}

export function locate12(_unit: LogicalUnit, task: Task): void {
  task.lba = lba10(task.cdb);
  task.blocks = length12(task.cdb);
}

export function locate16(_unit: LogicalUnit, task: Task): void {
  task.lba = lba16(task.cdb);
  task.blocks = length16(task.cdb);
}

/** The shapes by CDB size, for rows that come in several. */
export const CdbSize = {
  ten: { suffix: '(10)', usage: usage10, locate: locate10, lengthByte: 7 },
  twelve: { suffix: '(12)', usage: usage12, locate: locate12, lengthByte: 6 },
  sixteen: { suffix: '(16)', usage: usage16, locate: locate16, lengthByte: 10 },
} as const;
export type CdbSize = (typeof CdbSize)[keyof typeof CdbSize];

/** For commands where a length of zero means "to the last block": resolves it into `task.blocks`. */
export function toTheEnd(locate: CdbSize['locate']): (unit: LogicalUnit, task: Task) => void {
  return (unit, task) => {
    locate(unit, task);
    if (task.blocks === 0 && task.lba < unit.blocks) task.blocks = unit.blocks - task.lba;
  };
}
