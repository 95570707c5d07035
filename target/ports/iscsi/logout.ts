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

/** With one connection, closing it closes the session; recovery needs ErrorRecoveryLevel 2. */
export function receiveLogout(session: Session, pdu: Pdu): void {
  const request = decodeLogoutRequest(pdu.bhs);
  const connection = session.connection;
  const response = responseTo(session, request.reason, request.cid);
  const { transmit } = connection;
  const at = transmit.begin();
  encodeLogoutResponse(transmit.slab, at, {
    response,
    initiatorTaskTag: request.initiatorTaskTag,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
    time2Wait: connection.parameters.defaultTime2Wait,
    time2Retain: 0,
  });
  transmit.header(at, 0);
  if (response === LogoutResponseCode.closed) connection.finish('logged out');
}

function responseTo(session: Session, reason: number, cid: number): number {
  switch (reason) {
    case LogoutReason.closeSession:
      return LogoutResponseCode.closed;
    case LogoutReason.closeConnection:
      return cid === session.identity.cid ? LogoutResponseCode.closed : LogoutResponseCode.cidNotFound;
    case LogoutReason.removeConnectionForRecovery:
      return LogoutResponseCode.recoveryNotSupported;
    default:
      return LogoutResponseCode.cleanupFailed;
  }
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
  transmit.header(at, 0);
}
