/**
 * Data-out (RFC 7143 4.2.5.2, 11.7, 11.8): immediate and unsolicited data, then R2Ts, within the port's memory
 * for solicited data. Order is as negotiated: DataPDUInOrder=Yes, DataSequenceInOrder=Yes.
 */
import {
  compareSerial,
  dataBufferOffset,
  dataFinal,
  dataSn,
  dataTargetTransferTag,
  encodeR2t,
  initiatorTaskTag,
  RESERVED_TAG,
  RejectReason,
} from '../../../wire/iscsi/bhs.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import {
  notEnoughUnsolicitedData,
  protocolServiceCrcError,
  type Sense,
  unexpectedUnsolicitedData,
} from '../../../wire/scsi/sense.js';
import type { Connection } from './connection.js';
import { type IscsiTask, NO_R2TS, type OutstandingR2t } from './iscsi-task.js';
import { rejectDataDigest, sendReject } from './reject.js';
import type { Session } from './session.js';

/** Tags of replaced R2Ts that a task remembers. */
const REPLACED_KEPT = 16;
/** Data that waits is copied if it is less than this part of the memory it lies in. */
const WASTE_FACTOR = 4;

/** Memory of one port for data asked for by R2T, granted first come, first served. */
export class SolicitedBudget {
  used = 0;
  readonly #waiting: { task: IscsiTask; bytes: number; granted: () => void }[] = [];

  constructor(private readonly limit: number) {}

  /** Grants now, or calls `granted` later. A task larger than the whole budget is served when it is alone. */
  take(task: IscsiTask, bytes: number, granted: () => void): boolean {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#grant(task, bytes);
      return true;
    }
    task.waitsForBudget = true;
    this.#waiting.push({ task, bytes, granted });
    return false;
  }

  /** The task is over, or its session is. */
  giveBack(task: IscsiTask): void {
    if (task.waitsForBudget) {
      task.waitsForBudget = false;
      const index = this.#waiting.findIndex((waiter) => waiter.task === task);
      if (index >= 0) this.#waiting.splice(index, 1);
    }
    this.used -= task.budget;
    task.budget = 0;
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.bytes)) {
      const next = this.#waiting.shift()!;
      next.task.waitsForBudget = false;
      this.#grant(next.task, next.bytes);
      next.granted();
    }
  }

  #fits(bytes: number): boolean {
    return this.used === 0 || this.used + bytes <= this.limit;
  }

  #grant(task: IscsiTask, bytes: number): void {
    this.used += bytes;
    task.budget += bytes;
  }
}

/** Takes the immediate data of a command and says whether unsolicited Data-Outs are to follow. */
export function beginDataOut(task: IscsiTask, pdu: Pdu, final: boolean): void {
  const { initialR2T, immediateData, firstBurstLength } = task.connection.parameters;
  task.unsolicitedOpen = !final;
  task.dataOutAt = task.connection.heardAt;
  if (!final && initialR2T) task.condition = unexpectedUnsolicitedData();
  if (pdu.dataLength === 0) return;
  if (!immediateData) task.condition = unexpectedUnsolicitedData();
  else if (pdu.dataLength > Math.min(firstBurstLength, task.expectedDataOut))
    task.condition = notEnoughUnsolicitedData();
  else keep(task, pdu);
}

/** The handler asks for data: `TaskOwner.fetchDataOut`. */
export function fetchDataOut(session: Session, task: IscsiTask, bytes: number): void {
  task.asked = bytes;
  task.wanted = Math.min(bytes, task.expectedDataOut);
  proceed(session, task);
}

/** A Data-Out PDU arrived. */
export function receiveDataOut(session: Session, connection: Connection, pdu: Pdu): void {
  const bhs = pdu.bhs;
  const { input } = connection;
  // Of its chunk only the header, which is looked at here and now.
  if (pdu.supplied) input.done(input.stamp);
  const task = session.tasks.get(initiatorTaskTag(bhs));
  // RFC 7143 4.2.2.4.1: data goes where the command went.
  if (task === undefined || task.connection !== connection) {
    // Data under way while its task was aborted is no error of the initiator's.
    if (session.mayBeLate(initiatorTaskTag(bhs))) return;
    // Of a command that was lost, or of one sent again that had come (RFC 7143 7.2.1): it comes once more, or was here.
    if (connection.unacknowledged !== null && dataTargetTransferTag(bhs) === RESERVED_TAG) {
      connection.counters.dataOutIgnored++;
      return;
    }
    sendReject(connection, RejectReason.protocolError, bhs, 'data-out for no task of this connection');
    return;
  }
  session.dataOutAt = task.dataOutAt = connection.dataOutAt = connection.heardAt;
  const tag = dataTargetTransferTag(bhs);
  if (tag === RESERVED_TAG) receiveUnsolicited(session, task, pdu);
  else receiveSolicited(session, task, pdu, tag);
}

function receiveUnsolicited(session: Session, task: IscsiTask, pdu: Pdu): void {
  const { firstBurstLength } = task.connection.parameters;
  // Of a command that was sent again, and had come before (RFC 7143 7.2.1).
  if (task.connection.unacknowledged !== null && compareSerial(dataSn(pdu.bhs), task.unsolicitedSn) < 0) return;
  if (task.unsolicitedLost) {
    if (task.unsolicitedOpen && dataFinal(pdu.bhs)) endUnsolicited(session, task);
    return;
  }
  if (!task.unsolicitedOpen) {
    sendReject(task.connection, RejectReason.protocolError, pdu.bhs, 'unsolicited data after its end');
    fail(session, task, unexpectedUnsolicitedData());
    return;
  }
  const limit = Math.min(firstBurstLength, task.expectedDataOut);
  if (isLost(task, pdu, task.unsolicitedSn)) {
    task.unsolicitedLost = true;
    if (dataFinal(pdu.bhs)) endUnsolicited(session, task);
    return;
  }
  if (accept(task, pdu, task.unsolicitedSn, task.received, limit - task.received)) keep(task, pdu);
  task.unsolicitedSn = (task.unsolicitedSn + 1) >>> 0;
  if (!dataFinal(pdu.bhs)) return;
  task.unsolicitedOpen = false;
  // RFC 7143 11.4.7.2: with more to come than the first burst, unsolicited Data-Outs fill it exactly.
  if (task.received < limit && task.expectedDataOut > firstBurstLength) task.condition ??= notEnoughUnsolicitedData();
  proceed(session, task);
}

function receiveSolicited(session: Session, task: IscsiTask, pdu: Pdu, tag: number): void {
  const r2t = task.r2ts[0];
  if (r2t === undefined || r2t.tag !== tag) {
    if (task.replacedTags?.includes(tag)) return;
    sendReject(
      task.connection,
      RejectReason.invalidPduField,
      pdu.bhs,
      'data-out for no outstanding R2T, or out of order',
    );
    fail(session, task, notEnoughUnsolicitedData());
    return;
  }
  if (isLost(task, pdu, r2t.dataSn)) {
    replaceR2t(session, task, r2t);
    return;
  }
  const left = r2t.length - r2t.received;
  if (accept(task, pdu, r2t.dataSn, r2t.offset + r2t.received, left)) {
    keep(task, pdu);
    r2t.received += pdu.dataLength;
    task.askedAgain = 0;
  }
  r2t.dataSn = (r2t.dataSn + 1) >>> 0;
  if (!dataFinal(pdu.bhs)) return;
  task.r2ts.shift();
  if (r2t.received < r2t.length) task.condition ??= notEnoughUnsolicitedData();
  proceed(session, task);
}

/**
 * With ErrorRecoveryLevel 1 and 2: whether this Data-Out, or one before it, is lost and can be asked for again (RFC 7143
 * 7.8, choice a; 7.9). It is dropped then.
 */
function isLost(task: IscsiTask, pdu: Pdu, sn: number): boolean {
  if (task.connection.unacknowledged === null || task.condition !== null) return false;
  if (!pdu.dataIntact) {
    rejectDataDigest(task.connection, pdu.bhs);
    return true;
  }
  return compareSerial(dataSn(pdu.bhs), sn) > 0;
}

/** No more unsolicited data is awaited: what is missing of it is asked for. */
function endUnsolicited(session: Session, task: IscsiTask): void {
  task.unsolicitedOpen = false;
  task.unsolicitedLost = true;
  session.expectLateData(task.tag);
  proceed(session, task);
}

/** A recovery R2T (RFC 7143 7.2.2): for what has not come of a sequence. What still comes for the old tag is dropped. */
function replaceR2t(session: Session, task: IscsiTask, old: OutstandingR2t): void {
  task.replacedTags ??= [];
  task.replacedTags.push(old.tag);
  if (task.replacedTags.length > REPLACED_KEPT) task.replacedTags.shift();
  session.expectLateData(task.tag);
  task.connection.counters.recoveryR2ts++;
  const offset = old.offset + old.received;
  task.r2ts[task.r2ts.indexOf(old)] = sendR2t(session, task, offset, old.length - old.received);
}

/** Data that was announced or asked for does not come: it, or the R2T, was lost. */
export function askAgain(session: Session, task: IscsiTask): void {
  task.dataOutAt = session.parts.clock.now();
  if (task.askedAgain++ >= session.limits.askAgainTimes) {
    task.connection.drop('data that was asked for does not come');
  } else if (task.unsolicitedOpen) endUnsolicited(session, task);
  else if (task.condition === null && !task.responseDue) replaceR2t(session, task, task.r2ts[0]!);
  else {
    // Nothing will be made of it.
    task.r2ts = NO_R2TS;
    session.expectLateData(task.tag);
    proceed(session, task);
  }
}

/** On another connection than before (ErrorRecoveryLevel 2): what has not come of the data is asked for there. */
export function continueDataOut(session: Session, task: IscsiTask): void {
  if (!task.dataPending) return;
  task.askedAgain = 0;
  askAgain(session, task);
}

/** Sends R2Ts again that are not satisfied (R2T SNACK): those with R2TSN `from` up to before `to`. */
export function resendR2ts(session: Session, task: IscsiTask, from: number, to: number): void {
  for (const r2t of task.r2ts) if (r2t.sn >= from && r2t.sn < to) layOutR2t(session, task, r2t);
}

/**
 * Checks a Data-Out against what is next. Once the task has failed its data is only counted until it stops.
 * A data digest error costs the task (RFC 7143 7.8, choice b): Reject now, CHECK CONDITION when all data came.
 */
function accept(task: IscsiTask, pdu: Pdu, sn: number, offset: number, room: number): boolean {
  if (!pdu.dataIntact) {
    rejectDataDigest(task.connection, pdu.bhs);
    task.condition ??= protocolServiceCrcError();
    return false;
  }
  if (task.condition !== null) return false;
  const bhs = pdu.bhs;
  const wrong =
    dataSn(bhs) !== sn
      ? `DataSN ${dataSn(bhs)} instead of ${sn}`
      : dataBufferOffset(bhs) !== offset
        ? `Buffer Offset ${dataBufferOffset(bhs)} instead of ${offset}`
        : pdu.dataLength > room
          ? `${pdu.dataLength} bytes where ${room} were due`
          : null;
  if (wrong === null) return true;
  sendReject(task.connection, RejectReason.invalidPduField, bhs, `data-out: ${wrong}`);
  task.condition = notEnoughUnsolicitedData();
  return false;
}

/**
 * Takes data over without copying, unless it would keep much more memory from being freed than it is: a small slice
 * of a chunk of input, while the task waits for more.
 */
function keep(task: IscsiTask, pdu: Pdu): void {
  task.received += pdu.dataLength;
  // The handler has all that it wants: what it works with must not change any more.
  if (task.finished || (task.running && task.wanted < 0)) return;
  const complete = task.received >= task.expectedDataOut;
  for (let i = 0; i < pdu.data.length; i++) {
    const part = pdu.data[i]!;
    const wasteful = !complete && part.length * WASTE_FACTOR < part.buffer.byteLength;
    task.dataOut.push(wasteful ? Buffer.from(part) : part);
  }
  task.dataOutLength += pdu.dataLength;
  if (!pdu.supplied) return;
  if (task.segments === null) task.segments = [pdu.data[0]!];
  else task.segments.push(pdu.data[0]!);
}

/** Marks the task; it ends now if no data is to come. */
function fail(session: Session, task: IscsiTask, condition: Sense): void {
  task.condition ??= condition;
  proceed(session, task);
}

/** The next step of a task with data-out: more R2Ts, the handler, or the end. */
function proceed(session: Session, task: IscsiTask): void {
  if (task.unsolicitedOpen) return;
  if (task.condition !== null || task.responseDue) {
    // No more is asked for, but what R2Ts have asked for is let in (RFC 7143 7.8).
    if (task.r2ts.length === 0) session.endEarly(task);
    return;
  }
  if (task.wanted < 0) return;
  if (task.received >= task.wanted) {
    if (task.r2ts.length > 0) return;
    cutTo(task, task.wanted);
    task.dataOutArrived();
    return;
  }
  if (task.solicited < task.received) task.solicited = task.received;
  if (task.waitsForBudget) return;
  const need = task.wanted - task.solicited - unspent(task);
  if (need > 0 && !session.budget.take(task, need, () => solicit(session, task))) return;
  solicit(session, task);
}

/** Granted memory for which no R2T was sent yet. */
function unspent(task: IscsiTask): number {
  return task.budget - task.budgetAsked;
}

function solicit(session: Session, task: IscsiTask): void {
  // The memory became free because tasks are being ended, of which this is one.
  if (session.ended || task.orphaned || task.aborted) return;
  const { maxOutstandingR2T, maxBurstLength } = task.connection.parameters;
  if (task.r2ts === NO_R2TS) task.r2ts = [];
  session.dataOutAt = task.dataOutAt = session.parts.clock.now();
  while (task.solicited < task.wanted && task.r2ts.length < maxOutstandingR2T) {
    const length = Math.min(maxBurstLength, task.wanted - task.solicited);
    task.r2ts.push(sendR2t(session, task, task.solicited, length));
    task.solicited += length;
    task.budgetAsked += length;
  }
}

function sendR2t(session: Session, task: IscsiTask, offset: number, length: number): OutstandingR2t {
  const r2t = { sn: task.r2tSn++, tag: session.takeTransferTag(), offset, length, received: 0, dataSn: 0 };
  layOutR2t(session, task, r2t);
  return r2t;
}

function layOutR2t(session: Session, task: IscsiTask, r2t: OutstandingR2t): void {
  const { transmit, statSn } = task.connection;
  const at = transmit.begin();
  encodeR2t(transmit.slab, at, {
    lun: task.lun,
    initiatorTaskTag: task.tag,
    targetTransferTag: r2t.tag,
    statSn,
    expCmdSn: session.window.expCmdSn,
    maxCmdSn: session.window.maxCmdSn,
    r2tSn: r2t.sn,
    bufferOffset: r2t.offset,
    desiredLength: r2t.length,
  });
  transmit.header(at, 0);
}

/** Drops data beyond what the CDB wanted: the initiator announced more. */
function cutTo(task: IscsiTask, bytes: number): void {
  let excess = task.dataOutLength - bytes;
  while (excess > 0) {
    const last = task.dataOut.pop()!;
    if (last.length > excess) task.dataOut.push(last.subarray(0, last.length - excess));
    excess -= Math.min(excess, last.length);
  }
  task.dataOutLength = Math.min(task.dataOutLength, bytes);
}
