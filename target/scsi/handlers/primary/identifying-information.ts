/** REPORT and SET IDENTIFYING INFORMATION (SPC-5 6.36, 6.48): what hosts want an LDEV to be known by. */
import {
  encodeIdentifyingInformation,
  encodeIdentifyingTypes,
  IdentifyingType,
  identifyingLimits,
} from '../../../../wire/scsi/identifying-information.js';
import { MaintenanceIn, MaintenanceOut, Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  deviceIdentifierChanged,
  internalTargetFailure,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer, parameterList } from './answer.js';

const LENGTH_BYTE = 6;
const TYPE_BYTE = 10;
const TYPE_MASK = 0xfe;

const typeOf = (task: Task) => task.cdb[TYPE_BYTE]! >> 1;
const lengthOf = (task: Task) => task.cdb.readUInt32BE(LENGTH_BYTE);

function report(unit: LogicalUnit, task: Task): void {
  const type = typeOf(task);
  if (type === IdentifyingType.supportedTypes) {
    answer(task, encodeIdentifyingTypes(), lengthOf(task));
  } else if (identifyingLimits.has(type)) {
    const information = unit.identifying.identifyingInformation(unit.ldev.id, type);
    answer(task, encodeIdentifyingInformation(information), lengthOf(task));
  } else {
    task.check(invalidFieldInCdb(TYPE_BYTE, 7));
  }
}

function checkSet(_unit: LogicalUnit, task: Task): Sense | null {
  const limit = identifyingLimits.get(typeOf(task));
  if (limit === undefined) return invalidFieldInCdb(TYPE_BYTE, 7);
  return lengthOf(task) > limit ? invalidFieldInCdb(LENGTH_BYTE) : null;
}

function set(unit: LogicalUnit, task: Task): void {
  const type = typeOf(task);
  const bytes = lengthOf(task);
  const information = Buffer.from(parameterList(task, bytes));
  if (information.length < bytes) {
    task.check(parameterListLengthError());
    return;
  }
  if (type === IdentifyingType.text && bytes > 0 && information.indexOf(0) === -1) {
    task.check(invalidFieldInParameterList(bytes - 1));
    return;
  }
  try {
    unit.identifying.saveIdentifyingInformation(unit.ldev.id, type, information);
  } catch (error) {
    unit.log.error(`LDEV ${unit.ldev.id}: identifying information not saved: ${(error as Error).message}`);
    task.check(internalTargetFailure());
    return;
  }
  unit.tell(deviceIdentifierChanged(), task.nexus);
  task.good();
}

const U32 = [0xff, 0xff, 0xff, 0xff] as const;

export const identifyingInformationCommands: readonly Command[] = [
  defineCommand({
    name: 'REPORT IDENTIFYING INFORMATION',
    opcode: Opcode.maintenanceIn,
    serviceAction: MaintenanceIn.reportIdentifyingInformation,
    usage: [Opcode.maintenanceIn, MaintenanceIn.reportIdentifyingInformation, 0, 0, 0, 0, ...U32, TYPE_MASK, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.free,
    run: report,
  }),
  defineCommand({
    name: 'SET IDENTIFYING INFORMATION',
    opcode: Opcode.maintenanceOut,
    serviceAction: MaintenanceOut.setIdentifyingInformation,
    usage: [Opcode.maintenanceOut, MaintenanceOut.setIdentifyingInformation, 0, 0, 0, 0, ...U32, TYPE_MASK, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.write,
    check: checkSet,
    dataOutBytes: (_unit, task) => lengthOf(task),
    run: set,
  }),
];
