/** What is sent again (RFC 7143 11.16): as it was, but for ExpCmdSN and MaxCmdSN. */
import { encodeDataIn, encodeScsiResponse, RESERVED_TAG, Residual, ScsiResponseCode } from '../../../wire/iscsi/bhs.js';
import type { Connection } from './connection.js';
import { residualFlags } from './data-in.js';
import type { IscsiTask } from './iscsi-task.js';
import type { SentData, SentStatus } from './unacknowledged.js';

/** A PDU with status, or the last Data-In if the status was in it. */
export function resendStatus(connection: Connection, sent: SentStatus): void {
  if (sent.bhs === null) {
    const data = sent.data!;
    if (!data.gone) resendData(connection, data, data.pdus - 1, data.pdus, sent.statSn);
    // Without the data the status goes by itself: that data is missing, ExpDataSN tells.
    else sendPlainResponse(connection, data.task, data.pdus, sent.statSn, RESERVED_TAG);
    return;
  }
  const { transmit } = connection;
  const at = transmit.begin();
  const { slab } = transmit;
  sent.bhs.copy(slab, at);
  slab.writeUInt32BE(sent.statSn, at + 24);
  slab.writeUInt32BE(connection.expCmdSn, at + 28);
  slab.writeUInt32BE(connection.maxCmdSn, at + 32);
  transmit.header(at, sent.segment.length);
  transmit.segment(sent.segment);
}

/** Data-In PDUs with DataSN `from` up to before `to`. Their data must not be gone. */
export function resendData(connection: Connection, data: SentData, from: number, to: number, statSn: number): void {
  const { transmit } = connection;
  const { task, length, segmentLength, burstLength } = data;
  let burst = data.baseOffset % burstLength;
  let sn = data.baseSn;
  for (let offset = data.baseOffset; offset < length && sn < to; sn++) {
    const bytes = Math.min(length - offset, segmentLength, burstLength - burst);
    const last = offset + bytes === length;
    burst = (burst + bytes) % burstLength;
    if (sn >= from) {
      const status = last && data.collapsed ? task.status : null;
      const acknowledge = burst === 0 && !last;
      const at = transmit.begin();
      encodeDataIn(transmit.slab, at, {
        final: last || burst === 0,
        acknowledge,
        status,
        residualFlags: status === null ? Residual.none : residualFlags(task.dataInLength, task.expectedDataIn),
        residual: Math.abs(task.dataInLength - task.expectedDataIn),
        lun: acknowledge ? task.lun : null,
        initiatorTaskTag: task.tag,
        targetTransferTag: acknowledge ? task.tag : RESERVED_TAG,
        statSn,
        expCmdSn: connection.expCmdSn,
        maxCmdSn: connection.maxCmdSn,
        dataSn: sn,
        bufferOffset: offset,
      });
      transmit.header(at, bytes);
      // Copied: acknowledged or not, the slots may be given back before the kernel has taken this.
      transmit.data(copyOf(task.dataIn, offset, bytes));
      transmit.endData(bytes);
    }
    offset += bytes;
  }
}

/** R-Data SNACK (RFC 7143 11.16.3): all data that is not acknowledged, cut as the connection has it now, and the response. */
export function resegment(connection: Connection, sent: SentStatus, snackTag: number): SentStatus {
  const old = sent.data!;
  const baseSn = old.acknowledged;
  const baseOffset = offsetOf(old, baseSn);
  const segmentLength = connection.parameters.sendDataSegmentLength;
  let pdus = baseSn;
  for (let offset = baseOffset; offset < old.length; pdus++) {
    offset += Math.min(old.length - offset, segmentLength, old.burstLength - (offset % old.burstLength));
  }
  const data: SentData = { ...old, collapsed: false, pdus, segmentLength, baseSn, baseOffset };
  resendData(connection, data, baseSn, pdus, 0);
  if (sent.bhs === null) {
    const bhs = sendPlainResponse(connection, old.task, pdus, sent.statSn, snackTag);
    return { ...sent, bhs, data };
  }
  // As it was, with its sense and residuals, but for ExpDataSN and SNACK Tag.
  const bhs = Buffer.from(sent.bhs);
  bhs.writeUInt32BE(pdus + old.task.r2tSn, 36);
  bhs.writeUInt32BE(snackTag === RESERVED_TAG ? 0 : snackTag, 20);
  const again = { ...sent, bhs, data };
  resendStatus(connection, again);
  return again;
}

/**
 * The whole answer to a task on another connection than it was sent on, with a StatSN of that one.
 * @param from DataSN of the first Data-In that the initiator misses
 */
export function resendAnswer(connection: Connection, old: SentStatus, from: number): void {
  const kept = connection.unacknowledged!;
  const statSn = connection.takeStatSn();
  const sent = { ...old, statSn };
  if (old.data === null || old.data.gone) {
    resendStatus(connection, sent);
    kept.add(sent);
  } else if (old.data.segmentLength !== connection.parameters.sendDataSegmentLength) {
    kept.add(resegment(connection, sent, RESERVED_TAG));
  } else {
    resendData(connection, old.data, Math.max(from, old.data.acknowledged), old.data.pdus, statSn);
    // All of it has arrived but the status.
    if (!old.data.collapsed || from >= old.data.pdus) resendStatus(connection, sent);
    kept.add(sent);
  }
}

/** The byte that a Data-In PDU began with. */
function offsetOf(data: SentData, sn: number): number {
  let offset = data.baseOffset;
  for (let each = data.baseSn; each < sn; each++) {
    offset += Math.min(data.length - offset, data.segmentLength, data.burstLength - (offset % data.burstLength));
  }
  return offset;
}

/** The SCSI Response of a read without sense, by itself. Returns its header. */
function sendPlainResponse(
  connection: Connection,
  task: IscsiTask,
  pdus: number,
  statSn: number,
  snackTag: number,
): Buffer {
  const { transmit } = connection;
  const at = transmit.begin();
  encodeScsiResponse(transmit.slab, at, {
    response: ScsiResponseCode.completed,
    status: task.status,
    residualFlags: residualFlags(task.dataInLength, task.expectedDataIn),
    residual: Math.abs(task.dataInLength - task.expectedDataIn),
    readResidual: 0,
    initiatorTaskTag: task.tag,
    statSn,
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
    expDataSn: pdus,
  });
  // SNACK Tag (RFC 7143 11.4.9); reserved in every other response.
  if (snackTag !== RESERVED_TAG) transmit.slab.writeUInt32BE(snackTag, at + 20);
  const bhs = Buffer.from(transmit.slab.subarray(at, at + 48));
  transmit.header(at, 0);
  return bhs;
}

function copyOf(parts: readonly Buffer[], offset: number, bytes: number): Buffer {
  const copy = Buffer.allocUnsafe(bytes);
  let skip = offset;
  let filled = 0;
  for (const part of parts) {
    if (filled === bytes) break;
    if (skip < part.length) filled += part.copy(copy, filled, skip, Math.min(part.length, skip + bytes - filled));
    skip = Math.max(0, skip - part.length);
  }
  return copy;
}
