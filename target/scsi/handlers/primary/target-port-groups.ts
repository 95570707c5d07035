/** REPORT and SET TARGET PORT GROUPS (SPC-5 6.40, 6.49). */
import { MaintenanceIn, MaintenanceOut, Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  invalidFieldInCdb,
  invalidFieldInParameterList,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import {
  AccessState,
  decodeGroupStates,
  encodePortGroups,
  type GroupStateChange,
} from '../../../../wire/scsi/target-port-groups.js';
import { MAX_TRANSITION_SECONDS } from '../../asymmetric-access.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer, parameterList } from './answer.js';

/** PARAMETER DATA FORMAT. */
const Format = { lengthOnly: 0, extended: 1 } as const;

/** Far more descriptors than there are groups. */
const MAX_LIST_BYTES = 4096;
const STATE_BIT = 3;
const GROUP_BYTE = 2;

/** What a host may ask for: offline is a secondary state of single ports, which only an administrator takes away here. */
const settable: ReadonlySet<number> = new Set([
  AccessState.activeOptimized,
  AccessState.activeNonOptimized,
  AccessState.standby,
  AccessState.unavailable,
]);

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
  const { access } = unit;
  const list = [...groups].map(([id, ports]) => ({
    id,
    state: access.stateOf(id),
    status: access.statusOf(id),
    ports,
  }));
  const data = encodePortGroups(list, format === Format.extended ? MAX_TRANSITION_SECONDS : null);
  answer(task, data, task.cdb.readUInt32BE(6));
}

/** The first thing wrong with a list of changes; each is told by its own field. */
function refuse(unit: LogicalUnit, changes: readonly GroupStateChange[]): Sense | null {
  const open = new Set(unit.surroundings.ports().map((port) => port.portGroup));
  for (const { offset, state, group } of changes) {
    if (!settable.has(state)) return invalidFieldInParameterList(offset, STATE_BIT);
    // Not there, or named twice.
    if (!open.delete(group)) return invalidFieldInParameterList(offset + GROUP_BYTE);
  }
  return null;
}

function set(unit: LogicalUnit, task: Task): void {
  const bytes = task.cdb.readUInt32BE(6);
  if (bytes === 0) {
    task.good();
    return;
  }
  const list = parameterList(task, bytes);
  const changes = list.length < bytes ? null : decodeGroupStates(list);
  if (changes === null) {
    task.check(parameterListLengthError());
    return;
  }
  const refusal = refuse(unit, changes);
  if (refusal !== null) {
    task.check(refusal);
    return;
  }
  for (const { group, state } of changes) unit.access.change(group, state as AccessState, task.nexus);
  task.good();
}

const U32 = [0xff, 0xff, 0xff, 0xff] as const;

export const targetPortGroupCommands: readonly Command[] = [
  defineCommand({
    name: 'REPORT TARGET PORT GROUPS',
    opcode: Opcode.maintenanceIn,
    serviceAction: MaintenanceIn.reportTargetPortGroups,
    usage: [Opcode.maintenanceIn, 0xe0 | MaintenanceIn.reportTargetPortGroups, 0, 0, 0, 0, ...U32, 0, 0],
    conflict: 'inquire',
    whileSanitizing: 'always',
    access: 'any',
    reservation: Reservation.free,
    run: report,
  }),
  defineCommand({
    name: 'SET TARGET PORT GROUPS',
    opcode: Opcode.maintenanceOut,
    serviceAction: MaintenanceOut.setTargetPortGroups,
    usage: [Opcode.maintenanceOut, MaintenanceOut.setTargetPortGroups, 0, 0, 0, 0, ...U32, 0, 0],
    // Waits for nothing: it is sent when commands hang on the other path.
    conflict: 'inquire',
    access: 'any',
    reservation: Reservation.write,
    check: (_unit, task) => (task.cdb.readUInt32BE(6) > MAX_LIST_BYTES ? parameterListLengthError() : null),
    dataOutBytes: (_unit, task) => task.cdb.readUInt32BE(6),
    run: set,
  }),
];
