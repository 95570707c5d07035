/**
 * READ DEFECT DATA(10) and (12) (SBC-4 5.22, 5.23). Sparse files have no defects: both lists are empty, so that
 * they can be given in every format that the standard defines, always the one asked for.
 *
 *   header of (10):  1 PLISTV 10h, GLISTV 08h, format   2–3 list length
 *   header of (12):  1 the same   2–3 generation code, 0: not kept   4–7 list length
 */

import { length10, length12 } from '../../../../wire/scsi/cdb.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, type Sense } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';

/** REQ_PLIST and REQ_GLIST; PLISTV and GLISTV stand in the same places. */
const LISTS = 0x18;
const FORMAT = 0x07;
const FORMAT_TOP_BIT = 2;
/** Vendor specific; beyond it the field is reserved. */
const FIRST_UNKNOWN_FORMAT = 6;

interface Shape {
  /** Where lists and format stand. */
  readonly requestByte: number;
  readonly headerBytes: number;
  readonly allocation: (cdb: Buffer) => number;
}

function row(name: string, opcode: number, usage: readonly number[], shape: Shape): Command {
  const { requestByte, headerBytes, allocation } = shape;
  return defineCommand({
    name,
    opcode,
    usage,
    conflict: 'inquire',
    reservation: Reservation.read,
    runsWhenStopped: false,
    check: (_unit: LogicalUnit, { cdb }: Task): Sense | null =>
      (cdb[requestByte]! & FORMAT) >= FIRST_UNKNOWN_FORMAT ? invalidFieldInCdb(requestByte, FORMAT_TOP_BIT) : null,
    run: (_unit: LogicalUnit, task: Task): void => {
      const header = Buffer.alloc(headerBytes);
      header[1] = task.cdb[requestByte]! & (LISTS | FORMAT);
      const cut = header.subarray(0, allocation(task.cdb));
      task.data([cut], cut.length);
    },
  });
}

const ten: Shape = { requestByte: 2, headerBytes: 4, allocation: length10 };
const twelve: Shape = { requestByte: 1, headerBytes: 8, allocation: length12 };
/** ADDRESS DESCRIPTOR INDEX and ALLOCATION LENGTH: an index beyond the list's end gives the header alone. */
const FIELDS_12 = new Array<number>(8).fill(0xff);

export const readDefectDataCommands: readonly Command[] = [
  row(
    'READ DEFECT DATA(10)',
    Opcode.readDefectData10,
    [Opcode.readDefectData10, 0, LISTS | FORMAT, 0, 0, 0, 0, 0xff, 0xff, 0],
    ten,
  ),
  row(
    'READ DEFECT DATA(12)',
    Opcode.readDefectData12,
    [Opcode.readDefectData12, LISTS | FORMAT, ...FIELDS_12, 0, 0],
    twelve,
  ),
];
