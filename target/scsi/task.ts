import type { Sense } from '../../wire/scsi/sense.js';
import { Status } from '../../wire/scsi/status.js';
import type { Waits } from '../base/waits.js';
import type { Command } from './command-table.js';
import type { LogicalUnit } from './logical-unit.js';
import type { Nexus } from './nexus.js';

export { Status };

/** Task attributes, with the values of RFC 7143 11.3.1. */
export const TaskAttribute = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const;
export type TaskAttribute = (typeof TaskAttribute)[keyof typeof TaskAttribute];

/** The port's side of a task: fetches data-out, delivers the response. */
export interface TaskOwner {
  /**
   * Asks the initiator for data-out until `task.dataOut` holds `bytes` bytes (fewer if the initiator
   * announced fewer). Calls `task.dataOutArrived()` when done, which may happen before this returns.
   */
  fetchDataOut(task: Task, bytes: number): void;
  /**
   * Sends status, sense and `task.dataIn`; calls `task.release()` once the data has left.
   * Called exactly once per task, unless the task was aborted silently.
   */
  respond(task: Task): void;
  /**
   * Instead of `respond`: the task was aborted and gets no response (SAM-6 5.7). Its data-in has been released;
   * data-out that still arrives is to be dropped. Runs once the task cannot change anything any more.
   */
  dropped?(task: Task): void;

  /**
   * The command has ended, and will be answered when an ACA condition has: of what was fetched for it nothing is needed
   * any more, and others may be waiting for the memory.
   */
  answerWithheld?(task: Task): void;

  /** The rest is for fault rules. Closes the connection that the task came by. */
  drop?(task: Task): void;
  /** Neither sends nor receives on the connection that the task came by; null: until one of both sides gives up. */
  stall?(task: Task, ms: number | null): void;
  /** Instead of `respond`: with a wrong digest of the first PDU, if there are digests. */
  respondCorrupted?(task: Task, digest: 'header' | 'data'): void;
}

/**
 * One SCSI command from its arrival to its response. The port makes it, the channel adapter queues it,
 * the logical unit's handler completes it by exactly one of `good`, `data`, `check` or `fail`.
 */
export class Task {
  /** Data-out received so far, in order; bytes total in `dataOutLength`. */
  readonly dataOut: Buffer[] = [];
  dataOutLength = 0;
  /** Called by the owner when `fetchDataOut` is satisfied. Set by the channel adapter. */
  onDataOut: (() => void) | null = null;
  /** Called at completion, before the owner responds. Set by the channel adapter. */
  onFinish: ((task: Task) => void) | null = null;

  /** Row of the command table; null until `prepare` and when the CDB has none. */
  command: Command | null = null;
  /** Blocks that the CDB addresses, set by `prepare`; 0 and 0 for commands without a range. */
  lba = 0;
  blocks = 0;
  /**
   * Bytes of data-out that the CDB asks for, set once it is known. The port reports the difference to
   * `expectedDataOut` as residual: overflow when this is more, underflow when less (RFC 7143 11.4.5).
   */
  dataOutWanted = 0;

  /**
   * Sent by the copy manager on behalf of the nexus: no unit attention is told to it, and it waits for what runs but
   * for nothing that itself waits (an EXTENDED COPY may be what that waits for).
   */
  delegated = false;

  /** Called when it would end with GOOD; may make something else of that. */
  onGood: ((task: Task) => void) | null = null;

  /** Called when it is aborted while it runs and waits for something else; ends it, now or soon. */
  onAbort: (() => void) | null = null;

  status: Status = Status.good;
  sense: Sense | null = null;
  /** D_SENSE of the logical unit at completion: which format the port must encode `sense` in. */
  descriptorSense = false;
  /** Data-in, in order, valid until `release()`. */
  dataIn: readonly Buffer[] = [];
  dataInLength = 0;
  private releaseData: (() => void) | null = null;

  finished = false;
  /** Set by task management or a lost nexus: completion is swallowed (or answered TASK ABORTED). */
  aborted = false;
  /** The initiator of an aborted task is told by TASK ABORTED status (TAS, SPC-5 7.5.10). */
  abortAnswered = false;
  /** `Clock.now()` at arrival, in nanoseconds; for service times. */
  startedAt = 0;
  /** `Clock.now()` when the task set let it run. */
  dispatchedAt = 0;
  /** Null: nobody traces. */
  waits: Waits | null = null;

  /** The logical unit addressed. This and what follows belongs to the task set. */
  unit: LogicalUnit | null = null;
  running = false;
  /** Runs, and is in nobody's way (`TaskControl.standAside`). */
  aside = false;
  /** Waits for this task to end; may then find another one to wait for. */
  blockedBy: Task | null = null;
  previous: Task | null = null;
  next: Task | null = null;

  constructor(
    public owner: TaskOwner,
    readonly nexus: Nexus,
    /** LUN as sent, eight bytes (SAM-6 4.7). */
    readonly lun: Buffer,
    readonly cdb: Buffer,
    /** Initiator's task tag. */
    readonly tag: number,
    readonly attribute: TaskAttribute,
    /** Bytes that the initiator announced it will send / has room for. */
    readonly expectedDataOut: number,
    readonly expectedDataIn: number,
  ) {}

  /** Completes with GOOD and no data. */
  good(): void {
    this.finish(Status.good);
  }

  /** Completes with GOOD and sense data that tells more (SPC-5 6.4.2). */
  goodWith(sense: Sense): void {
    this.sense = sense;
    this.finish(Status.good);
  }

  /** Completes with GOOD and data-in, already cut to the allocation length. `release` runs when it has been sent. */
  data(buffers: readonly Buffer[], bytes: number, release: (() => void) | null = null): void {
    this.dataIn = buffers;
    this.dataInLength = bytes;
    this.releaseData = release;
    this.finish(Status.good);
  }

  /** Completes with CHECK CONDITION and what was read before: of stream devices. */
  dataWith(sense: Sense, buffers: readonly Buffer[], bytes: number, release: () => void): void {
    this.dataIn = buffers;
    this.dataInLength = bytes;
    this.releaseData = release;
    this.check(sense);
  }

  /** Completes with CHECK CONDITION. */
  check(sense: Sense): void {
    this.sense = sense;
    this.finish(Status.checkCondition);
  }

  /** Completes with a status that carries no sense. */
  fail(status: Status): void {
    this.finish(status);
  }

  /** By the owner: more data-out is not coming or all asked for is here. */
  dataOutArrived(): void {
    const next = this.onDataOut;
    this.onDataOut = null;
    next?.();
  }

  /** By the owner, exactly once after the response left (or was dropped): gives cache slots back. */
  release(): void {
    const release = this.releaseData;
    this.releaseData = null;
    this.dataIn = [];
    release?.();
  }

  /** By the task set, of a task that has ended and was not answered: gives its data back, as it will run once more. */
  restart(): void {
    this.release();
    this.finished = false;
    this.status = Status.good;
    this.sense = null;
    this.dataInLength = 0;
    this.onGood = null;
  }

  private finish(status: Status): void {
    if (this.finished) throw new Error(`task 0x${this.tag.toString(16)} completed twice`);
    this.finished = true;
    this.status = status;
    if (this.onGood !== null && status === Status.good) this.onGood(this);
    this.onFinish?.(this);
  }
}
