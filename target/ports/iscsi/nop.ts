/** NOP-Out and NOP-In (RFC 7143 11.18, 11.19): pings either way. */
import { decodeTextRequest, encodeNopIn, RESERVED_TAG, RejectReason } from '../../../wire/iscsi/bhs.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import type { Connection } from './connection.js';
import { sendReject } from './reject.js';

/** A host's ping is answered with its data; its answer to ours needs no more than having been heard. */
export function receiveNopOut(connection: Connection, pdu: Pdu): void {
  const request = decodeTextRequest(pdu.bhs);
  if (request.initiatorTaskTag === RESERVED_TAG) {
    if (!request.immediate) sendReject(connection, RejectReason.invalidPduField, pdu.bhs, 'no tag and not immediate');
    return;
  }
  if (request.targetTransferTag !== RESERVED_TAG) {
    sendReject(connection, RejectReason.invalidPduField, pdu.bhs, 'both tags are set');
    return;
  }
  // RFC 7143 11.19.4: cut to what the initiator can take.
  const bytes = Math.min(pdu.dataLength, connection.parameters.sendDataSegmentLength);
  const { transmit } = connection;
  const at = transmit.begin();
  encodeNopIn(transmit.slab, at, {
    lun: request.lun,
    initiatorTaskTag: request.initiatorTaskTag,
    targetTransferTag: RESERVED_TAG,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
  });
  connection.sendStatus(at, Buffer.concat(pdu.data as Buffer[], bytes));
}

/** Asks whether the host is still there. */
export function sendPing(connection: Connection, tag: number): void {
  const { transmit } = connection;
  const at = transmit.begin();
  encodeNopIn(transmit.slab, at, {
    lun: null,
    initiatorTaskTag: RESERVED_TAG,
    targetTransferTag: tag,
    // Carries the next StatSN without taking it (RFC 7143 11.19.3).
    statSn: connection.statSn,
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
  });
  transmit.header(at, 0);
}
