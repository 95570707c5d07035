import type { CopyProgress, CreatedToken } from '../../wire/scsi/copy-results.js';
import { CopyStatus } from '../../wire/scsi/copy-results.js';
import { type CopyList, ListIdUsage } from '../../wire/scsi/extended-copy.js';
import type { Sense } from '../../wire/scsi/sense.js';
import { encodeSense } from '../../wire/scsi/sense-codec.js';
import { Status } from '../../wire/scsi/status.js';
import type { Clock } from '../base/clock.js';
import { CopyLimits } from './copy-limits.js';
import type { Budget } from './shared-means.js';

/** Why it did not go through: a failure, or it was told to stop. */
export type Failure = Sense | 'stopped';

/** How a copy, or a part of it, ended; null: well. */
export type CopyEnd = Failure | null;

export type CopyState = 'running' | 'completed' | 'failed' | 'stopped';

/** Who sent the command; results are told to nobody else. */
export interface Issuer {
  /** Of the I_T nexus. */
  readonly id: number;
}

/** One copy operation (SPC-5 5.17.4.3), from its command until its results are dropped. */
export class CopyOperation<I extends Issuer = Issuer> {
  private status: CopyStatus;
  /** Commands that sources and destinations completed well. */
  commands = 0;
  /** Segments begun. */
  segments = 0;
  /** Written to destinations, in order. */
  bytes = 0;
  /** Of these, deallocated or zeroed because the source held nothing there: no data moved. */
  holeBytes = 0;
  /** Of token commands: bytes per block that is counted, and the blocks that a created token represents. */
  blockSize: number | null = null;
  represented = 0;
  /** Created, and not told of yet. */
  tokens: readonly CreatedToken[] = [];
  /** Ends tokens of which nobody has been told anything, and now never will be; null: there are none. */
  private withdrawTokens: (() => void) | null = null;
  /** It does less than was asked for, as the token represents no more. */
  partial = false;
  sense: Sense | null = null;
  private descriptorSense = false;
  private heldData: Buffer = Buffer.alloc(0);
  heldDiscarded = false;
  /** RECEIVE COPY STATUS(LID1) told of its end, and RECEIVE COPY FAILURE DETAILS(LID1) of its failure: once only. */
  statusTold = false;
  failureTold = false;
  /** The I_T nexus has been lost, or the logical unit reset: nobody can ask for its results. */
  orphaned = false;
  /** Gives up what the operation waits for, if that has not begun; null: nothing that could be given up. */
  giveUp: (() => void) | null = null;
  private stopping = false;
  private readonly whenEnded: (() => void)[] = [];
  private readonly startedAt: number;
  private endedAt: number | null = null;

  constructor(
    readonly issuer: I,
    readonly list: CopyList,
    readonly serviceAction: number,
    private readonly clock: Pick<Clock, 'now'>,
    /** Of the array's held data. */
    private readonly budget: Budget,
  ) {
    this.startedAt = clock.now();
    this.status = list.immediate ? CopyStatus.background : CopyStatus.foreground;
  }

  get running(): boolean {
    return this.status === CopyStatus.foreground || this.status === CopyStatus.background;
  }

  /** Told to stop: no further command is to be sent. */
  get stopped(): boolean {
    return this.stopping;
  }

  /** What became of it. */
  get state(): CopyState {
    if (this.running) return 'running';
    if (this.status === CopyStatus.completed) return 'completed';
    return this.status === CopyStatus.terminated ? 'stopped' : 'failed';
  }

  /** Nanoseconds from its command to its end, or until now. */
  get tookNs(): number {
    return (this.endedAt ?? this.clock.now()) - this.startedAt;
  }

  /** Results are told under the list identifier. */
  get identified(): boolean {
    return this.list.listIdUsage !== ListIdUsage.none;
  }

  get held(): Buffer {
    return this.heldData;
  }

  get completion(): number {
    return this.sense === null ? Status.good : Status.checkCondition;
  }

  /** Stops it. `done` runs when nothing is transferred any more. */
  stop(done: () => void): void {
    if (!this.running) {
      done();
      return;
    }
    this.stopping = true;
    this.whenEnded.push(done);
    this.giveUp?.();
  }

  /** @param descriptorSense the format in which its sense data is told */
  end(end: CopyEnd, descriptorSense: boolean): void {
    this.endedAt = this.clock.now();
    this.status = this.statusOf(end);
    if (end !== null && end !== 'stopped') this.sense = end;
    this.descriptorSense = descriptorSense;
    for (const done of this.whenEnded.splice(0)) done();
  }

  private statusOf(end: CopyEnd): CopyStatus {
    if (end === 'stopped') return CopyStatus.terminated;
    if (end === null) return CopyStatus.completed;
    return this.partial ? CopyStatus.partial : CopyStatus.failed;
  }

  /** Blocks told of a token command; null: another command. */
  private get blocks(): number | null {
    return this.blockSize === null ? null : this.represented + Math.floor(this.bytes / this.blockSize);
  }

  /** Keeps the newest bytes of what segments hold for the application client. */
  hold(data: Buffer, total: number): void {
    if (this.list.listIdUsage === ListIdUsage.discard) {
      this.heldDiscarded = true;
      return;
    }
    const all = Buffer.concat([this.heldData, data]);
    const most = Math.min(all.length, CopyLimits.heldBytes);
    const granted = this.budget.take(most - this.heldData.length) ? most : this.heldData.length;
    const kept = all.subarray(all.length - granted);
    this.heldDiscarded ||= kept.length < this.heldData.length + total;
    this.heldData = Buffer.from(kept);
  }

  /** @param withdraw ends the tokens */
  created(tokens: readonly CreatedToken[], withdraw: () => void): void {
    this.tokens = tokens;
    this.withdrawTokens = withdraw;
  }

  /** RECEIVE ROD TOKEN INFORMATION has told of them. @param all they need not be told again */
  tokensTold(all: boolean): void {
    this.withdrawTokens = null;
    if (all) this.tokens = [];
  }

  /** They are told no more. */
  dropTokens(): void {
    this.withdrawTokens?.();
    this.tokensTold(true);
  }

  dropHeld(): void {
    this.budget.take(-this.heldData.length);
    this.heldData = Buffer.alloc(0);
  }

  /** Encoded sense data of a failure; empty: there was none. */
  get senseData(): Buffer {
    return this.sense === null ? Buffer.alloc(0) : encodeSense(this.sense, this.descriptorSense);
  }

  get progress(): CopyProgress {
    const { serviceAction, status, commands, segments, bytes, blocks, completion, senseData, heldDiscarded } = this;
    return { serviceAction, status, commands, segments, bytes, blocks, completion, sense: senseData, heldDiscarded };
  }
}
