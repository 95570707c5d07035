/** Logout (RFC 7143 11.14, 11.15) and the asynchronous messages that lead to one (11.9). */
import {
  decodeLogoutRequest,
  encodeAsyncMessage,
  encodeLogoutResponse,
  LogoutReason,
  LogoutResponseCode,
} from '../../../wire/iscsi/bhs.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import type { Connection } from './connection.js';
import type { Session } from './session.js';

/** What the reason codes ask for: of this connection, another one, or all. */
export function receiveLogout(session: Session, connection: Connection, pdu: Pdu): void {
  const request = decodeLogoutRequest(pdu.bhs);
  const row = rows[request.reason];
  const named = session.connections.get(request.cid);
  const response =
    row === undefined
      ? LogoutResponseCode.cleanupFailed
      : row.ends === null
        ? LogoutResponseCode.recoveryNotSupported
        : row.ends === 'connection' && named === undefined
          ? LogoutResponseCode.cidNotFound
          : LogoutResponseCode.closed;
  const ends = response === LogoutResponseCode.closed ? row!.ends : null;
  // Another connection ends before the response says so; this one after it.
  if (ends === 'connection' && named !== connection) named!.finish('logged out on another connection', ends);
  const { transmit } = connection;
  const at = transmit.begin();
  encodeLogoutResponse(transmit.slab, at, {
    response,
    initiatorTaskTag: request.initiatorTaskTag,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
    time2Wait: session.parameters.defaultTime2Wait,
    time2Retain: 0,
  });
  connection.sendStatus(at);
  if (ends === 'session' || (ends === 'connection' && named === connection)) connection.finish('logged out', ends);
}

/** By reason code: what ends; null: not supported. */
const rows: Readonly<Record<number, { readonly ends: 'session' | 'connection' | null }>> = {
  [LogoutReason.closeSession]: { ends: 'session' },
  [LogoutReason.closeConnection]: { ends: 'connection' },
  [LogoutReason.removeConnectionForRecovery]: { ends: null },
};

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
