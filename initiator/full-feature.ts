/**
 * One connection in full feature phase: sends requests, matches responses, keeps CmdSN and StatSN
 * (RFC 7143 4.2.2). Holds no policy: what to do about a lost connection or a late command is the session's.
 */
import {
  type AsyncMessage,
  compareSerial,
  dataBufferOffset,
  dataSn as dataSnOf,
  decodeAsyncMessage,
  decodeLogoutResponse,
  decodeR2t,
  decodeReject,
  decodeTaskManagementResponse,
  decodeTextResponse,
  encodeCommandAhs,
  encodeLogoutRequest,
  encodeNopOut,
  encodeScsiCommand,
  encodeTaskManagementRequest,
  encodeTextRequest,
  expCmdSnOf,
  initiatorTaskTag,
  LogoutReason,
  maxCmdSnOf,
  nextSerial,
  Opcode,
  opcodeName,
  opcodeOf,
  RESERVED_TAG,
  RejectReason,
  rejectReasonName,
  statSnOf,
} from '../wire/iscsi/bhs.js';
import type { Pdu } from '../wire/iscsi/pdu-parser.js';
import { encodeText, TextAssembler, type TextPair } from '../wire/iscsi/text.js';
import type { Connection, ConnectionOwner } from './connection.js';
import { type FirstBurst, planFirstBurst, sendDataOut, sliceOf, UNSOLICITED } from './data-out.js';
import { ConnectionLostError, type InitiatorError, ProtocolError } from './errors.js';
import type { Established } from './establish.js';
import type { SessionParameters } from './login-negotiation.js';
import { TagTable } from './tag-table.js';
import { ScsiTask } from './task.js';

/** Final and status bits of Data-In; residual bits of responses (RFC 7143 11.4.1, 11.7). */
const STATUS_BIT = 0x01;
const UNDERFLOW_BIT = 0x02;
const OVERFLOW_BIT = 0x04;

/** A SendTargets answer over many portals is long, but not endless. */
const MAX_TEXT_BYTES = 16 << 20;
const LONGEST_PLAIN_CDB = 16;
const ZERO_LUN = Buffer.alloc(8);

/** A request other than a SCSI command that waits for its response. */
interface Exchange {
  readonly kind: 'text' | 'manage' | 'ping' | 'logout';
  readonly finish: (error: InitiatorError | null, value: Buffer | number) => void;
  readonly text: TextAssembler | null;
  tag: number;
}

/** Told what happens in full feature phase. */
export interface FullFeatureOwner {
  taskDone(task: ScsiTask): void;
  /** The command window may have opened. */
  ready(): void;
  asyncMessage(message: AsyncMessage, data: Buffer): void;
  /** Once; the tasks not done are in `outstanding()`. */
  lost(error: Error): void;
}

export class FullFeature implements ConnectionOwner {
  readonly parameters: SessionParameters;
  /** When the target was last heard of, in chunks: compared by the session's watchdog. */
  heard = 0;
  private readonly connection: Connection;
  private readonly tags = new TagTable<ScsiTask | Exchange>();
  private readonly burst: FirstBurst = { immediate: 0, unsolicited: 0 };
  private cmdSn: number;
  private maxCmdSn: number;
  private expStatSn: number;
  private ended = false;

  constructor(
    established: Established,
    private readonly owner: FullFeatureOwner,
  ) {
    this.connection = established.connection;
    this.parameters = established.parameters;
    this.cmdSn = established.cmdSn;
    this.maxCmdSn = established.maxCmdSn;
    this.expStatSn = established.expStatSn;
    this.connection.owner = this;
  }

  /** Whether the target's command window takes another command. */
  get open(): boolean {
    return !this.ended && compareSerial(this.cmdSn, this.maxCmdSn) <= 0 && !this.tags.full;
  }

  /** Tasks sent and not done, in the order sent. */
  outstanding(): ScsiTask[] {
    const tasks: ScsiTask[] = [];
    for (const entry of this.tags) if (entry instanceof ScsiTask) tasks.push(entry);
    return tasks.sort((a, b) => compareSerial(a.cmdSn, b.cmdSn));
  }

  /** Sends a command. Only while `open`. */
  send(task: ScsiTask): void {
    const { connection, burst } = this;
    const isWrite = task.dataOutBytes > 0;
    if (isWrite) planFirstBurst(this.parameters, task.dataOutBytes, burst);
    task.tag = this.tags.add(task);
    task.state = 'sent';
    task.cmdSn = this.cmdSn;
    task.received = 0;
    task.dataSn = 0;
    const ahs = this.ahsOf(task);
    const at = connection.begin(ahs?.length ?? 0);
    encodeScsiCommand(connection.stage, at, {
      immediate: false,
      final: !isWrite || burst.unsolicited === 0,
      read: task.dataInBytes > 0,
      write: isWrite,
      attribute: task.attribute,
      lun: task.lun,
      initiatorTaskTag: task.tag,
      expectedDataTransferLength: isWrite ? task.dataOutBytes : task.dataInBytes,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn,
      cdb: task.cdb,
    });
    this.cmdSn = nextSerial(this.cmdSn);
    if (!isWrite) {
      connection.finish(at, undefined, 0, ahs);
      return;
    }
    const { immediate, unsolicited } = burst;
    connection.finish(at, immediate > 0 ? sliceOf(task.dataOut, 0, immediate) : undefined, immediate, ahs);
    if (unsolicited > 0) {
      sendDataOut(connection, this.parameters, task, UNSOLICITED, immediate, unsolicited, this.expStatSn);
    }
  }

  /** Task management (RFC 7143 11.5). `finish` gets the response code. */
  manage(fn: number, lun: Buffer, task: ScsiTask | null, finish: Exchange['finish']): void {
    const tag = this.exchange('manage', finish, null);
    const at = this.connection.begin();
    encodeTaskManagementRequest(this.connection.stage, at, {
      immediate: true,
      fn,
      lun,
      initiatorTaskTag: tag,
      referencedTaskTag: task?.tag ?? RESERVED_TAG,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn,
      refCmdSn: task?.cmdSn ?? 0,
      expDataSn: 0,
    });
    this.connection.finish(at);
  }

  /** Text request (RFC 7143 11.10). `finish` gets the whole answer. */
  text(pairs: readonly TextPair[], finish: Exchange['finish']): void {
    const tag = this.exchange('text', finish, new TextAssembler(MAX_TEXT_BYTES));
    this.sendText(tag, RESERVED_TAG, encodeText(pairs));
  }

  /** NOP-Out that asks for a NOP-In (RFC 7143 11.18). */
  ping(finish: Exchange['finish']): void {
    this.sendNop(this.exchange('ping', finish, null), RESERVED_TAG, ZERO_LUN);
  }

  /** Closes the session in order (RFC 7143 11.14). */
  logout(finish: Exchange['finish']): void {
    const tag = this.exchange('logout', finish, null);
    const at = this.connection.begin();
    encodeLogoutRequest(this.connection.stage, at, {
      immediate: true,
      reason: LogoutReason.closeSession,
      initiatorTaskTag: tag,
      cid: 0,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn,
    });
    this.connection.finish(at);
  }

  /** Drops the connection and reports it lost. */
  drop(error: Error): void {
    this.connection.destroy();
    this.closed(error);
  }

  /** Ends without reporting a loss. */
  end(): void {
    this.ended = true;
    this.connection.end();
    this.failExchanges(new ConnectionLostError('the session was closed'));
  }

  /** Forgets a task whose response will not come. */
  forget(task: ScsiTask): void {
    this.tags.remove(task.tag);
  }

  chunkEnd(): void {
    this.heard += 1;
    this.owner.ready();
  }

  closed(error: Error | null): void {
    if (this.ended) return;
    this.ended = true;
    const reason = error ?? new ConnectionLostError('the target closed the connection');
    this.failExchanges(new ConnectionLostError(reason.message));
    this.owner.lost(reason);
  }

  received(pdu: Pdu): void {
    const { bhs } = pdu;
    if (!pdu.dataIntact) throw new ProtocolError(`data digest of ${opcodeName(opcodeOf(bhs))} does not match`);
    const handler = HANDLERS[opcodeOf(bhs)];
    if (!handler) throw new ProtocolError(`unexpected ${opcodeName(opcodeOf(bhs))}`);
    this.takeWindow(bhs);
    handler(this, bhs, pdu);
  }

  /** Data-In (RFC 7143 11.7): in order and without gaps, since DataPDUInOrder and DataSequenceInOrder are Yes. */
  takeDataIn(bhs: Buffer, pdu: Pdu): void {
    const task = this.taskOf(bhs);
    const offset = dataBufferOffset(bhs);
    if (dataSnOf(bhs) !== task.dataSn || offset !== task.received) {
      throw new ProtocolError(`data-in out of order: DataSN ${dataSnOf(bhs)}, offset ${offset}`);
    }
    if (offset + pdu.dataLength > task.dataInBytes) throw new ProtocolError('more data-in than was asked for');
    task.dataSn += 1;
    if (task.dataIn !== null) {
      let at = offset;
      for (const part of pdu.data) at += part.copy(task.dataIn, at);
    }
    task.received += pdu.dataLength;
    if ((bhs[1]! & STATUS_BIT) === 0) return;
    this.takeStatSn(bhs);
    this.complete(task, bhs, null);
  }

  takeResponse(bhs: Buffer, pdu: Pdu): void {
    this.takeStatSn(bhs);
    const task = this.taskOf(bhs);
    if (bhs[2] !== 0) {
      task.error = new ProtocolError(`the target could not carry out the command (response 0x${bhs[2]!.toString(16)})`);
    }
    this.complete(task, bhs, pdu.dataLength > 2 ? senseOf(pdu) : null);
  }

  takeR2t(bhs: Buffer): void {
    const task = this.taskOf(bhs);
    const r2t = decodeR2t(bhs);
    const end = r2t.bufferOffset + r2t.desiredLength;
    const valid = r2t.desiredLength > 0 && r2t.desiredLength <= this.parameters.maxBurstLength;
    if (!valid || end > task.dataOutBytes) {
      throw new ProtocolError(`R2T for ${r2t.desiredLength} bytes at ${r2t.bufferOffset} of ${task.dataOutBytes}`);
    }
    const { connection, parameters } = this;
    sendDataOut(
      connection,
      parameters,
      task,
      r2t.targetTransferTag,
      r2t.bufferOffset,
      r2t.desiredLength,
      this.expStatSn,
    );
  }

  takeNopIn(bhs: Buffer): void {
    const nop = decodeTextResponse(bhs);
    if (nop.initiatorTaskTag === RESERVED_TAG) {
      // A target's own ping takes no StatSN (RFC 7143 11.19.3).
      if (nop.targetTransferTag !== RESERVED_TAG) {
        this.sendNop(RESERVED_TAG, nop.targetTransferTag, nop.lun ?? ZERO_LUN);
      }
      return;
    }
    this.takeStatSn(bhs);
    this.settle(bhs, 'ping').finish(null, 0);
  }

  takeText(bhs: Buffer, pdu: Pdu): void {
    this.takeStatSn(bhs);
    const response = decodeTextResponse(bhs);
    const exchange = this.exchangeOf(bhs, 'text');
    const more = response.continues || (!response.final && response.targetTransferTag !== RESERVED_TAG);
    const whole = exchange.text!.add(pdu.data, more);
    if (whole === null) {
      this.sendText(exchange.tag, response.targetTransferTag, Buffer.alloc(0));
      return;
    }
    this.tags.remove(exchange.tag);
    exchange.finish(null, whole);
  }

  takeTaskManagement(bhs: Buffer): void {
    this.takeStatSn(bhs);
    this.settle(bhs, 'manage').finish(null, decodeTaskManagementResponse(bhs).response);
  }

  takeLogout(bhs: Buffer): void {
    this.takeStatSn(bhs);
    this.settle(bhs, 'logout').finish(null, decodeLogoutResponse(bhs).response);
  }

  takeAsync(bhs: Buffer, pdu: Pdu): void {
    this.takeStatSn(bhs);
    this.owner.asyncMessage(decodeAsyncMessage(bhs), Buffer.concat(pdu.data));
  }

  /** Reject (RFC 7143 11.17): the request its header names fails. */
  takeReject(bhs: Buffer, pdu: Pdu): void {
    this.takeStatSn(bhs);
    const { reason } = decodeReject(bhs);
    const header = Buffer.concat(pdu.data);
    const rejected = header.length >= 20 ? this.tags.get(initiatorTaskTag(header)) : null;
    const what = header.length > 0 ? opcodeName(opcodeOf(header)) : 'a PDU';
    const error = new ProtocolError(`the target rejects ${what}: ${rejectReasonName(reason)}`);
    // It has discarded the PDU: commands after one that is missing would wait for ever, and with ErrorRecoveryLevel 0
    // only a new session helps (RFC 7143 7.8).
    if (rejected === null || reason === RejectReason.dataDigestError) throw error;
    this.tags.remove(rejected.tag);
    if (rejected instanceof ScsiTask) {
      rejected.error = error;
      this.owner.taskDone(rejected);
    } else rejected.finish(error, 0);
  }

  private complete(task: ScsiTask, bhs: Buffer, sense: Buffer | null): void {
    const flags = bhs[1]!;
    task.status = bhs[3]!;
    task.sense = sense;
    task.residual =
      (flags & (UNDERFLOW_BIT | OVERFLOW_BIT)) === 0
        ? 0
        : (flags & UNDERFLOW_BIT) !== 0
          ? bhs.readUInt32BE(44)
          : -bhs.readUInt32BE(44);
    this.tags.remove(task.tag);
    this.owner.taskDone(task);
  }

  /** MaxCmdSN only grows; an older or impossible pair is ignored (RFC 7143 4.2.2.1). */
  private takeWindow(bhs: Buffer): void {
    const max = maxCmdSnOf(bhs);
    if (compareSerial(max, this.maxCmdSn) > 0 && compareSerial(max, expCmdSnOf(bhs)) >= -1) this.maxCmdSn = max;
  }

  private takeStatSn(bhs: Buffer): void {
    const statSn = statSnOf(bhs);
    if (statSn !== this.expStatSn) throw new ProtocolError(`StatSN ${statSn} where ${this.expStatSn} was due`);
    this.expStatSn = nextSerial(statSn);
  }

  private taskOf(bhs: Buffer): ScsiTask {
    const entry = this.tags.get(initiatorTaskTag(bhs));
    if (entry instanceof ScsiTask) return entry;
    throw new ProtocolError(`${opcodeName(opcodeOf(bhs))} for the unknown tag ${initiatorTaskTag(bhs)}`);
  }

  private exchangeOf(bhs: Buffer, kind: Exchange['kind']): Exchange {
    const entry = this.tags.get(initiatorTaskTag(bhs));
    if (entry !== null && !(entry instanceof ScsiTask) && entry.kind === kind) return entry;
    throw new ProtocolError(`${opcodeName(opcodeOf(bhs))} for the unknown tag ${initiatorTaskTag(bhs)}`);
  }

  private settle(bhs: Buffer, kind: Exchange['kind']): Exchange {
    const exchange = this.exchangeOf(bhs, kind);
    this.tags.remove(exchange.tag);
    return exchange;
  }

  private exchange(kind: Exchange['kind'], finish: Exchange['finish'], text: TextAssembler | null): number {
    const exchange: Exchange = { kind, finish, text, tag: 0 };
    exchange.tag = this.tags.add(exchange);
    return exchange.tag;
  }

  private failExchanges(error: InitiatorError): void {
    for (const entry of this.tags) {
      if (entry instanceof ScsiTask) continue;
      this.tags.remove(entry.tag);
      entry.finish(error, 0);
    }
  }

  private sendText(tag: number, transferTag: number, text: Buffer): void {
    const at = this.connection.begin();
    encodeTextRequest(this.connection.stage, at, {
      immediate: true,
      final: true,
      continues: false,
      lun: null,
      initiatorTaskTag: tag,
      targetTransferTag: transferTag,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn,
    });
    this.connection.finish(at, [text], text.length);
  }

  private sendNop(tag: number, transferTag: number, lun: Buffer): void {
    const at = this.connection.begin();
    encodeNopOut(this.connection.stage, at, {
      immediate: true,
      lun,
      initiatorTaskTag: tag,
      targetTransferTag: transferTag,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn,
    });
    this.connection.finish(at);
  }

  private ahsOf(task: ScsiTask): Buffer | null {
    const bidirectional = task.dataOutBytes > 0 && task.dataInBytes > 0;
    if (task.cdb.length <= LONGEST_PLAIN_CDB && !bidirectional) return null;
    return encodeCommandAhs({
      extendedCdb: task.cdb.length > LONGEST_PLAIN_CDB ? task.cdb.subarray(LONGEST_PLAIN_CDB) : null,
      bidirectionalReadLength: bidirectional ? task.dataInBytes : null,
    });
  }
}

type Handler = (phase: FullFeature, bhs: Buffer, pdu: Pdu) => void;

/** What a target may send, by opcode. */
const HANDLERS: readonly (Handler | undefined)[] = Object.assign(new Array<Handler | undefined>(64).fill(undefined), {
  [Opcode.scsiDataIn]: (phase, bhs, pdu) => phase.takeDataIn(bhs, pdu),
  [Opcode.scsiResponse]: (phase, bhs, pdu) => phase.takeResponse(bhs, pdu),
  [Opcode.r2t]: (phase, bhs) => phase.takeR2t(bhs),
  [Opcode.nopIn]: (phase, bhs) => phase.takeNopIn(bhs),
  [Opcode.textResponse]: (phase, bhs, pdu) => phase.takeText(bhs, pdu),
  [Opcode.taskManagementResponse]: (phase, bhs) => phase.takeTaskManagement(bhs),
  [Opcode.logoutResponse]: (phase, bhs) => phase.takeLogout(bhs),
  [Opcode.asyncMessage]: (phase, bhs, pdu) => phase.takeAsync(bhs, pdu),
  [Opcode.reject]: (phase, bhs, pdu) => phase.takeReject(bhs, pdu),
} satisfies Record<number, Handler>);

/** Sense data of a SCSI Response: SenseLength, then the sense itself (RFC 7143 11.4.7). */
function senseOf(pdu: Pdu): Buffer {
  const data = Buffer.concat(pdu.data);
  return data.subarray(2, 2 + data.readUInt16BE(0));
}
