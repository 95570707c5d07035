/** A SCSI Command becomes a task, or is refused. */
import {
  cmdSnOf,
  commandAttribute,
  commandCdb,
  commandExpectedLength,
  commandFinal,
  commandRead,
  commandWrite,
  decodeCommandAhs,
  initiatorTaskTag,
  RESERVED_TAG,
  RejectReason,
} from '../../../wire/iscsi/bhs.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import { TaskAttribute } from '../../scsi/task.js';
import type { Connection } from './connection.js';
import { beginDataOut } from './data-out.js';
import { IscsiTask } from './iscsi-task.js';
import { sendReject } from './reject.js';
import type { Session } from './session.js';

/** Makes the task of a SCSI Command, or refuses it and returns null. */
export function acceptCommand(
  session: Session,
  connection: Connection,
  pdu: Pdu,
  immediate: boolean,
): IscsiTask | null {
  const bhs = pdu.bhs;
  const tag = initiatorTaskTag(bhs);
  const read = commandRead(bhs);
  const write = commandWrite(bhs);
  const final = commandFinal(bhs);
  const attribute = commandAttribute(bhs);
  if (tag === RESERVED_TAG) return refuse(connection, bhs, RejectReason.invalidPduField, 'reserved Initiator Task Tag');
  if (session.tasks.has(tag)) return refuse(connection, bhs, RejectReason.taskInProgress, 'Initiator Task Tag in use');
  if (attribute > TaskAttribute.aca)
    return refuse(connection, bhs, RejectReason.invalidPduField, 'reserved task attribute');
  if (!write && !final) return refuse(connection, bhs, RejectReason.invalidPduField, 'neither F nor W');
  if (!write && pdu.dataLength > 0) return refuse(connection, bhs, RejectReason.invalidPduField, 'data without W');
  let cdb = commandCdb(bhs);
  const length = commandExpectedLength(bhs);
  let readLength = read && !write ? length : 0;
  if (pdu.ahs !== null) {
    const ahs = decodeCommandAhs(pdu.ahs);
    if (ahs === null) return refuse(connection, bhs, RejectReason.invalidPduField, 'malformed AHS');
    if (ahs.extendedCdb !== null) cdb = Buffer.concat([cdb, ahs.extendedCdb]);
    if (read && write) readLength = ahs.bidirectionalReadLength ?? 0;
  }
  const { input } = connection;
  // A command that waits for its data would keep the chunk it came in.
  const leavesInput = write && pdu.dataLength < length && (pdu.supplied || pdu.dataLength === 0);
  if (leavesInput) cdb = Buffer.from(cdb);
  const task = new IscsiTask(
    session,
    connection,
    session.nexus!,
    session.luns.of(bhs),
    cdb,
    tag,
    attribute as TaskAttribute,
    write ? length : 0,
    readLength,
    immediate,
    cmdSnOf(bhs),
    write,
    read,
  );
  if (leavesInput) input.done(input.stamp);
  else task.inputStamp = input.stamp;
  session.tasks.set(tag, task);
  if (session.stranded !== null) session.stranded.forget(tag);
  if (write) beginDataOut(task, pdu, final);
  return task;
}

function refuse(connection: Connection, bhs: Buffer, reason: RejectReason, why: string): null {
  sendReject(connection, reason, bhs, why);
  return null;
}

/** Hosts address one LUN many times in a row: one buffer serves them. */
export class LastLun {
  #lun = Buffer.alloc(8);

  of(bhs: Buffer): Buffer {
    const lun = this.#lun;
    if (lun.readUInt32BE(0) === bhs.readUInt32BE(8) && lun.readUInt32BE(4) === bhs.readUInt32BE(12)) return lun;
    this.#lun = Buffer.from(bhs.subarray(8, 16));
    return this.#lun;
  }
}
