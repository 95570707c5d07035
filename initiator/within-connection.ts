/**
 * What a connection of ErrorRecoveryLevel 1 or 2 does about PDUs that were lost (RFC 7143 7.2.1, 7.2.2, 7.8, 7.9): gaps in
 * DataSN and StatSN are asked for by SNACK; a connection that is silent while commands are out is pinged, and the answer
 * tells which commands and responses are missing.
 */
import {
  compareSerial,
  encodeSnackRequest,
  nextSerial,
  Opcode,
  opcodeOf,
  RESERVED_TAG,
  RejectReason,
  type SnackRequest,
  SnackType,
} from '../wire/iscsi/bhs.js';
import type { Connection } from './connection.js';
import { ProtocolError } from './errors.js';
import type { ScsiTask } from './task.js';

/** Ticks (of the session's watch) of silence before the connection is pinged, and before a SNACK is repeated. */
const PATIENCE_TICKS = 2;
/** Repetitions in a row that came to nothing, after which the connection is given up. */
const ATTEMPTS = 8;
/** A gap larger than this is no gap. */
const WIDEST_GAP = 65536;
/** Commands sent again after one ping. */
const RESENT_AT_ONCE = 8;

/** The connection that is watched over. */
export interface Recovering {
  readonly heard: number;
  expStatSn: number;
  outstanding(): ScsiTask[];
  /** Sends a command again, with its CmdSN. */
  resend(task: ScsiTask): void;
  recoveryPing(): void;
  /** All its data has come, as has its status. */
  completed(task: ScsiTask): void;
  drop(error: Error): void;
}

export class WithinConnection {
  /** StatSNs that came and are not yet acknowledged: after a gap, or of tasks whose data is missing. */
  private readonly seen = new Set<number>();
  private readonly withheld = new Map<number, ScsiTask>();
  /** The StatSN after the last that is known of. */
  private knownStatSn: number;
  private heardAtTick = -1;
  private silentTicks = 0;
  private gapTicks = 0;
  private attempts = 0;
  /** SNACKs sent and commands sent again, for tests and statistics. */
  snacks = 0;
  retries = 0;

  constructor(
    private readonly connection: Connection,
    private readonly owner: Recovering,
  ) {
    this.knownStatSn = owner.expStatSn;
  }

  /** A PDU with status came. False: it had come before. */
  takeStatus(statSn: number): boolean {
    if (compareSerial(statSn, this.owner.expStatSn) < 0 || this.seen.has(statSn)) return false;
    this.nextStatusIs(statSn);
    if (statSn === this.knownStatSn) this.knownStatSn = nextSerial(statSn);
    this.seen.add(statSn);
    return true;
  }

  /** The target says that `statSn` comes next, or has just come: what is missing before it is asked for. */
  nextStatusIs(statSn: number): void {
    const gap = compareSerial(statSn, this.knownStatSn);
    if (gap <= 0) return;
    if (gap > WIDEST_GAP) throw new ProtocolError(`StatSN ${statSn} where ${this.knownStatSn} was due`);
    this.snack(SnackType.status, RESERVED_TAG, this.knownStatSn, gap);
    this.knownStatSn = statSn;
  }

  /** Acknowledges what may be, at the end of each PDU. */
  advance(): void {
    while (this.seen.has(this.owner.expStatSn) && !this.withheld.has(this.owner.expStatSn)) {
      this.seen.delete(this.owner.expStatSn);
      this.owner.expStatSn = nextSerial(this.owner.expStatSn);
      this.attempts = 0;
    }
  }

  /** Data-In with DataSN `sn` came. False: it had come before. */
  takeData(task: ScsiTask, sn: number): boolean {
    if (sn < task.dataSn) return task.missing?.delete(sn) ?? false;
    if (sn > task.dataSn) this.miss(task, sn);
    task.dataSn = sn + 1;
    return true;
  }

  /** The data of a PDU is damaged: it is dropped and asked for again. */
  damaged(task: ScsiTask | null, sn: number): void {
    if (task !== null && (sn >= task.dataSn || task.missing?.has(sn))) this.miss(task, sn + 1);
  }

  /** Data before DataSN `end` is missing, from the next expected on. */
  private miss(task: ScsiTask, end: number): void {
    const from = task.dataSn;
    if (end - from > WIDEST_GAP) throw new ProtocolError(`DataSN ${end - 1} where ${from} was due`);
    if (end <= from) {
      this.snack(SnackType.dataOrR2t, task.tag, end - 1, 1);
      return;
    }
    task.missing ??= new Set();
    for (let sn = from; sn < end; sn++) task.missing.add(sn);
    task.dataSn = end;
    this.snack(SnackType.dataOrR2t, task.tag, from, end - from);
  }

  /** The status of a task came, with all its data if it is true. `pdus`: how many Data-In there should be. */
  holdsBack(task: ScsiTask, statSn: number, pdus: number): boolean {
    if (pdus > task.dataSn) this.miss(task, pdus);
    if (!task.missing?.size) return false;
    this.withheld.set(statSn, task);
    return true;
  }

  /** Data of a task came that had been missing: it may be complete now. */
  filled(task: ScsiTask): void {
    if (task.missing === null || task.missing.size > 0) return;
    this.attempts = 0;
    for (const [statSn, each] of this.withheld) {
      if (each !== task) continue;
      this.withheld.delete(statSn);
      this.owner.completed(task);
    }
  }

  /** DataACK (RFC 7143 11.16.2): as far as there is no hole. */
  acknowledgeData(task: ScsiTask, lun: Buffer, transferTag: number): void {
    if (task.missing?.size) return;
    this.send({ type: SnackType.dataAck, lun, targetTransferTag: transferTag, begRun: task.dataSn, runLength: 0 });
  }

  /** The target rejects something of a task's. True: that is dealt with, or will be. */
  rejected(header: Buffer, reason: number, task: ScsiTask | null): boolean {
    const opcode = opcodeOf(header);
    // Data is asked for again by R2T.
    if (opcode === Opcode.scsiDataOut) return true;
    if (opcode === Opcode.snackRequest) return !task?.missing?.size && this.gap === 0;
    if (opcode !== Opcode.scsiCommand || reason !== RejectReason.dataDigestError || task === null) return false;
    this.retry(task);
    return true;
  }

  /** The answer to a ping: commands sent before it that the target does not know of were lost. */
  pingAnswered(expCmdSn: number, sentBefore: number): void {
    let left = RESENT_AT_ONCE;
    for (const task of this.owner.outstanding()) {
      const lost = compareSerial(task.cmdSn, expCmdSn) >= 0 && compareSerial(task.cmdSn, sentBefore) < 0;
      if (task.reassign !== null) {
        left -= 1;
        task.reassign();
      } else if (lost && left-- > 0) this.retry(task);
      // Its R2T may have been lost: of which the target thinks otherwise if there was none.
      else if (!lost && task.dataOutBytes > task.solicited) {
        this.snack(SnackType.dataOrR2t, task.tag, task.r2tSn, 0);
      }
    }
    // Nothing was lost: the target takes its time.
    if (left === RESENT_AT_ONCE && this.gap === 0) this.attempts = 0;
  }

  /** Called by the session's watch. */
  tick(): void {
    this.askAgain();
    const { heard } = this.owner;
    if (heard !== this.heardAtTick || this.owner.outstanding().length === 0) this.silentTicks = 0;
    else if (++this.silentTicks >= PATIENCE_TICKS) {
      this.silentTicks = 0;
      if (this.tooOften()) return;
      this.owner.recoveryPing();
    }
    this.heardAtTick = heard;
  }

  /** How many statuses are missing. */
  private get gap(): number {
    return compareSerial(this.knownStatSn, this.owner.expStatSn) - this.seen.size;
  }

  private askAgain(): void {
    const short = this.owner.outstanding().filter((task) => task.missing?.size);
    if (this.gap === 0 && short.length === 0) {
      this.gapTicks = 0;
      return;
    }
    if (++this.gapTicks < PATIENCE_TICKS) return;
    this.gapTicks = 0;
    if (this.tooOften()) return;
    for (const task of short) {
      for (const sn of [...task.missing!].slice(0, RESENT_AT_ONCE)) this.snack(SnackType.dataOrR2t, task.tag, sn, 1);
    }
    for (let statSn = this.owner.expStatSn; statSn !== this.knownStatSn; statSn = nextSerial(statSn)) {
      if (!this.seen.has(statSn)) this.snack(SnackType.status, RESERVED_TAG, statSn, 1);
    }
  }

  private tooOften(): boolean {
    if (++this.attempts <= ATTEMPTS) return false;
    this.owner.drop(new ProtocolError('what was lost on the connection cannot be had again'));
    return true;
  }

  private retry(task: ScsiTask): void {
    this.retries += 1;
    this.owner.resend(task);
  }

  private snack(type: number, tag: number, begRun: number, runLength: number): void {
    this.snacks += 1;
    this.send({ type, initiatorTaskTag: tag, begRun, runLength });
  }

  private send(
    fields: Pick<SnackRequest, 'type' | 'begRun' | 'runLength'> & Partial<Omit<SnackRequest, 'expStatSn'>>,
  ): void {
    const { connection, owner } = this;
    const nothing = { lun: null, initiatorTaskTag: RESERVED_TAG, targetTransferTag: RESERVED_TAG } as const;
    const at = connection.begin();
    encodeSnackRequest(connection.stage, at, { ...nothing, ...fields, expStatSn: owner.expStatSn });
    connection.finish(at);
  }
}
