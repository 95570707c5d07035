/** SNACK Requests (RFC 7143 11.16): what is to be sent again, or need not be kept any more. */
import { decodeSnackRequest, RejectReason, type SnackRequest, SnackType } from '../../../wire/iscsi/bhs.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import type { Connection } from './connection.js';
import { resendR2ts } from './data-out.js';
import { sendReject } from './reject.js';
import { resegment, resendData, resendStatus } from './resend.js';
import type { Session } from './session.js';
import type { Unacknowledged } from './unacknowledged.js';

/** Why a SNACK is refused. */
interface Refusal {
  readonly reason: RejectReason;
  readonly why: string;
}

type Answer = (request: SnackRequest, kept: Unacknowledged, connection: Connection, session: Session) => Refusal | null;

export function receiveSnack(session: Session, connection: Connection, pdu: Pdu): void {
  const request = decodeSnackRequest(pdu.bhs);
  const answer = answers[request.type];
  const kept = connection.unacknowledged;
  connection.counters.snacks++;
  // What is asked for would have to wait behind much else; the initiator asks again.
  if (connection.congested) return;
  const refusal =
    kept === null
      ? refuse('SNACK with ErrorRecoveryLevel 0')
      : answer === undefined
        ? refuse(`SNACK type ${request.type}`, RejectReason.invalidPduField)
        : answer(request, kept, connection, session);
  // So that `congested` tells before the next one, which may lie in the same chunk.
  connection.transmit.flush();
  if (refusal !== null) sendReject(connection, refusal.reason, pdu.bhs, refusal.why);
}

/** RFC 7143 11.16: what was not sent, or is acknowledged, is a protocol error to ask for. */
const refuse = (why: string, reason: RejectReason = RejectReason.protocolError): Refusal => ({ reason, why });

const answers: Readonly<Record<number, Answer>> = {
  [SnackType.status]: ({ begRun, runLength }, kept, connection) => {
    const run = kept.run(begRun, runLength);
    if (run === null) return refuse(`no status ${begRun} to ${begRun + runLength - 1} that is not acknowledged`);
    for (const sent of run) resendStatus(connection, sent);
    return null;
  },

  [SnackType.dataOrR2t]: ({ initiatorTaskTag, begRun, runLength }, kept, connection, session) => {
    const task = session.tasks.get(initiatorTaskTag);
    if (task?.writes && task.connection === connection) {
      if (begRun >= task.r2tSn) return refuse(`R2T ${begRun} has not been sent`);
      resendR2ts(session, task, begRun, runLength === 0 ? task.r2tSn : begRun + runLength);
      return null;
    }
    const sent = kept.of(initiatorTaskTag);
    if (!sent?.data) return refuse('no data of such a task that is not acknowledged');
    const { data } = sent;
    const end = runLength === 0 ? data.pdus : begRun + runLength;
    if (begRun < data.acknowledged || begRun >= data.pdus || end > data.pdus)
      return refuse(`DataSN ${begRun} to ${end - 1} of ${data.pdus}, ${data.acknowledged} acknowledged`);
    if (data.gone) return refuse('the data is not kept any more', RejectReason.snackReject);
    resendData(connection, data, begRun, end, sent.statSn);
    return null;
  },

  [SnackType.dataAck]: ({ targetTransferTag, begRun }, kept) => {
    const data = kept.of(targetTransferTag)?.data;
    // The status may have been acknowledged meanwhile.
    if (!data) return null;
    if (begRun > data.pdus) return refuse(`DataSN ${begRun} of ${data.pdus}`, RejectReason.invalidDataAck);
    data.acknowledged = Math.max(data.acknowledged, begRun);
    return null;
  },

  [SnackType.rData]: ({ initiatorTaskTag, targetTransferTag }, kept, connection) => {
    const sent = kept.of(initiatorTaskTag);
    if (!sent?.data) return refuse('no data of such a task that is not acknowledged');
    // Only status without sense is made anew.
    if (sent.data.gone || sent.data.task.sense !== null)
      return refuse('the data is not kept any more', RejectReason.snackReject);
    kept.replace(sent, resegment(connection, sent, targetTransferTag));
    return null;
  },
};
