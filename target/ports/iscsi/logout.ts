/** Logout (RFC 7143 11.14, 11.15) and the asynchronous messages that lead to one (11.9). */
import {
  decodeLogoutRequest,
  encodeAsyncMessage,
  encodeLogoutResponse,
  LogoutReason,
  LogoutResponseCode,
} from '../../../wire/iscsi/bhs.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import type { Connection, Ending } from './connection.js';
import type { Session } from './session.js';

/** What the reason codes ask for: of this connection, another one, or all. */
export function receiveLogout(session: Session, connection: Connection, pdu: Pdu): void {
  const request = decodeLogoutRequest(pdu.bhs);
  const row = rows[request.reason];
  const named = session.connections.get(request.cid);
  const response = row === undefined ? LogoutResponseCode.cleanupFailed : responseTo(session, row, request.cid);
  const ending = response === LogoutResponseCode.closed ? row!.ending : null;
  const ends = ending !== null && (ending === 'session' || named === connection);
  // Another connection ends before the response says so; this one after it.
  if (ending !== null && !ends) named?.finish('logged out on another connection', ending);
  const { transmit } = connection;
  const at = transmit.begin();
  encodeLogoutResponse(transmit.slab, at, {
    response,
    initiatorTaskTag: request.initiatorTaskTag,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
    time2Wait: session.parameters.defaultTime2Wait,
    time2Retain: ending === 'lost' ? session.parameters.defaultTime2Retain : 0,
  });
  connection.sendStatus(at);
  if (ends) connection.finish('logged out', ending);
}

interface LogoutRow {
  /** What ends; `lost`: the connection, and its tasks wait to be taken up. */
  readonly ending: Ending;
  /** ErrorRecoveryLevel that it needs. */
  readonly level: number;
}

/** By reason code. */
const rows: Readonly<Record<number, LogoutRow>> = {
  [LogoutReason.closeSession]: { ending: 'session', level: 0 },
  [LogoutReason.closeConnection]: { ending: 'connection', level: 0 },
  [LogoutReason.removeConnectionForRecovery]: { ending: 'lost', level: 2 },
};

function responseTo(session: Session, { ending, level }: LogoutRow, cid: number): number {
  if (session.parameters.errorRecoveryLevel < level) return LogoutResponseCode.recoveryNotSupported;
  if (ending === 'session' || session.connections.get(cid) !== undefined) return LogoutResponseCode.closed;
  // It may have been noticed already that it is gone.
  const known = ending === 'lost' && session.stranded?.awaits(cid);
  return known ? LogoutResponseCode.closed : LogoutResponseCode.cidNotFound;
}

/** Tells the host what is going to happen; parameters as RFC 7143 11.9.1 has them for `event`. */
export function sendAsyncMessage(
  connection: Connection,
  event: number,
  parameters: readonly [number, number, number],
): void {
  const { transmit } = connection;
  const at = transmit.begin();
  encodeAsyncMessage(transmit.slab, at, {
    lun: null,
    event,
    vendorCode: 0,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
    parameter1: parameters[0],
    parameter2: parameters[1],
    parameter3: parameters[2],
  });
  connection.sendStatus(at);
}
