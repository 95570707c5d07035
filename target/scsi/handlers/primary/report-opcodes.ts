/** REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS (SPC-5 6.38, 6.39), from the command table. */
import { MaintenanceIn, Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  encodeAllCommands,
  encodeOneCommand,
  encodeTaskManagement,
  ReportingOption,
  Support,
  type TaskManagementBit,
  type Timeouts,
} from '../../../../wire/scsi/report-opcodes.js';
import { invalidFieldInCdb } from '../../../../wire/scsi/sense.js';
import { type Command, type CommandTable, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';

const RCTD = 0x80;
const REPD = 0x80;
const OPTIONS_BIT = 2;
const FIRST_VENDOR_OPCODE = 0xc0;

/** The same for all commands: nominal not told, recommended 30 seconds. */
const TIMEOUTS: Timeouts = { nominal: 0, recommended: 30 };

/** As the channel's task management carries them out. */
const FUNCTIONS: readonly (keyof typeof TaskManagementBit)[] = [
  'abortTask',
  'abortTaskSet',
  'clearAca',
  'clearTaskSet',
  'logicalUnitReset',
  'queryTask',
  'queryAsynchronousEvent',
  'queryTaskSet',
  'itNexusReset',
];

/** The row that options 001b, 010b and 011b ask for; `invalid` if the option does not suit the operation code. */
function requested(table: CommandTable, option: number, opcode: number, action: number): Command | null | 'invalid' {
  const actions = table.usesServiceActions(opcode);
  if (option === ReportingOption.opcode && actions) return 'invalid';
  if (option === ReportingOption.serviceAction && table.has(opcode) && !actions) return 'invalid';
  // Without service actions, option 011b takes only a service action of zero.
  if (action > (actions ? 0x1f : option === ReportingOption.opcode ? 0xffff : 0)) return null;
  return table.row(opcode, action);
}

function reportOpcodes(unit: LogicalUnit, task: Task): void {
  const { cdb } = task;
  const option = cdb[2]! & 0x07;
  const timeouts = (cdb[2]! & RCTD) !== 0 ? TIMEOUTS : null;
  const allocation = cdb.readUInt32BE(6);
  if (option === ReportingOption.all) {
    answer(task, encodeAllCommands(unit.commands.rows, timeouts), allocation);
    return;
  }
  const row =
    option > ReportingOption.either ? 'invalid' : requested(unit.commands, option, cdb[3]!, cdb.readUInt16BE(4));
  if (row === 'invalid') {
    task.check(invalidFieldInCdb(2, OPTIONS_BIT));
  } else if (row === null) {
    answer(task, encodeOneCommand(Support.unsupported, null, null), allocation);
  } else {
    const support = row.opcode >= FIRST_VENDOR_OPCODE ? Support.vendor : Support.standard;
    answer(task, encodeOneCommand(support, row.usage, timeouts), allocation);
  }
}

function reportFunctions(_unit: LogicalUnit, task: Task): void {
  const allocation = task.cdb.readUInt32BE(6);
  if (allocation < 4) task.check(invalidFieldInCdb(6));
  else answer(task, encodeTaskManagement(FUNCTIONS, (task.cdb[2]! & REPD) !== 0), allocation);
}

const U32 = [0xff, 0xff, 0xff, 0xff] as const;

export const reportOpcodesCommands: readonly Command[] = [
  defineCommand({
    name: 'REPORT SUPPORTED OPERATION CODES',
    opcode: Opcode.maintenanceIn,
    serviceAction: MaintenanceIn.reportSupportedOperationCodes,
    usage: [
      Opcode.maintenanceIn,
      MaintenanceIn.reportSupportedOperationCodes,
      RCTD | 0x07,
      0xff,
      0xff,
      0xff,
      ...U32,
      0,
      0,
    ],
    conflict: 'inquire',
    whileSanitizing: 'always',
    access: 'standby',
    reservation: Reservation.read,
    run: reportOpcodes,
  }),
  defineCommand({
    name: 'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS',
    opcode: Opcode.maintenanceIn,
    serviceAction: MaintenanceIn.reportSupportedTaskManagementFunctions,
    usage: [Opcode.maintenanceIn, MaintenanceIn.reportSupportedTaskManagementFunctions, REPD, 0, 0, 0, ...U32, 0, 0],
    conflict: 'inquire',
    whileSanitizing: 'always',
    access: 'standby',
    reservation: Reservation.read,
    run: reportFunctions,
  }),
];
