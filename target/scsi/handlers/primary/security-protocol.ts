/**
 * SECURITY PROTOCOL IN (SPC-5 6.46): the list of security protocols, in which stands only the one that tells it.
 *
 *   byte 1 SECURITY PROTOCOL   2–3 SECURITY PROTOCOL SPECIFIC   4 INC_512 (7)   6–9 ALLOCATION LENGTH
 */
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb } from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';

const INFORMATION = 0x00;
const INC_512 = 0x80;

/** By SECURITY PROTOCOL SPECIFIC. */
const pages: ReadonlyMap<number, Buffer> = new Map([
  // Reserved 6 · SUPPORTED SECURITY PROTOCOL LIST LENGTH 2 · protocols.
  [0x0000, Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, INFORMATION])],
  // Reserved 2 · CERTIFICATE LENGTH 2: there is none.
  [0x0001, Buffer.alloc(4)],
]);

function securityProtocolIn(_unit: LogicalUnit, task: Task): void {
  const { cdb } = task;
  const page = pages.get(cdb.readUInt16BE(2));
  if (cdb[1] !== INFORMATION) task.check(invalidFieldInCdb(1));
  else if (page === undefined) task.check(invalidFieldInCdb(2));
  else answer(task, page, cdb.readUInt32BE(6) * ((cdb[4]! & INC_512) !== 0 ? 512 : 1));
}

export const securityProtocolInCommand: Command = defineCommand({
  name: 'SECURITY PROTOCOL IN',
  opcode: Opcode.securityProtocolIn,
  usage: [Opcode.securityProtocolIn, 0xff, 0xff, 0xff, INC_512, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
  conflict: 'inquire',
  access: 'standby',
  reservation: Reservation.read,
  run: securityProtocolIn,
});
