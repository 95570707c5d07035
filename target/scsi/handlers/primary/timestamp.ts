/** REPORT and SET TIMESTAMP (SPC-5 6.42, 6.50). */
import { MaintenanceIn, MaintenanceOut, Opcode } from '../../../../wire/scsi/opcodes.js';
import { parameterListLengthError, type Sense, timestampChanged } from '../../../../wire/scsi/sense.js';
import { decodeTimestamp, encodeTimestamp, TIMESTAMP_LIST_BYTES } from '../../../../wire/scsi/timestamp.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer, parameterList } from './answer.js';

const lengthOf = (task: Task) => task.cdb.readUInt32BE(6);

/** Nothing, or the whole list. */
function refuseLength(bytes: number): Sense | null {
  return bytes === 0 || bytes === TIMESTAMP_LIST_BYTES ? null : parameterListLengthError();
}

function set(unit: LogicalUnit, task: Task): void {
  const bytes = lengthOf(task);
  if (bytes === 0) {
    task.good();
    return;
  }
  const list = parameterList(task, TIMESTAMP_LIST_BYTES);
  if (list.length < TIMESTAMP_LIST_BYTES) {
    task.check(parameterListLengthError());
    return;
  }
  unit.deviceClock.set(decodeTimestamp(list));
  unit.tell(timestampChanged(), task.nexus);
  task.good();
}

const U32 = [0xff, 0xff, 0xff, 0xff] as const;

export const timestampCommands: readonly Command[] = [
  defineCommand({
    name: 'REPORT TIMESTAMP',
    opcode: Opcode.maintenanceIn,
    serviceAction: MaintenanceIn.reportTimestamp,
    usage: [Opcode.maintenanceIn, MaintenanceIn.reportTimestamp, 0, 0, 0, 0, ...U32, 0, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.free,
    run: ({ deviceClock }, task) =>
      answer(task, encodeTimestamp(deviceClock.timestamp, deviceClock.origin), lengthOf(task)),
  }),
  defineCommand({
    name: 'SET TIMESTAMP',
    opcode: Opcode.maintenanceOut,
    serviceAction: MaintenanceOut.setTimestamp,
    usage: [Opcode.maintenanceOut, MaintenanceOut.setTimestamp, 0, 0, 0, 0, ...U32, 0, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.write,
    check: (_unit, task) => refuseLength(lengthOf(task)),
    dataOutBytes: (_unit, task) => lengthOf(task),
    run: set,
  }),
];
