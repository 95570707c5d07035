/** CHANGE ALIASES and REPORT ALIASES (SPC-5 6.2, 6.34): short names that CSCD descriptors may have for targets. */
import { type AliasEntry, decodeAliasList, encodeAliasList } from '../../../../wire/scsi/aliases.js';
import { MaintenanceIn, MaintenanceOut, Opcode } from '../../../../wire/scsi/opcodes.js';
import { insufficientResources, operationInProgress } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import type { Task } from '../../task.js';
import { answer, withList } from '../primary/answer.js';

/** More than any alias list may hold. */
const MAX_LIST_BYTES = 64 * 1024;

const LENGTH_AT = 6;
const lengthOf = ({ cdb }: Task): number => cdb.readUInt32BE(LENGTH_AT);

/** A copy of this nexus goes by its alias list. */
function inUse({ copies }: LogicalUnit, nexus: Nexus): boolean {
  return copies.list().some(({ running, issuer, list }) => {
    const names = [...list.cscds.values()];
    return (
      running && issuer.id === nexus.id && names.some((one) => one !== 'extension' && one.address.kind === 'alias')
    );
  });
}

function change(unit: LogicalUnit, task: Task, entries: readonly AliasEntry[]): void {
  if (entries.length > 0 && inUse(unit, task.nexus)) task.check(operationInProgress());
  else if (unit.copies.aliases.change(task.nexus.id, entries)) task.good();
  else task.check(insufficientResources());
}

function report({ copies }: LogicalUnit, task: Task): void {
  answer(task, encodeAliasList([...copies.aliases.of(task.nexus.id).values()]), lengthOf(task));
}

const U32 = [0xff, 0xff, 0xff, 0xff] as const;

export const aliasCommands: readonly Command[] = [
  defineCommand({
    name: 'CHANGE ALIASES',
    opcode: Opcode.maintenanceOut,
    serviceAction: MaintenanceOut.changeAliases,
    usage: [Opcode.maintenanceOut, MaintenanceOut.changeAliases, 0, 0, 0, 0, ...U32, 0, 0],
    conflict: 'inquire',
    reservation: Reservation.write,
    check: (_unit, task) => (lengthOf(task) > MAX_LIST_BYTES ? insufficientResources() : null),
    dataOutBytes: (_unit, task) => lengthOf(task),
    run: (unit, task) => withList(task, lengthOf(task), decodeAliasList, (entries) => change(unit, task, entries)),
  }),
  defineCommand({
    name: 'REPORT ALIASES',
    opcode: Opcode.maintenanceIn,
    serviceAction: MaintenanceIn.reportAliases,
    usage: [Opcode.maintenanceIn, MaintenanceIn.reportAliases, 0, 0, 0, 0, ...U32, 0, 0],
    conflict: 'inquire',
    reservation: Reservation.free,
    run: report,
  }),
];
