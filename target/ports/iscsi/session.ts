/**
 * A session in full feature phase: its connections, one command window for all of them, the tasks, and what each PDU
 * sets going. A task belongs to the connection that its command came on (RFC 7143 4.2.2.4.1).
 */
import {
  cmdSnOf,
  expStatSnOf,
  isImmediate,
  Opcode,
  opcodeName,
  opcodeOf,
  RESERVED_TAG,
  RejectReason,
} from '../../../wire/iscsi/bhs.js';
import { type OperationalParameters, operationalParameters } from '../../../wire/iscsi/keys.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import type { Nexus } from '../../scsi/nexus.js';
import { Status, type Task, type TaskOwner } from '../../scsi/task.js';
import type { HostGroup } from '../../volumes/model.js';
import { acceptCommand, LastLun } from './accept-command.js';
import type { CommandWindow } from './command-window.js';
import type { Connection } from './connection.js';
import { ConnectionSet } from './connection-set.js';
import { sendCompletion } from './data-in.js';
import { askAgain, continueDataOut, fetchDataOut, receiveDataOut, type SolicitedBudget } from './data-out.js';
import { HeldCommands, NOTHING } from './held-commands.js';
import { IscsiTask } from './iscsi-task.js';
import type { KeptMemory } from './kept-memory.js';
import { LaterFunctions } from './later-functions.js';
import type { IscsiLimits } from './limits.js';
import { receiveLogout } from './logout.js';
import { receiveNopOut } from './nop.js';
import type { PortParts } from './parts.js';
import { rejectDataDigest, sendReject } from './reject.js';
import { ResponseFences } from './response-fences.js';
import { receiveSnack } from './snack.js';
import { Stranded } from './stranded.js';
import { receiveTaskManagement } from './task-management.js';
import { receiveTextRequest } from './text-requests.js';

/** What a session was made from. */
export interface SessionIdentity {
  readonly type: 'normal' | 'discovery';
  readonly tsih: number;
  readonly initiatorName: string;
  /** `<iqn>,i,0x<isid>` */
  readonly initiatorPort: string;
  readonly isid: Buffer;
  readonly authentication: 'none' | 'chap' | 'mutual-chap';
  /** CHAP user that the initiator has proved to be; null: none. */
  readonly user: string | null;
}

/** ITTs of tasks that ended before all their data had come, which may still be under way. */
const LATE_KEPT = 64;

export class Session implements TaskOwner {
  readonly tasks = new Map<number, IscsiTask>();
  readonly connections = new ConnectionSet();
  readonly later = new LaterFunctions();
  readonly fences: ResponseFences;
  /** `clock.now()` when data-out last came or was asked for, of any task. */
  dataOutAt = 0;
  /** Task management requests that are not answered yet. */
  managing = 0;
  ended = false;

  readonly parameters: OperationalParameters;
  readonly luns = new LastLun();
  /** Of connections that are gone; null: there were none, or the session does not recover them. */
  stranded: Stranded | null = null;
  readonly #held: HeldCommands;
  #late: number[] = [];
  #immediate = 0;
  #transferTag = 0;

  constructor(
    readonly identity: SessionIdentity,
    readonly parts: PortParts,
    readonly window: CommandWindow,
    readonly budget: SolicitedBudget,
    readonly kept: KeptMemory,
    readonly limits: Pick<
      IscsiLimits,
      | 'immediateCommands'
      | 'heldBytes'
      | 'askAgainMs'
      | 'askAgainTimes'
      | 'keptStatuses'
      | 'keptBytes'
      | 'time2Retain'
      | 'fenceMs'
    >,
    /** Of the port's memory for unsolicited data. */
    readonly unsolicitedBytes: number,
    /** Null for a discovery session, as is the host group. */
    readonly nexus: Nexus | null,
    readonly group: HostGroup | null,
    /** What the leading login agreed on for the session, by key. */
    readonly agreed: ReadonlyMap<string, string>,
  ) {
    this.#held = new HeldCommands(limits.heldBytes);
    this.fences = new ResponseFences(parts.clock, limits.fenceMs);
    this.parameters = operationalParameters(agreed);
  }

  /** Works off one PDU of a connection. */
  receive(connection: Connection, pdu: Pdu): void {
    if (this.fences.size > 0) {
      this.fences.acknowledged(connection, expStatSnOf(pdu.bhs));
      if (this.ended) return;
    }
    const opcode = opcodeOf(pdu.bhs);
    if (opcode === Opcode.scsiCommand) {
      if (this.nexus === null) this.#rejectInDiscovery(connection, pdu);
      else this.#receiveCommand(connection, pdu);
      return;
    }
    if (opcode === Opcode.scsiDataOut) {
      if (this.nexus === null) this.#rejectInDiscovery(connection, pdu);
      else receiveDataOut(this, connection, pdu);
      return;
    }
    this.#receiveRequest(connection, pdu, opcode);
  }

  /** A Target Transfer Tag that is not in use. */
  takeTransferTag(): number {
    this.#transferTag = (this.#transferTag + 1) >>> 0;
    if (this.#transferTag === RESERVED_TAG) this.#transferTag = 1;
    return this.#transferTag;
  }

  fetchDataOut(task: Task, bytes: number): void {
    fetchDataOut(this, task as IscsiTask, bytes);
  }

  respond(task: Task): void {
    const own = task as IscsiTask;
    // RFC 7143 11.4.1: the response waits until announced and solicited data have come.
    if (own.dataPending && !this.ended && !own.orphaned) {
      own.responseDue = true;
      return;
    }
    this.#finish(own);
  }

  dropped(task: Task): void {
    const own = task as IscsiTask;
    if (own.orphaned) {
      this.#giveBack(own);
      return;
    }
    if (this.tasks.get(own.tag) !== own) return;
    if (own.condition !== null && own.ending) {
      own.sense = own.condition;
      own.status = Status.checkCondition;
      this.#finish(own);
      return;
    }
    this.#discard(own);
  }

  answerWithheld(task: Task): void {
    const own = task as IscsiTask;
    if (own.dataPending) return;
    this.#giveBack(own);
    own.inputStamp = 0;
  }

  drop(task: Task): void {
    (task as IscsiTask).connection.drop('fault rule');
  }

  stall(task: Task, ms: number | null): void {
    (task as IscsiTask).connection.stall(ms);
  }

  respondCorrupted(task: Task, digest: 'header' | 'data'): void {
    const { transmit, log, name } = (task as IscsiTask).connection;
    const corrupted = transmit.corrupting(digest, () => this.respond(task));
    if (!corrupted) log.warn('fault rule', `${name}: no ${digest} digest in the answer, so none is wrong`);
  }

  /** All data of a task came that ends without it: by an iSCSI condition, or because its response was waiting. */
  endEarly(task: IscsiTask): void {
    if (!task.delivered) return;
    if (task.responseDue || !task.submitted) {
      if (task.submitted || task.condition !== null) this.#finish(task);
      return;
    }
    if (task.condition === null || task.ending) return;
    task.ending = true;
    this.parts.adapter.manage(this.nexus!, 'abort-task', task.lun, task.tag, () => {});
  }

  /** Data of a command that is not needed any more may still be under way. */
  expectLateData(tag: number): void {
    this.#late.push(tag);
    if (this.#late.length > LATE_KEPT) this.#late.shift();
  }

  /** Asks again for data that a connection has been silent about (RFC 7143 7.2.2, sequence reception time-out). */
  askAgain(connection: Connection, now: number): void {
    const since = now - this.limits.askAgainMs * 1e6;
    // While data of others comes, theirs may have to wait behind it.
    if (connection.dataOutAt >= since) return;
    for (const task of [...this.tasks.values()]) {
      // Asking may cost the connection, and with it the session.
      if (this.ended || task.orphaned || task.stranded) continue;
      if (task.connection === connection && task.dataPending && task.dataOutAt < since) askAgain(this, task);
    }
  }

  mayBeLate(tag: number): boolean {
    return this.#late.includes(tag);
  }

  /** Gives commands on that were held back, and carries out what waits for them, as far as their turn has come. */
  deliverHeld(): void {
    this.#giveOn();
    if (this.later.size > 0 && !this.ended) this.later.reached(this.window.expCmdSn);
  }

  #giveOn(): void {
    while (this.#held.size > 0 && !this.ended) {
      const entry = this.#held.get(this.window.expCmdSn);
      if (entry === undefined || (entry !== NOTHING && entry.connection.congested)) return;
      this.#held.delete(this.window.expCmdSn);
      this.window.advance();
      if (entry === NOTHING) this.window.complete();
      else if (entry instanceof IscsiTask) this.#submit(entry);
      else this.#execute(entry.connection, entry.pdu, false);
    }
  }

  /** ABORT TASK for a command that has not come: its CmdSN counts as received (RFC 7143 11.5.1). False if not in the window. */
  passOver(cmdSn: number): boolean {
    if (!this.window.includes(cmdSn) || this.#held.has(cmdSn)) return false;
    this.#held.set(cmdSn, NOTHING);
    return true;
  }

  /**
   * Aborts tasks that no logical unit has: those whose turn had not come, and those that are over but for the data
   * that was announced, which the host need not send any more.
   */
  abortWaiting(concerns: (task: IscsiTask) => boolean): void {
    for (const task of this.#held.passOver(concerns)) {
      this.tasks.delete(task.tag);
      if (task.dataPending) this.expectLateData(task.tag);
    }
    for (const task of this.tasks.values()) {
      if ((task.responseDue || task.unsent || !task.submitted) && concerns(task)) this.#discard(task);
    }
  }

  /**
   * Since when data-out that was announced or asked for has been awaited on a connection, of the task that is longest
   * so; or Infinity.
   */
  dataDueSince(connection: Connection): number {
    let since = Infinity;
    for (const task of this.tasks.values()) {
      if (task.dataPending && task.dataOutAt < since && task.connection === connection) since = task.dataOutAt;
    }
    return since;
  }

  /** A connection is gone, or another takes its place (RFC 7143 6.3.4): its tasks are terminated. */
  terminate(connection: Connection): void {
    this.later.forget(connection);
    this.fences.gone(connection);
    for (const task of this.#held.forget(connection)) this.tasks.delete(task.tag);
    const tasks = [...this.tasks.values()].filter((task) => task.connection === connection);
    for (const task of tasks) {
      this.#forget(task);
      task.orphaned = true;
    }
    for (const task of tasks) {
      if (!task.submitted || task.finished) {
        this.#giveBack(task);
        task.release();
      } else this.parts.adapter.manage(this.nexus!, 'abort-task', task.lun, task.tag, () => {});
    }
  }

  /**
   * A connection is gone, and its tasks wait for another to take them up (RFC 7143 7.2.3, ErrorRecoveryLevel 2).
   * @param expired called when none has in time
   */
  strand(connection: Connection, expired: () => void): void {
    this.later.forget(connection);
    this.fences.gone(connection);
    // They are sent again: the window has not moved past them.
    for (const task of this.#held.forget(connection)) this.tasks.delete(task.tag);
    for (const task of this.tasks.values()) if (task.connection === connection) task.stranded = true;
    const { keptStatuses, keptBytes } = this.limits;
    const { initiatorName } = this.identity;
    this.stranded ??= new Stranded(this.parts.clock, keptStatuses, keptBytes, this.kept, initiatorName);
    const { defaultTime2Wait, defaultTime2Retain } = this.parameters;
    // Time2Wait is what the initiator wants, up to an hour: its writes are in others' way meanwhile.
    const seconds = Math.min(defaultTime2Wait, this.limits.time2Retain) + defaultTime2Retain;
    this.stranded.add(connection, seconds, expired);
  }

  /** A connection takes up a task that was stranded. It goes on once its new allegiance is reported. */
  adopt(task: IscsiTask, connection: Connection): void {
    task.connection = connection;
    task.stranded = false;
    if (task.unsent) {
      task.unsent = false;
      this.#finish(task);
    } else continueDataOut(this, task);
  }

  /** Every task ends without a response. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#held.clear();
    this.later.close();
    this.fences.close();
    if (this.nexus !== null) this.parts.adapter.detach(this.nexus);
    for (const task of this.tasks.values()) {
      this.budget.giveBack(task);
      if (task.responseDue || task.unsent) task.release();
    }
    this.tasks.clear();
    this.stranded?.close();
  }

  #receiveCommand(connection: Connection, pdu: Pdu): void {
    const bhs = pdu.bhs;
    if (!pdu.dataIntact) {
      rejectDataDigest(connection, bhs);
      return;
    }
    if (isImmediate(bhs)) {
      if (this.#immediate >= this.limits.immediateCommands) {
        sendReject(connection, RejectReason.tooManyImmediateCommands, bhs, `${this.#immediate} outstanding`);
        return;
      }
      const task = acceptCommand(this, connection, pdu, true);
      if (task === null) return;
      this.#immediate++;
      this.#submit(task);
      return;
    }
    const cmdSn = cmdSnOf(bhs);
    if (!this.#due(connection, cmdSn, bhs)) return;
    const task = acceptCommand(this, connection, pdu, false);
    if (cmdSn !== this.window.expCmdSn || connection.congested) {
      this.#held.set(cmdSn, task ?? NOTHING);
      return;
    }
    this.window.advance();
    if (task === null) this.window.complete();
    else this.#submit(task);
    if (this.#held.size > 0 || this.later.size > 0) this.deliverHeld();
  }

  /** Requests other than SCSI commands: the same order, no task. */
  #receiveRequest(connection: Connection, pdu: Pdu, opcode: number): void {
    const bhs = pdu.bhs;
    if (opcode === Opcode.snackRequest) {
      receiveSnack(this, connection, pdu);
      return;
    }
    if (!REQUESTS.has(opcode)) {
      sendReject(connection, RejectReason.commandNotSupported, bhs, 'not to be sent in full feature phase');
      return;
    }
    if (!pdu.dataIntact) {
      rejectDataDigest(connection, bhs);
      return;
    }
    if (isImmediate(bhs)) {
      this.#execute(connection, pdu, true);
      return;
    }
    const cmdSn = cmdSnOf(bhs);
    if (!this.#due(connection, cmdSn, bhs)) return;
    if (cmdSn !== this.window.expCmdSn || connection.congested) {
      this.#hold(connection, cmdSn, pdu);
      return;
    }
    this.window.advance();
    this.#execute(connection, pdu, false);
    if (this.#held.size > 0 || this.later.size > 0) this.deliverHeld();
  }

  /**
   * Keeps a request until its turn comes. Commands come nearly in order, so that no host has much to be kept.
   */
  #hold(connection: Connection, cmdSn: number, pdu: Pdu): void {
    const kept = this.#held.setRequest(cmdSn, { connection, pdu });
    if (!kept) connection.drop('too much data sent before its turn');
  }

  /** RFC 7143 4.2.2.1: outside the window, and duplicates within, are silently ignored. */
  #due(connection: Connection, cmdSn: number, bhs: Buffer): boolean {
    if (this.window.includes(cmdSn) && !this.#held.has(cmdSn)) return true;
    connection.counters.commandsIgnored++;
    const { expCmdSn, maxCmdSn } = this.window;
    connection.log.warn(
      'command ignored',
      `${connection.name}: ${opcodeName(opcodeOf(bhs))} with CmdSN ${cmdSn}, window ${expCmdSn} to ${maxCmdSn}`,
    );
    return false;
  }

  #execute(connection: Connection, pdu: Pdu, immediate: boolean): void {
    if (!immediate) this.window.complete();
    const opcode = opcodeOf(pdu.bhs);
    if (opcode === Opcode.textRequest) receiveTextRequest(this, connection, pdu);
    else if (opcode === Opcode.logoutRequest) receiveLogout(this, connection, pdu);
    else if (this.nexus === null) this.#rejectInDiscovery(connection, pdu);
    else if (opcode === Opcode.nopOut) receiveNopOut(connection, pdu);
    else receiveTaskManagement(this, connection, pdu);
  }

  /** RFC 7143 4.3: a discovery session takes SendTargets and Logout only. */
  #rejectInDiscovery(connection: Connection, pdu: Pdu): void {
    sendReject(connection, RejectReason.protocolError, pdu.bhs, 'not allowed in a discovery session');
  }

  #submit(task: IscsiTask): void {
    task.delivered = true;
    if (task.condition !== null) {
      // Refused before it reaches the logical unit; the response waits for the data that was announced.
      if (!task.dataPending) this.endEarly(task);
      return;
    }
    task.submitted = true;
    this.parts.adapter.submit(task);
  }

  #finish(task: IscsiTask): void {
    if (task.stranded && !task.orphaned && !this.ended) {
      task.unsent = true;
      return;
    }
    this.#forget(task);
    if (this.ended || task.orphaned) {
      this.#giveBack(task);
      task.release();
      return;
    }
    if (task.condition !== null && task.sense === null) {
      task.sense = task.condition;
      task.status = Status.checkCondition;
      task.dataInLength = 0;
    }
    sendCompletion(this, task);
    this.#giveBack(task);
  }

  /** Ends a task without a response. */
  #discard(task: IscsiTask): void {
    this.#forget(task);
    this.#giveBack(task);
    if (task.dataPending) this.expectLateData(task.tag);
    task.release();
  }

  /** Gives back what a task holds: its tag, its place in the window or among the immediate ones. */
  #forget(task: IscsiTask): void {
    if (this.tasks.get(task.tag) !== task) return;
    this.tasks.delete(task.tag);
    if (task.immediate) this.#immediate--;
    else this.window.complete();
  }

  /** Memory for data; others may be waiting for it. */
  #giveBack(task: IscsiTask): void {
    if (task.budget > 0 || task.waitsForBudget) this.budget.giveBack(task);
    const { input, port } = task.connection;
    if (task.segments !== null) {
      for (const segment of task.segments) port.segments.give(segment);
      task.segments = null;
      task.dataOut.length = 0;
    }
    // Of transfers nothing is kept; others may have put what came with them somewhere.
    const conflict = task.command?.conflict;
    if (conflict === 'read' || conflict === 'write') input.done(task.inputStamp);
  }
}

const REQUESTS: ReadonlySet<number> = new Set([
  Opcode.nopOut,
  Opcode.textRequest,
  Opcode.logoutRequest,
  Opcode.taskManagementRequest,
]);
