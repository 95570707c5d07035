/**
 * The end of a task: Data-In PDUs and the SCSI Response (RFC 7143 11.4, 11.7), with residuals.
 */
import {
  type DataIn,
  encodeDataIn,
  encodeScsiResponse,
  RESERVED_TAG,
  Residual,
  ScsiResponseCode,
} from '../../../wire/iscsi/bhs.js';
import { encodeSense } from '../../../wire/scsi/sense-codec.js';
import type { IscsiTask } from './iscsi-task.js';
import type { Session } from './session.js';
import type { SentData } from './unacknowledged.js';

const NOTHING = Buffer.alloc(0);

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Filled anew for every Data-In: one object for all, because this is the hottest encoder. */
const dataIn: Writable<DataIn> = {
  final: false,
  acknowledge: false,
  status: null,
  residualFlags: Residual.none,
  residual: 0,
  lun: null,
  initiatorTaskTag: 0,
  targetTransferTag: RESERVED_TAG,
  statSn: 0,
  expCmdSn: 0,
  maxCmdSn: 0,
  dataSn: 0,
  bufferOffset: 0,
};

/**
 * Sends what the task came to. Its place in the command window must have been given back before, so that these
 * PDUs already tell of it.
 */
export function sendCompletion(session: Session, task: IscsiTask): void {
  const length = Math.min(task.dataInLength, task.expectedDataIn);
  if (length > 0) {
    // Status travels in the last Data-In unless there is sense, or a bidirectional command (RFC 7143 11.7.3).
    const collapse = task.sense === null && !task.writes;
    const pdus = sendData(session, task, length, collapse);
    const { unacknowledged, transmit } = task.connection;
    if (unacknowledged === null) transmit.hold(task);
    else unacknowledged.addData(sentData(task, length, collapse, pdus), dataIn.statSn);
    if (!collapse) sendResponse(session, task, pdus);
  } else {
    sendResponse(session, task, 0);
    task.release();
  }
}

function sendData(session: Session, task: IscsiTask, length: number, collapse: boolean): number {
  const { connection } = task;
  const { transmit, unacknowledged } = connection;
  const { sendDataSegmentLength, maxBurstLength } = connection.parameters;
  const buffers = task.dataIn;
  let index = 0;
  let from = 0;
  let sn = 0;
  let burst = 0;
  for (let offset = 0; offset < length; sn++) {
    const bytes = Math.min(length - offset, sendDataSegmentLength, maxBurstLength - burst);
    const last = offset + bytes === length;
    burst += bytes;
    const sequenceEnds = last || burst === maxBurstLength;
    if (sequenceEnds) burst = 0;
    dataIn.final = sequenceEnds;
    if (unacknowledged !== null) askForAcknowledgement(task, sequenceEnds && !last);
    dataIn.initiatorTaskTag = task.tag;
    dataIn.dataSn = sn;
    dataIn.bufferOffset = offset;
    dataIn.expCmdSn = session.window.expCmdSn;
    dataIn.maxCmdSn = session.window.maxCmdSn;
    if (last && collapse) {
      dataIn.status = task.status;
      dataIn.statSn = connection.takeStatSn();
      dataIn.residualFlags = residualFlags(task.dataInLength, task.expectedDataIn);
      dataIn.residual = Math.abs(task.dataInLength - task.expectedDataIn);
    } else dataIn.status = null;
    const at = transmit.begin();
    encodeDataIn(transmit.slab, at, dataIn);
    transmit.header(at, bytes);
    for (let left = bytes; left > 0; ) {
      const buffer = buffers[index]!;
      const have = buffer.length - from;
      if (have > left) {
        transmit.data(buffer.subarray(from, from + left));
        from += left;
        left = 0;
      } else {
        transmit.data(from === 0 ? buffer : buffer.subarray(from));
        index++;
        from = 0;
        left -= have;
      }
    }
    transmit.endData(bytes);
    offset += bytes;
  }
  return sn;
}

/** A bit of Data-In (RFC 7143 11.7.4). As Target Transfer Tag the task's own tag will do. */
function askForAcknowledgement(task: IscsiTask, ask: boolean): void {
  dataIn.acknowledge = ask;
  dataIn.lun = ask ? task.lun : null;
  dataIn.targetTransferTag = ask ? task.tag : RESERVED_TAG;
}

function sentData(task: IscsiTask, length: number, collapsed: boolean, pdus: number): SentData {
  const { sendDataSegmentLength, maxBurstLength } = task.connection.parameters;
  return {
    task,
    length,
    collapsed,
    pdus,
    segmentLength: sendDataSegmentLength,
    burstLength: maxBurstLength,
    baseSn: 0,
    baseOffset: 0,
    acknowledged: 0,
    gone: false,
  };
}

function sendResponse(session: Session, task: IscsiTask, dataInPdus: number): void {
  const { connection } = task;
  const transmit = connection.transmit;
  const out = residualBase(task);
  const expected = task.writes ? task.expectedDataOut : task.expectedDataIn;
  let flags = residualFlags(out, expected);
  let readResidual = 0;
  if (task.writes && task.reads) {
    flags |= readResidualFlags(task.dataInLength, task.expectedDataIn);
    readResidual = Math.abs(task.dataInLength - task.expectedDataIn);
  }
  const at = transmit.begin();
  encodeScsiResponse(transmit.slab, at, {
    response: ScsiResponseCode.completed,
    status: task.status,
    residualFlags: flags,
    residual: Math.abs(out - expected),
    readResidual,
    initiatorTaskTag: task.tag,
    statSn: connection.takeStatSn(),
    expCmdSn: session.window.expCmdSn,
    maxCmdSn: session.window.maxCmdSn,
    expDataSn: dataInPdus + task.r2tSn,
  });
  connection.sendStatus(at, task.sense === null ? NOTHING : senseSegment(task));
}

/** SenseLength, then the sense itself (RFC 7143 11.4.7). */
function senseSegment(task: IscsiTask): Buffer {
  const sense = encodeSense(task.sense!, task.descriptorSense);
  const segment = Buffer.allocUnsafe(2 + sense.length);
  segment.writeUInt16BE(sense.length, 0);
  sense.copy(segment, 2);
  return segment;
}

/** The transfer that the CDB asked for, to be held against what the initiator expected. */
function residualBase(task: IscsiTask): number {
  const dataOut = Math.max(task.asked, task.dataOutWanted);
  if (task.writes) return dataOut;
  return task.reads ? task.dataInLength : Math.max(task.dataInLength, dataOut);
}

/** RFC 7143 11.4.5.1: overflow when the command had more to transfer than the initiator expected. */
export function residualFlags(actual: number, expected: number): number {
  if (actual === expected) return Residual.none;
  return actual > expected ? Residual.overflow : Residual.underflow;
}

function readResidualFlags(actual: number, expected: number): number {
  if (actual === expected) return Residual.none;
  return actual > expected ? Residual.readOverflow : Residual.readUnderflow;
}
