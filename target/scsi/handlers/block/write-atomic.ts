/**
 * WRITE ATOMIC(16) (SBC-4 5.41): all blocks or none, whoever reads them and whenever the process dies. One atomic
 * operation per command: an ATOMIC BOUNDARY, which would allow several, is not in the usage data.
 *
 *   byte 10–11 ATOMIC BOUNDARY, 12–13 TRANSFER LENGTH
 */

import { lba16 } from '../../../../wire/scsi/cdb.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, type Sense } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { DPO, FUA, GROUP_NUMBER } from './cdb-shapes.js';
import { bytesOfRange, write } from './read-write.js';

const LENGTH_BYTE = 12;

/** @param lengthByte of the length field */
export function fitsAtomic(lengthByte = LENGTH_BYTE) {
  return (unit: LogicalUnit, task: Task): Sense | null =>
    task.blocks > unit.maxAtomicBlocks ? invalidFieldInCdb(lengthByte) : null;
}

export const writeAtomicCommand: Command = defineCommand({
  name: 'WRITE ATOMIC(16)',
  opcode: Opcode.writeAtomic16,
  usage: [Opcode.writeAtomic16, DPO | FUA, ...new Array<number>(8).fill(0xff), 0, 0, 0xff, 0xff, GROUP_NUMBER, 0],
  conflict: 'write',
  reservation: Reservation.write,
  runsWhenStopped: false,
  writes: true,
  // Whole blocks out of a shorter transfer would not be all of them.
  transfer: 'complete',
  locate: (_unit, task) => {
    task.lba = lba16(task.cdb);
    task.blocks = task.cdb.readUInt16BE(LENGTH_BYTE);
  },
  check: fitsAtomic(),
  dataOutBytes: bytesOfRange,
  run: (unit, task) => write(unit, task, task.cdb[1]!, true),
});
