/**
 * A session: takes SCSI tasks, keeps as many in flight as the target allows, gets a broken connection back and
 * issues again what can be.
 */
import { EventEmitter } from 'node:events';
import { AsyncEvent, type AsyncMessage, TaskFunction, type TaskFunctionResponse } from '../wire/iscsi/bhs.js';
import type { TextPair } from '../wire/iscsi/text.js';
import { decodeAnswer, decodeFunctionResponse } from './answers.js';
import { CommandNumbers } from './command-numbers.js';
import { type Environment, systemEnvironment, type Timer } from './environment.js';
import { ClosedError, ConnectError, ConnectionLostError, InitiatorError, LoginError, TimeoutError } from './errors.js';
import { establish, type Joining } from './establish.js';
import { FullFeature, type FullFeatureOwner, type SessionShare } from './full-feature.js';
import { Liveness } from './liveness.js';
import type { SessionParameters } from './login-negotiation.js';
import { type ResolvedOptions, resolveOptions, type SessionOptions } from './options.js';
import { takeOver } from './reassign.js';
import type { SessionEvents, SessionState } from './session-events.js';
import { TagTable } from './tag-table.js';
import type { ScsiTask } from './task.js';
import { TaskQueue } from './task-queue.js';
import { formatPortal, type Portal } from './url.js';

/** How often deadlines and the liveness of the target are looked at, in milliseconds. */
const WATCH_INTERVAL_MS = 250;
/** A target gets this long to answer ABORT TASK or Logout before the connection is dropped. */
const LAST_WORD_MS = 3000;

/** Task management functions by name. */
export type TaskFunctionName = keyof typeof TaskFunction;

export class Session extends EventEmitter<SessionEvents> {
  state: SessionState = 'connecting';
  readonly options: ResolvedOptions;
  private readonly environment: Environment;
  private readonly isid: Buffer;
  private readonly queue = new TaskQueue();
  /** Connections in full feature phase. */
  private readonly phases: FullFeature[] = [];
  /** Whose turn it is among them. */
  private turn = 0;
  private share: SessionShare | null = null;
  private tsih = 0;
  private readonly liveness = new Map<FullFeature, Liveness>();
  /** Connections that are being replaced, at ErrorRecoveryLevel 2. */
  private readonly broken = new Set<FullFeature>();
  private lastParameters: SessionParameters | null = null;
  private watchTimer: Timer | null = null;
  private retryTimer: Timer | null = null;

  private constructor(
    readonly portal: Portal,
    /** Null: a discovery session. */
    readonly target: string | null,
    options: SessionOptions,
  ) {
    super();
    this.options = resolveOptions(options);
    this.environment = options.environment ?? systemEnvironment;
    this.isid = options.isid ?? randomIsid(this.environment);
  }

  /**
   * Connects and logs in, without retries.
   * @param target null for a discovery session
   * @throws ConnectError, LoginError, RangeError for options out of range
   */
  static async open(portal: Portal, target: string | null, options: SessionOptions = {}): Promise<Session> {
    const session = new Session(portal, target, options);
    try {
      await session.establish();
    } catch (error) {
      session.state = 'closed';
      throw error;
    }
    session.watch();
    return session;
  }

  /** What was negotiated, on the present connection or the last one. */
  get parameters(): SessionParameters {
    return this.lastParameters!;
  }

  /** Commands sent or waiting to be. */
  get pending(): number {
    let sent = 0;
    for (const phase of [...this.phases, ...this.broken]) sent += phase.outstanding().length;
    return this.queue.length + sent;
  }

  /** Connections now. */
  get connections(): number {
    return this.phases.length;
  }

  /** What was done at ErrorRecoveryLevel 1 and above on the present connections. */
  get recovered(): { readonly snacks: number; readonly retries: number } {
    const sum = { snacks: 0, retries: 0 };
    for (const { recovery } of this.phases) {
      sum.snacks += recovery?.snacks ?? 0;
      sum.retries += recovery?.retries ?? 0;
    }
    return sum;
  }

  /** Sends a task as soon as the target's window allows; `task.done` is called once. */
  submit(task: ScsiTask): void {
    if (task.state !== 'idle') throw new Error('the task is not done yet');
    task.error = null;
    task.sense = null;
    task.reissues = 0;
    const timeout = task.timeoutMs === 0 ? this.options.commandTimeoutMs : task.timeoutMs;
    task.deadline = timeout === 0 ? Number.POSITIVE_INFINITY : this.environment.now() + timeout;
    const phase = this.queue.length === 0 && this.state === 'open' ? this.next() : null;
    if (phase !== null) {
      phase.send(task);
      return;
    }
    if (this.state === 'closed' || this.state === 'closing') {
      queueMicrotask(() => this.fail(task, new ClosedError('the session is closed')));
      task.state = 'queued';
      return;
    }
    task.state = 'queued';
    this.queue.push(task);
  }

  /**
   * Task management for a logical unit or, with `task`, for one command.
   * @param lun eight bytes
   * @returns the response in words of RFC 7143 11.6.1, `complete` for success
   */
  manage(fn: TaskFunctionName, lun: Buffer, task: ScsiTask | null = null): Promise<keyof typeof TaskFunctionResponse> {
    return this.ask(
      (phase, finish) => phase.manage(TaskFunction[fn], lun, task, finish),
      decodeFunctionResponse,
      task?.path,
    );
  }

  /** Sends keys in a Text Request; resolves to the keys of the answer. */
  text(pairs: readonly TextPair[]): Promise<TextPair[]> {
    return this.ask((phase, finish) => phase.text(pairs, finish), decodeAnswer);
  }

  /** Pings the target; resolves to the round trip in milliseconds. */
  ping(): Promise<number> {
    const started = this.environment.now();
    return this.ask(
      (phase, finish) => void phase.ping(finish),
      () => this.environment.now() - started,
    );
  }

  /** Logs out and ends. Commands not done fail with ClosedError. Never rejects; a second call does nothing. */
  async close(): Promise<void> {
    if (this.state === 'closed' || this.state === 'closing') return;
    this.state = 'closing';
    this.retryTimer?.cancel();
    const [phase] = this.phases;
    this.failAll(new ClosedError('the session is closed'));
    if (phase) await this.logout(phase);
    this.finish(null);
  }

  private logout(phase: FullFeature): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.environment.setTimeout(resolve, LAST_WORD_MS);
      phase.logout(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  private ask<T>(
    send: (phase: FullFeature, finish: (error: InitiatorError | null, value: Buffer | number) => void) => void,
    decode: (value: Buffer | number) => T,
    path: object | null = null,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const phase = this.phases.find((each) => each === path) ?? this.phases[0];
      if (!phase) {
        reject(new ConnectionLostError(`the session is ${this.state}`));
        return;
      }
      send(phase, (error, value) => {
        if (error) {
          reject(error);
          return;
        }
        try {
          resolve(decode(value));
        } catch (malformed) {
          reject(malformed);
        }
      });
    });
  }

  /** A new session with all its connections. */
  private async establish(): Promise<void> {
    await this.connect(0, null);
    const wanted = Math.min(this.options.connections, this.parameters.maxConnections);
    // With fewer than wanted the session works, too.
    for (let cid = 1; cid < wanted; cid++) await this.connect(cid, this.joining()).catch(() => {});
  }

  private joining(): Joining {
    return { tsih: this.tsih, cmdSn: this.share!.numbers.cmdSn, parameters: this.parameters };
  }

  /**
   * One connection.
   * @param joining null: the leading one of a new session
   * @param ready called in the turn in which it enters full feature phase
   */
  private connect(cid: number, joining: Joining | null, ready: (phase: FullFeature) => void = () => {}): Promise<void> {
    const { portal, target, options, isid, environment } = this;
    return establish({ portal, target, options, isid, environment, cid, joining }, (established) => {
      const { cmdSn, expCmdSn, maxCmdSn } = established;
      // Closed, or its session lost, in between.
      if (this.state === 'closing' || this.state === 'closed' || (joining !== null && joining.tsih !== this.tsih)) {
        established.connection.destroy();
        return;
      }
      if (joining === null) {
        this.tsih = established.tsih;
        this.lastParameters = established.parameters;
        this.share = { numbers: new CommandNumbers(cmdSn, maxCmdSn), tags: new TagTable() };
        this.state = 'open';
      }
      this.share!.numbers.told(expCmdSn, maxCmdSn);
      const phase = new FullFeature(established, this.share!, this.callbacks);
      this.phases.push(phase);
      this.liveness.set(phase, new Liveness(phase, options.pingIntervalMs, environment.now()));
      ready(phase);
    });
  }

  private readonly callbacks: FullFeatureOwner = {
    taskDone: (task) => finishTask(task),
    ready: () => this.pump(),
    asyncMessage: (phase, message, data) => this.takeAsync(phase, message, data),
    lost: (phase, error) => this.lost(phase, error),
  };

  /** The connection for the next command, or null if none takes any: one after the other. */
  private next(): FullFeature | null {
    const { phases } = this;
    this.turn = this.turn + 1 < phases.length ? this.turn + 1 : 0;
    const phase = phases[this.turn];
    return phase?.open ? phase : null;
  }

  private pump(): void {
    const { queue } = this;
    while (queue.length > 0 && this.state === 'open') {
      const phase = this.next();
      if (phase === null) return;
      phase.send(queue.shift());
    }
  }

  private lost(phase: FullFeature, error: Error): void {
    this.forgetPhase(phase);
    if (this.state === 'closing' || this.state === 'closed') return;
    // One that the target does not even abort would be taken over for ever.
    const stuck = phase.outstanding().some((task) => task.state === 'aborting');
    const recovers = this.parameters.errorRecoveryLevel === 2 && this.options.reconnect !== null && !stuck;
    if (this.state === 'open' && recovers) {
      this.broken.add(phase);
      this.emit('disconnected', error);
      this.replace(phase, error, 0);
    } else this.sessionLost(error, phase);
  }

  private forgetPhase(phase: FullFeature): void {
    const index = this.phases.indexOf(phase);
    if (index >= 0) this.phases.splice(index, 1);
    this.liveness.delete(phase);
  }

  /** Connection recovery: another connection in place of a broken one takes over its tasks (RFC 7143 7.2.3). */
  private replace(phase: FullFeature, error: Error, attempt: number): void {
    const { tsih } = this;
    const { attempts, firstDelayMs, maxDelayMs } = this.options.reconnect!;
    const delayMs =
      attempt === 0 ? 1000 * this.parameters.time2Wait : Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs);
    this.environment.setTimeout(() => {
      if (this.state !== 'open' || this.tsih !== tsih) return;
      const takenOver = (fresh: FullFeature) => {
        this.broken.delete(phase);
        takeOver(fresh, phase.outstanding(), this.share!.numbers.expCmdSn, (task) => this.again(fresh, task, error));
        this.emit('reconnected');
        this.pump();
      };
      this.connect(phase.cid, this.joining(), takenOver).catch((failure: Error) => {
        if (this.state !== 'open' || this.tsih !== tsih) return;
        if (isHopeless(failure) || attempt + 1 >= attempts) this.sessionLost(error, phase);
        else this.replace(phase, error, attempt + 1);
      });
    }, delayMs);
  }

  /** The target does not know a task any more that was to be taken over. */
  private again(phase: FullFeature, task: ScsiTask, error: Error): void {
    phase.forget(task);
    if (!task.reissuable || task.state !== 'sent') {
      this.fail(task, lossOf(task, error));
      return;
    }
    task.state = 'queued';
    task.reissues += 1;
    this.queue.unshift([task]);
    this.pump();
  }

  private sessionLost(error: Error, phase: FullFeature): void {
    const all = [...new Set([phase, ...this.phases, ...this.broken])];
    const tasks = all.flatMap((each) => each.outstanding());
    this.broken.clear();
    this.tsih = 0;
    for (const other of [...this.phases]) {
      this.forgetPhase(other);
      other.abandon();
    }
    const { reconnect } = this.options;
    this.state = reconnect ? 'reconnecting' : 'closed';
    const again: ScsiTask[] = [];
    const failed: ScsiTask[] = [];
    for (const task of tasks) {
      // A command that breaks the connection each time must come to an end.
      const safe = task.reissuable && task.state === 'sent' && task.reissues < (reconnect?.attempts ?? 0);
      (safe ? again : failed).push(task);
    }
    for (const task of again) {
      task.state = 'queued';
      task.reissues += 1;
    }
    this.queue.unshift(again);
    this.emit('disconnected', error);
    for (const task of failed) this.fail(task, lossOf(task, error));
    if (reconnect) this.retry(0, 0);
    else this.giveUp(error);
  }

  /** Attempt number `attempt`, after `delayMs`; doubles the delay each time. */
  private retry(attempt: number, delayMs: number): void {
    const { reconnect } = this.options;
    if (!reconnect || this.state !== 'reconnecting') return;
    this.retryTimer = this.environment.setTimeout(() => {
      this.establish().then(
        () => this.resume(),
        (error: Error) => {
          if (this.state !== 'reconnecting') return;
          if (isHopeless(error) || attempt + 1 >= reconnect.attempts) {
            this.giveUp(error);
            return;
          }
          const next = Math.min(reconnect.firstDelayMs * 2 ** attempt, reconnect.maxDelayMs);
          this.emit('retrying', error, next);
          this.retry(attempt + 1, next);
        },
      );
    }, delayMs);
  }

  private resume(): void {
    // `establish` has set the state; a close that came in between wins.
    if (this.state !== 'open') return;
    this.emit('reconnected');
    this.pump();
  }

  private giveUp(error: Error): void {
    this.state = 'closed';
    this.failAll(error instanceof InitiatorError ? error : new ConnectError(error.message));
    this.finish(error);
  }

  private finish(error: Error | null): void {
    this.state = 'closed';
    this.watchTimer?.cancel();
    this.retryTimer?.cancel();
    for (const phase of this.phases.splice(0)) phase.end();
    this.emit('closed', error);
  }

  private failAll(error: InitiatorError): void {
    for (const phase of [...this.phases, ...this.broken]) {
      for (const task of phase.outstanding()) {
        phase.forget(task);
        this.fail(task, error);
      }
    }
    while (this.queue.length > 0) this.fail(this.queue.shift(), error);
  }

  private fail(task: ScsiTask, error: InitiatorError): void {
    task.error = error;
    finishTask(task);
  }

  private takeAsync(phase: FullFeature, message: AsyncMessage, data: Buffer): void {
    switch (message.event) {
      case AsyncEvent.logoutRequested:
        phase.logout(() => phase.drop(new ConnectionLostError('the target asked for logout')));
        return;
      case AsyncEvent.connectionDropped:
      case AsyncEvent.sessionDropped:
        phase.drop(new ConnectionLostError('the target announced that it drops the connection'));
        return;
      case AsyncEvent.negotiationRequested:
        // What is offered is what was offered before (RFC 7143 11.9.1).
        phase.text([['MaxRecvDataSegmentLength', String(this.options.maxRecvDataSegmentLength)]], () => {});
        return;
      default:
        this.emit('async', message, data);
    }
  }

  private watch(): void {
    this.watchTimer = this.environment.setTimeout(() => {
      if (this.state === 'closed') return;
      const now = this.environment.now();
      this.checkDeadlines(now);
      for (const phase of [...this.phases]) {
        this.liveness.get(phase)?.check(now);
        phase.recovery?.tick();
      }
      this.watch();
    }, WATCH_INTERVAL_MS);
  }

  private checkDeadlines(now: number): void {
    for (const task of this.queue.removeOverdue(now)) {
      this.fail(task, new TimeoutError(`not sent in time: the session is ${this.state}`));
    }
    for (const phase of this.broken) {
      if (!phase.outstanding().some((task) => task.deadline <= now)) continue;
      this.sessionLost(new TimeoutError('no connection came to take the command over in time'), phase);
      return;
    }
    for (const phase of [...this.phases]) {
      for (const task of phase.outstanding()) {
        if (task.deadline > now) continue;
        if (task.state === 'aborting') {
          phase.drop(new TimeoutError('the target does not answer ABORT TASK'));
          break;
        }
        this.abort(phase, task, now);
      }
    }
  }

  private abort(phase: FullFeature, task: ScsiTask, now: number): void {
    task.state = 'aborting';
    task.deadline = now + LAST_WORD_MS;
    phase.manage(TaskFunction.abortTask, task.lun, task, (error) => {
      // The response may have overtaken the abort; then the task is done.
      if (error || task.state !== 'aborting') return;
      phase.forget(task);
      this.fail(task, new TimeoutError('no answer in time; the command was aborted'));
    });
  }

  /** For messages: portal and target. */
  get name(): string {
    return `${formatPortal(this.portal)}${this.target === null ? '' : `/${this.target}`}`;
  }
}

/** A login that will be refused again. */
function isHopeless(error: Error): boolean {
  return error instanceof LoginError && error.statusClass !== 3 && error.statusClass !== null;
}

/** Hands a task back to its submitter, who may submit it again at once. */
function finishTask(task: ScsiTask): void {
  task.state = 'idle';
  task.done(task);
}

function lossOf(task: ScsiTask, error: Error): InitiatorError {
  return task.state === 'aborting'
    ? new TimeoutError(`no answer in time; aborting failed: ${error.message}`)
    : new ConnectionLostError(`the connection broke while the command was out: ${error.message}`);
}

/** Random format (RFC 7143 11.12.5): type 10b, three random bytes, qualifier. */
function randomIsid(environment: Environment): Buffer {
  const isid = environment.randomBytes(6);
  isid[0] = 0x80;
  return isid;
}
