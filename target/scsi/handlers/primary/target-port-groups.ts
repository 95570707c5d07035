/** REPORT TARGET PORT GROUPS (SPC-5 6.40): every port is active/optimized, always. */
import { MaintenanceIn, Opcode } from '../../../../wire/scsi/opcodes.js';
import { AccessState, encodePortGroups } from '../../../../wire/scsi/report-target-port-groups.js';
import { invalidFieldInCdb } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';

/** PARAMETER DATA FORMAT. */
const Format = { lengthOnly: 0, extended: 1 } as const;

function report(unit: LogicalUnit, task: Task): void {
  const format = task.cdb[1]! >> 5;
  if (format > Format.extended) {
    task.check(invalidFieldInCdb(1, 7));
    return;
  }
  const groups = new Map<number, number[]>();
  for (const { portGroup, relativeId } of unit.surroundings.ports()) {
    groups.set(portGroup, [...(groups.get(portGroup) ?? []), relativeId]);
  }
  const list = [...groups].map(([id, ports]) => ({ id, state: AccessState.activeOptimized, ports }));
  answer(task, encodePortGroups(list, format === Format.extended), task.cdb.readUInt32BE(6));
}

export const reportTargetPortGroupsCommand: Command = defineCommand({
  name: 'REPORT TARGET PORT GROUPS',
  opcode: Opcode.maintenanceIn,
  serviceAction: MaintenanceIn.reportTargetPortGroups,
  usage: [Opcode.maintenanceIn, 0xe0 | MaintenanceIn.reportTargetPortGroups, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
  conflict: 'inquire',
  reservation: Reservation.free,
  run: report,
});
