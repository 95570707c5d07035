/** Fault rules of task management: a request is delayed, lost or refused, or costs the connection. */
import type { TaskManagementRequest } from '../../../wire/iscsi/bhs.js';
import { decodeLun } from '../../../wire/scsi/lun.js';
import type { FunctionVerdict } from '../../volumes/layers/active-fault.js';
import type { Connection } from './connection.js';
import type { Session } from './session.js';

/** Answers a request. */
export type Reply = (response: number, information?: number) => void;

/**
 * What rules make of a request; null: nothing.
 * @param ofTarget its LUN field means nothing
 */
export function verdictOn(session: Session, request: TaskManagementRequest, ofTarget: boolean): FunctionVerdict | null {
  const { judgeFunction } = session.parts;
  if (judgeFunction === undefined) return null;
  const { initiatorName, port } = session.nexus!;
  const lun = ofTarget ? null : decodeLun(request.lun);
  const ldev = (lun === null ? undefined : session.group!.luns.get(lun)) ?? null;
  return judgeFunction({ code: request.fn, ldev, initiator: initiatorName, port: port.name });
}

/**
 * Has a request meet its fate.
 * @param carryOut with how it is to be answered
 */
export function meet(
  verdict: FunctionVerdict,
  session: Session,
  connection: Connection,
  reply: Reply,
  carryOut: (reply: Reply) => void,
): void {
  const { connection: fault, stallMs, response } = verdict;
  const after: Reply = (code, information) => {
    if (fault === 'drop-after') connection.drop('fault rule');
    else if (fault === 'stall-after') connection.stall(stallMs);
    // Of a connection that was dropped nothing leaves; that which stalls keeps it.
    reply(code, information);
  };
  session.later.delay(session.parts.clock, verdict.delayMs, connection, () => {
    if (fault === 'drop-before') {
      connection.drop('fault rule');
      return;
    }
    if (fault === 'stall-before') connection.stall(stallMs);
    if (response === null) carryOut(after);
    else if (response.code !== null) after(response.code);
  });
}
