/** Requests of the full feature phase other than SCSI commands. All are immediate: they take no CmdSN. */
import {
  encodeCommandAhs,
  encodeLogoutRequest,
  encodeNopOut,
  encodeTaskManagementRequest,
  encodeTextRequest,
  RESERVED_TAG,
} from '../wire/iscsi/bhs.js';
import type { Connection } from './connection.js';
import type { ScsiTask } from './task.js';

const LONGEST_PLAIN_CDB = 16;

/** The sequence numbers that every request carries. */
export interface RequestNumbers {
  readonly cmdSn: number;
  readonly expStatSn: number;
}

/** @param expDataSn TASK REASSIGN only: the DataSN or R2TSN from which the target is to go on */
export function sendTaskManagement(
  connection: Connection,
  numbers: RequestNumbers,
  request: { readonly tag: number; readonly fn: number; readonly lun: Buffer; readonly task: ScsiTask | null },
  expDataSn = 0,
): void {
  const at = connection.begin();
  encodeTaskManagementRequest(connection.stage, at, {
    immediate: true,
    fn: request.fn,
    lun: request.lun,
    initiatorTaskTag: request.tag,
    referencedTaskTag: request.task?.tag ?? RESERVED_TAG,
    ...numbers,
    refCmdSn: request.task?.cmdSn ?? 0,
    expDataSn,
  });
  connection.finish(at);
}

export function sendLogout(
  connection: Connection,
  numbers: RequestNumbers,
  request: { readonly tag: number; readonly reason: number; readonly cid: number },
): void {
  const at = connection.begin();
  const { tag, reason, cid } = request;
  encodeLogoutRequest(connection.stage, at, { immediate: true, reason, initiatorTaskTag: tag, cid, ...numbers });
  connection.finish(at);
}

export function sendText(
  connection: Connection,
  numbers: RequestNumbers,
  request: { readonly tag: number; readonly transferTag: number; readonly text: Buffer },
): void {
  const at = connection.begin();
  encodeTextRequest(connection.stage, at, {
    immediate: true,
    final: true,
    continues: false,
    lun: null,
    initiatorTaskTag: request.tag,
    targetTransferTag: request.transferTag,
    ...numbers,
  });
  connection.finish(at, [request.text], request.text.length);
}

export function sendNop(
  connection: Connection,
  numbers: RequestNumbers,
  request: { readonly tag: number; readonly transferTag: number; readonly lun: Buffer },
): void {
  const at = connection.begin();
  encodeNopOut(connection.stage, at, {
    immediate: true,
    lun: request.lun,
    initiatorTaskTag: request.tag,
    targetTransferTag: request.transferTag,
    ...numbers,
  });
  connection.finish(at);
}

/** Additional header segments of a command, or null. */
export function ahsOf(task: ScsiTask): Buffer | null {
  const bidirectional = task.dataOutBytes > 0 && task.dataInBytes > 0;
  if (task.cdb.length <= LONGEST_PLAIN_CDB && !bidirectional) return null;
  return encodeCommandAhs({
    extendedCdb: task.cdb.length > LONGEST_PLAIN_CDB ? task.cdb.subarray(LONGEST_PLAIN_CDB) : null,
    bidirectionalReadLength: bidirectional ? task.dataInBytes : null,
  });
}
