/**
 * One connection in full feature phase: sends requests, matches responses, keeps CmdSN and StatSN
 * (RFC 7143 4.2.2). Holds no policy: what to do about a lost connection or a late command is the session's.
 */
import {
  type AsyncMessage,
  compareSerial,
  dataBufferOffset,
  dataSn as dataSnOf,
  dataTargetTransferTag,
  decodeAsyncMessage,
  decodeLogoutResponse,
  decodeR2t,
  decodeReject,
  decodeTaskManagementResponse,
  decodeTextResponse,
  encodeScsiCommand,
  expDataSnOf,
  initiatorTaskTag,
  LogoutReason,
  lunOf,
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
import type { CommandNumbers } from './command-numbers.js';
import type { Connection, ConnectionOwner } from './connection.js';
import { type FirstBurst, planFirstBurst, sendDataOut, sliceOf, UNSOLICITED } from './data-out.js';
import { ConnectionLostError, type InitiatorError, ProtocolError } from './errors.js';
import type { Established } from './establish.js';
import type { SessionParameters } from './login-negotiation.js';
import { ahsOf, type RequestNumbers, sendLogout, sendNop, sendTaskManagement, sendText } from './requests.js';
import type { TagTable } from './tag-table.js';
import { ScsiTask } from './task.js';
import { type Recovering, WithinConnection } from './within-connection.js';

/** Final and status bits of Data-In; residual bits of responses (RFC 7143 11.4.1, 11.7). */
const STATUS_BIT = 0x01;
const ACKNOWLEDGE_BIT = 0x40;
const UNDERFLOW_BIT = 0x02;
const OVERFLOW_BIT = 0x04;

/** A SendTargets answer over many portals is long, but not endless. */
const MAX_TEXT_BYTES = 16 << 20;
const ZERO_LUN = Buffer.alloc(8);

/** A request other than a SCSI command that waits for its response. */
export interface Exchange {
  readonly path: object;
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
  asyncMessage(phase: FullFeature, message: AsyncMessage, data: Buffer): void;
  /** Once; the tasks not done are in `outstanding()`. */
  lost(phase: FullFeature, error: Error): void;
}

/** What the connections of a session have in common. */
export interface SessionShare {
  readonly numbers: CommandNumbers;
  readonly tags: TagTable<ScsiTask | Exchange>;
}

export class FullFeature implements ConnectionOwner, Recovering {
  readonly parameters: SessionParameters;
  readonly cid: number;
  /** Null with ErrorRecoveryLevel 0. */
  readonly recovery: WithinConnection | null;
  /** When the target was last heard of, in chunks: compared by the session's watchdog. */
  heard = 0;
  expStatSn: number;
  private readonly connection: Connection;
  private readonly numbers: CommandNumbers;
  private readonly tags: TagTable<ScsiTask | Exchange>;
  private readonly burst: FirstBurst = { immediate: 0, unsolicited: 0 };
  private recoveryPingTag: number | null = null;
  private ended = false;

  constructor(
    established: Established,
    { numbers, tags }: SessionShare,
    private readonly owner: FullFeatureOwner,
  ) {
    this.connection = established.connection;
    this.parameters = established.parameters;
    this.cid = established.cid;
    this.numbers = numbers;
    this.tags = tags;
    this.expStatSn = established.expStatSn;
    this.recovery = this.parameters.errorRecoveryLevel > 0 ? new WithinConnection(this.connection, this) : null;
    if (this.recovery !== null) this.connection.skipDamaged();
    this.connection.owner = this;
  }

  /** Whether the target's command window takes another command. */
  get open(): boolean {
    return !this.ended && this.numbers.open && !this.tags.full;
  }

  /** Tasks sent and not done, in the order sent. */
  outstanding(): ScsiTask[] {
    const tasks: ScsiTask[] = [];
    for (const entry of this.tags) if (entry instanceof ScsiTask && entry.path === this) tasks.push(entry);
    return tasks.sort((a, b) => compareSerial(a.cmdSn, b.cmdSn));
  }

  /** Sends a command. Only while `open`. */
  send(task: ScsiTask): void {
    task.tag = this.tags.add(task);
    task.state = 'sent';
    task.path = this;
    task.cmdSn = this.numbers.take();
    task.received = 0;
    task.dataSn = 0;
    task.missing = null;
    task.reassign = null;
    task.r2tSn = 0;
    this.sendCommand(task);
  }

  /** Sends a command again, with its tag, CmdSN and flags, and the data that goes with it (RFC 7143 7.2.1). */
  resend(task: ScsiTask): void {
    task.path = this;
    this.sendCommand(task);
  }

  private sendCommand(task: ScsiTask): void {
    const { connection, burst } = this;
    const isWrite = task.dataOutBytes > 0;
    burst.immediate = 0;
    burst.unsolicited = 0;
    if (isWrite) planFirstBurst(this.parameters, task.dataOutBytes, burst);
    const { immediate, unsolicited } = burst;
    const ahs = ahsOf(task);
    const at = connection.begin(ahs?.length ?? 0);
    encodeScsiCommand(connection.stage, at, {
      immediate: false,
      final: unsolicited === 0,
      read: task.dataInBytes > 0,
      write: isWrite,
      attribute: task.attribute,
      lun: task.lun,
      initiatorTaskTag: task.tag,
      expectedDataTransferLength: isWrite ? task.dataOutBytes : task.dataInBytes,
      cmdSn: task.cmdSn,
      expStatSn: this.expStatSn,
      cdb: task.cdb,
    });
    if (!isWrite) {
      connection.finish(at, undefined, 0, ahs);
      return;
    }
    task.solicited = immediate + unsolicited;
    connection.finish(at, immediate > 0 ? sliceOf(task.dataOut, 0, immediate) : undefined, immediate, ahs);
    if (unsolicited > 0) {
      sendDataOut(connection, this.parameters, task, UNSOLICITED, immediate, unsolicited, this.expStatSn);
    }
  }

  /** Task management (RFC 7143 11.5). `finish` gets the response code. */
  manage(fn: number, lun: Buffer, task: ScsiTask | null, finish: Exchange['finish'], expDataSn = 0): void {
    const tag = this.exchange('manage', finish, null);
    sendTaskManagement(this.connection, this.sequence(), { tag, fn, lun, task }, expDataSn);
  }

  /** Text request (RFC 7143 11.10). `finish` gets the whole answer. */
  text(pairs: readonly TextPair[], finish: Exchange['finish']): void {
    const tag = this.exchange('text', finish, new TextAssembler(MAX_TEXT_BYTES));
    sendText(this.connection, this.sequence(), { tag, transferTag: RESERVED_TAG, text: encodeText(pairs) });
  }

  /** NOP-Out that asks for a NOP-In (RFC 7143 11.18). */
  ping(finish: Exchange['finish']): number {
    const tag = this.exchange('ping', finish, null);
    sendNop(this.connection, this.sequence(), { tag, transferTag: RESERVED_TAG, lun: ZERO_LUN });
    return tag;
  }

  recoveryPing(): void {
    if (this.recoveryPingTag !== null) this.tags.remove(this.recoveryPingTag);
    const sentBefore = this.numbers.cmdSn;
    this.recoveryPingTag = this.ping((error) => {
      this.recoveryPingTag = null;
      if (error === null) this.recovery!.pingAnswered(this.numbers.expCmdSn, sentBefore);
    });
  }

  /** Closes the session, or this connection (RFC 7143 11.14). */
  logout(finish: Exchange['finish'], reason: number = LogoutReason.closeSession): void {
    const tag = this.exchange('logout', finish, null);
    sendLogout(this.connection, this.sequence(), { tag, reason, cid: this.cid });
  }

  private sequence(): RequestNumbers {
    return { cmdSn: this.numbers.cmdSn, expStatSn: this.expStatSn };
  }

  /** Drops the connection and reports it lost. */
  drop(error: Error): void {
    this.connection.destroy();
    this.closed(error);
  }

  /** Its session is lost: drops the connection without reporting it. */
  abandon(): void {
    this.ended = true;
    this.connection.destroy();
    this.failExchanges(new ConnectionLostError('another connection of the session broke'));
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
    this.owner.lost(this, reason);
  }

  received(pdu: Pdu): void {
    const { bhs } = pdu;
    if (!pdu.dataIntact) {
      this.takeDamaged(bhs);
      return;
    }
    const handler = HANDLERS[opcodeOf(bhs)];
    if (!handler) throw new ProtocolError(`unexpected ${opcodeName(opcodeOf(bhs))}`);
    this.numbers.heard(bhs);
    handler(this, bhs, pdu);
    this.recovery?.advance();
  }

  /** The data digest does not match: the PDU is dropped, and asked for again where that can be (RFC 7143 7.8). */
  private takeDamaged(bhs: Buffer): void {
    const { recovery } = this;
    const opcode = opcodeOf(bhs);
    if (recovery === null) throw new ProtocolError(`data digest of ${opcodeName(opcode)} does not match`);
    const plainData = opcode === Opcode.scsiDataIn && (bhs[1]! & STATUS_BIT) === 0;
    if (plainData) recovery.damaged(this.taskOf(bhs), dataSnOf(bhs));
    else recovery.nextStatusIs(nextSerial(statSnOf(bhs)));
  }

  /** Data-In (RFC 7143 11.7). With ErrorRecoveryLevel 0 in order and without gaps, as the keys that say so are Yes. */
  takeDataIn(bhs: Buffer, pdu: Pdu): void {
    const carriesStatus = (bhs[1]! & STATUS_BIT) !== 0;
    if (carriesStatus && !this.takeStatSn(bhs)) return;
    const task = this.taskOf(bhs);
    if (task === null) return;
    const { recovery } = this;
    const offset = dataBufferOffset(bhs);
    if (recovery === null && (dataSnOf(bhs) !== task.dataSn || offset !== task.received)) {
      throw new ProtocolError(`data-in out of order: DataSN ${dataSnOf(bhs)}, offset ${offset}`);
    }
    if (offset + pdu.dataLength > task.dataInBytes) throw new ProtocolError('more data-in than was asked for');
    const fresh = recovery === null || recovery.takeData(task, dataSnOf(bhs));
    if (recovery === null) task.dataSn += 1;
    if (fresh) {
      if (task.dataIn !== null) {
        let at = offset;
        for (const part of pdu.data) at += part.copy(task.dataIn, at);
      }
      task.received += pdu.dataLength;
    }
    if (carriesStatus) this.complete(task, bhs, null, 0);
    else recovery?.filled(task);
    const { path } = task;
    if (recovery !== null && path === this && (bhs[1]! & ACKNOWLEDGE_BIT) !== 0) {
      recovery.acknowledgeData(task, lunOf(bhs), dataTargetTransferTag(bhs));
    }
  }

  takeResponse(bhs: Buffer, pdu: Pdu): void {
    if (!this.takeStatSn(bhs)) return;
    const task = this.taskOf(bhs);
    if (task === null) return;
    if (bhs[2] !== 0) {
      task.error = new ProtocolError(`the target could not carry out the command (response 0x${bhs[2]!.toString(16)})`);
    }
    const pdus = task.dataOutBytes === 0 ? expDataSnOf(bhs) : 0;
    this.complete(task, bhs, pdu.dataLength > 2 ? senseOf(pdu) : null, pdus);
  }

  takeR2t(bhs: Buffer): void {
    const task = this.taskOf(bhs);
    const r2t = decodeR2t(bhs);
    // One that was answered already, sent again.
    if (task === null || (this.recovery !== null && compareSerial(r2t.r2tSn, task.r2tSn) < 0)) return;
    task.r2tSn = r2t.r2tSn + 1;
    const end = r2t.bufferOffset + r2t.desiredLength;
    const valid = r2t.desiredLength > 0 && r2t.desiredLength <= this.parameters.maxBurstLength;
    if (!valid || end > task.dataOutBytes) {
      throw new ProtocolError(`R2T for ${r2t.desiredLength} bytes at ${r2t.bufferOffset} of ${task.dataOutBytes}`);
    }
    task.solicited = Math.max(task.solicited, end);
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
      // A target's own ping takes no StatSN; it tells the next one (RFC 7143 11.19.3).
      this.recovery?.nextStatusIs(statSnOf(bhs));
      if (nop.targetTransferTag !== RESERVED_TAG) {
        const lun = nop.lun ?? ZERO_LUN;
        sendNop(this.connection, this.sequence(), { tag: RESERVED_TAG, transferTag: nop.targetTransferTag, lun });
      }
      return;
    }
    if (this.takeStatSn(bhs)) this.settle(bhs, 'ping')?.finish(null, 0);
  }

  takeText(bhs: Buffer, pdu: Pdu): void {
    if (!this.takeStatSn(bhs)) return;
    const response = decodeTextResponse(bhs);
    const exchange = this.exchangeOf(bhs, 'text');
    if (exchange === null) return;
    const more = response.continues || (!response.final && response.targetTransferTag !== RESERVED_TAG);
    const whole = exchange.text!.add(pdu.data, more);
    if (whole === null) {
      const transferTag = response.targetTransferTag;
      sendText(this.connection, this.sequence(), { tag: exchange.tag, transferTag, text: Buffer.alloc(0) });
      return;
    }
    this.tags.remove(exchange.tag);
    exchange.finish(null, whole);
  }

  takeTaskManagement(bhs: Buffer): void {
    if (!this.takeStatSn(bhs)) return;
    this.settle(bhs, 'manage')?.finish(null, decodeTaskManagementResponse(bhs).response);
  }

  takeLogout(bhs: Buffer): void {
    if (!this.takeStatSn(bhs)) return;
    this.settle(bhs, 'logout')?.finish(null, decodeLogoutResponse(bhs).response);
  }

  takeAsync(bhs: Buffer, pdu: Pdu): void {
    if (this.takeStatSn(bhs)) this.owner.asyncMessage(this, decodeAsyncMessage(bhs), Buffer.concat(pdu.data));
  }

  /** Reject (RFC 7143 11.17): the request its header names fails. */
  takeReject(bhs: Buffer, pdu: Pdu): void {
    if (!this.takeStatSn(bhs)) return;
    const { reason } = decodeReject(bhs);
    const header = Buffer.concat(pdu.data);
    const rejected = header.length >= 20 ? this.tags.get(initiatorTaskTag(header)) : null;
    const task = rejected instanceof ScsiTask ? rejected : null;
    if (header.length >= 20 && this.recovery?.rejected(header, reason, task)) return;
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

  /** @param pdus Data-In PDUs that must have come, as far as the status tells */
  private complete(task: ScsiTask, bhs: Buffer, sense: Buffer | null, pdus: number): void {
    const flags = bhs[1]!;
    task.status = bhs[3]!;
    task.sense = sense;
    task.residual =
      (flags & (UNDERFLOW_BIT | OVERFLOW_BIT)) === 0
        ? 0
        : (flags & UNDERFLOW_BIT) !== 0
          ? bhs.readUInt32BE(44)
          : -bhs.readUInt32BE(44);
    if (!this.recovery?.holdsBack(task, statSnOf(bhs), pdus)) this.completed(task);
  }

  completed(task: ScsiTask): void {
    task.reassign = null;
    this.tags.remove(task.tag);
    this.owner.taskDone(task);
  }

  /** False: this status has come before. */
  private takeStatSn(bhs: Buffer): boolean {
    const statSn = statSnOf(bhs);
    if (this.recovery !== null) return this.recovery.takeStatus(statSn);
    if (statSn !== this.expStatSn) throw new ProtocolError(`StatSN ${statSn} where ${this.expStatSn} was due`);
    this.expStatSn = nextSerial(statSn);
    return true;
  }

  /** Null: it is over; with recovery, PDUs may come twice. */
  private taskOf(bhs: Buffer): ScsiTask | null {
    const entry = this.tags.get(initiatorTaskTag(bhs));
    if (entry instanceof ScsiTask && entry.path === this) return entry;
    return this.unknown(bhs);
  }

  private exchangeOf(bhs: Buffer, kind: Exchange['kind']): Exchange | null {
    const entry = this.tags.get(initiatorTaskTag(bhs));
    if (entry !== null && !(entry instanceof ScsiTask) && entry.kind === kind && entry.path === this) return entry;
    return this.unknown(bhs);
  }

  private unknown(bhs: Buffer): null {
    if (this.recovery !== null) return null;
    throw new ProtocolError(`${opcodeName(opcodeOf(bhs))} for the unknown tag ${initiatorTaskTag(bhs)}`);
  }

  private settle(bhs: Buffer, kind: Exchange['kind']): Exchange | null {
    const exchange = this.exchangeOf(bhs, kind);
    if (exchange !== null) this.tags.remove(exchange.tag);
    return exchange;
  }

  private exchange(kind: Exchange['kind'], finish: Exchange['finish'], text: TextAssembler | null): number {
    const exchange: Exchange = { path: this, kind, finish, text, tag: 0 };
    exchange.tag = this.tags.add(exchange);
    return exchange.tag;
  }

  private failExchanges(error: InitiatorError): void {
    for (const entry of this.tags) {
      if (entry instanceof ScsiTask || entry.path !== this) continue;
      this.tags.remove(entry.tag);
      entry.finish(error, 0);
    }
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
