/** RESERVE and RELEASE, 6 and 10 bytes (SPC-2 7.21, 7.16). Extents and third parties are not supported. */
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { type Command, defineCommand, type ReservationPolicy } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { reservationsOf } from '../../reservations.js';
import { Status, type Task } from '../../task.js';

/** Persistent reservations are judged by the commands themselves. */
const reserving: ReservationPolicy = { reserve: 'conflict', persistent: 'allowed' };
const releasing: ReservationPolicy = { reserve: 'allowed', persistent: 'allowed' };

function finish(task: Task, granted: boolean): void {
  if (granted) task.good();
  else task.fail(Status.reservationConflict);
}

const reserve = (unit: LogicalUnit, task: Task) => finish(task, reservationsOf(unit).reserve(task.nexus));
const release = (unit: LogicalUnit, task: Task) => finish(task, reservationsOf(unit).release(task.nexus));

function row(
  name: string,
  opcode: number,
  bytes: number,
  reservation: ReservationPolicy,
  run: Command['run'],
): Command {
  const usage = [opcode, ...new Array<number>(bytes - 1).fill(0)];
  return defineCommand({ name, opcode, usage, conflict: 'configure', reservation, run });
}

export const reserveCommands: readonly Command[] = [
  row('RESERVE(6)', Opcode.reserve6, 6, reserving, reserve),
  row('RELEASE(6)', Opcode.release6, 6, releasing, release),
  row('RESERVE(10)', Opcode.reserve10, 10, reserving, reserve),
  row('RELEASE(10)', Opcode.release10, 10, releasing, release),
];
