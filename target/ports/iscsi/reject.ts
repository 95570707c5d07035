import { encodeReject, opcodeName, opcodeOf, RejectReason, rejectReasonName } from '../../../wire/iscsi/bhs.js';
import type { Connection } from './connection.js';

/**
 * Refuses a PDU with its own header in the data segment (RFC 7143 11.17).
 * @param why for the log: what was wrong, in words
 */
export function sendReject(connection: Connection, reason: RejectReason, bhs: Buffer, why: string): void {
  const { transmit, counters, log } = connection;
  counters.rejects++;
  log.warn('reject', `${connection.name}: ${opcodeName(opcodeOf(bhs))} rejected (${rejectReasonName(reason)}): ${why}`);
  const at = transmit.begin();
  encodeReject(transmit.slab, at, {
    reason,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
    dataSn: 0,
  });
  connection.sendStatus(at, bhs);
}

/** A data digest error (RFC 7143 7.8): the PDU is discarded. */
export function rejectDataDigest(connection: Connection, bhs: Buffer): void {
  connection.counters.dataDigestErrors++;
  sendReject(connection, RejectReason.dataDigestError, bhs, 'data digest does not match');
}
