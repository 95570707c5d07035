/**
 * A session: takes SCSI tasks, keeps as many in flight as the target allows, gets a broken connection back and
 * issues again what can be.
 */
import { EventEmitter } from 'node:events';
import { AsyncEvent, type AsyncMessage, TaskFunction, TaskFunctionResponse } from '../wire/iscsi/bhs.js';
import { decodeText, type TextPair } from '../wire/iscsi/text.js';
import { type Environment, systemEnvironment, type Timer } from './environment.js';
import { ClosedError, ConnectError, ConnectionLostError, InitiatorError, LoginError, TimeoutError } from './errors.js';
import { establish } from './establish.js';
import { FullFeature, type FullFeatureOwner } from './full-feature.js';
import type { SessionParameters } from './login-negotiation.js';
import { type ResolvedOptions, resolveOptions, type SessionOptions } from './options.js';
import type { ScsiTask } from './task.js';
import { TaskQueue } from './task-queue.js';
import { formatPortal, type Portal } from './url.js';

/** How often deadlines and the liveness of the target are looked at, in milliseconds. */
const WATCH_INTERVAL_MS = 250;
/** A target gets this long to answer ABORT TASK or Logout before the connection is dropped. */
const LAST_WORD_MS = 3000;

export type SessionState = 'connecting' | 'open' | 'reconnecting' | 'closing' | 'closed';

/** Events of a session and their arguments. */
export interface SessionEvents {
  /** The connection broke; unless the session is then closed, it is being got back. */
  disconnected: [error: Error];
  reconnected: [];
  /** An attempt to get back failed; the next follows after `delayMs`. */
  retrying: [error: Error, delayMs: number];
  /** A unit attention was reported to a command, in words. */
  attention: [text: string, sense: Buffer];
  /** An asynchronous message other than a request to log out or a notice of a drop. */
  async: [message: AsyncMessage, data: Buffer];
  closed: [error: Error | null];
}

/** Task management functions by name. */
export type TaskFunctionName = keyof typeof TaskFunction;

export class Session extends EventEmitter<SessionEvents> {
  state: SessionState = 'connecting';
  readonly options: ResolvedOptions;
  private readonly environment: Environment;
  private readonly isid: Buffer;
  private readonly queue = new TaskQueue();
  private phase: FullFeature | null = null;
  private lastParameters: SessionParameters | null = null;
  private watchTimer: Timer | null = null;
  private retryTimer: Timer | null = null;
  private heardAtWatch = 0;
  private heardAt = 0;
  private pinging = false;

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
    return this.queue.length + (this.phase?.outstanding().length ?? 0);
  }

  /** Sends a task as soon as the target's window allows; `task.done` is called once. */
  submit(task: ScsiTask): void {
    if (task.state !== 'idle') throw new Error('the task is not done yet');
    task.error = null;
    task.sense = null;
    task.reissues = 0;
    const timeout = task.timeoutMs === 0 ? this.options.commandTimeoutMs : task.timeoutMs;
    task.deadline = timeout === 0 ? Number.POSITIVE_INFINITY : this.environment.now() + timeout;
    const { phase } = this;
    if (phase !== null && this.queue.length === 0 && phase.open && this.state === 'open') {
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
    return this.ask((phase, finish) => phase.manage(TaskFunction[fn], lun, task, finish), decodeFunctionResponse);
  }

  /** Sends keys in a Text Request; resolves to the keys of the answer. */
  text(pairs: readonly TextPair[]): Promise<TextPair[]> {
    return this.ask((phase, finish) => phase.text(pairs, finish), decodeAnswer);
  }

  /** Pings the target; resolves to the round trip in milliseconds. */
  ping(): Promise<number> {
    const started = this.environment.now();
    return this.ask(
      (phase, finish) => phase.ping(finish),
      () => this.environment.now() - started,
    );
  }

  /** Logs out and ends. Commands not done fail with ClosedError. Never rejects; a second call does nothing. */
  async close(): Promise<void> {
    if (this.state === 'closed' || this.state === 'closing') return;
    this.state = 'closing';
    this.retryTimer?.cancel();
    const { phase } = this;
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
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const { phase } = this;
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

  private establish(): Promise<void> {
    const { portal, target, options, isid, environment } = this;
    return establish({ portal, target, options, isid, environment }, (established) => {
      if (this.state === 'closing' || this.state === 'closed') {
        established.connection.destroy();
        return;
      }
      this.phase = new FullFeature(established, this.callbacks);
      this.lastParameters = established.parameters;
      this.state = 'open';
      this.heardAt = environment.now();
      this.pinging = false;
    });
  }

  private readonly callbacks: FullFeatureOwner = {
    taskDone: (task) => finishTask(task),
    ready: () => this.pump(),
    asyncMessage: (message, data) => this.takeAsync(message, data),
    lost: (error) => this.lost(error),
  };

  private pump(): void {
    const { phase, queue } = this;
    while (queue.length > 0 && phase?.open && this.state === 'open') phase.send(queue.shift());
  }

  private lost(error: Error): void {
    const tasks = this.phase!.outstanding();
    this.phase = null;
    if (this.state === 'closing' || this.state === 'closed') return;
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
          const hopeless = error instanceof LoginError && error.statusClass !== 3 && error.statusClass !== null;
          if (this.state !== 'reconnecting') return;
          if (hopeless || attempt + 1 >= reconnect.attempts) {
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
    this.phase?.end();
    this.phase = null;
    this.emit('closed', error);
  }

  private failAll(error: InitiatorError): void {
    const { phase } = this;
    for (const task of phase?.outstanding() ?? []) {
      phase!.forget(task);
      this.fail(task, error);
    }
    while (this.queue.length > 0) this.fail(this.queue.shift(), error);
  }

  private fail(task: ScsiTask, error: InitiatorError): void {
    task.error = error;
    finishTask(task);
  }

  private takeAsync(message: AsyncMessage, data: Buffer): void {
    const { phase } = this;
    switch (message.event) {
      case AsyncEvent.logoutRequested:
        phase?.logout(() => phase.drop(new ConnectionLostError('the target asked for logout')));
        return;
      case AsyncEvent.connectionDropped:
      case AsyncEvent.sessionDropped:
        phase?.drop(new ConnectionLostError('the target announced that it drops the connection'));
        return;
      case AsyncEvent.negotiationRequested:
        // What is offered is what was offered before (RFC 7143 11.9.1).
        phase?.text([['MaxRecvDataSegmentLength', String(this.options.maxRecvDataSegmentLength)]], () => {});
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
      this.checkAlive(now);
      this.watch();
    }, WATCH_INTERVAL_MS);
  }

  private checkDeadlines(now: number): void {
    for (const task of this.queue.removeOverdue(now)) {
      this.fail(task, new TimeoutError(`not sent in time: the session is ${this.state}`));
    }
    const { phase } = this;
    if (!phase) return;
    for (const task of phase.outstanding()) {
      if (task.deadline > now) continue;
      if (task.state === 'aborting') {
        phase.drop(new TimeoutError('the target does not answer ABORT TASK'));
        return;
      }
      this.abort(phase, task, now);
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

  private checkAlive(now: number): void {
    const { phase } = this;
    const { pingIntervalMs } = this.options;
    if (!phase || pingIntervalMs === 0) return;
    if (phase.heard !== this.heardAtWatch) {
      this.heardAtWatch = phase.heard;
      this.heardAt = now;
      this.pinging = false;
    } else if (now - this.heardAt > 2 * pingIntervalMs) {
      phase.drop(new TimeoutError(`the target has been silent for ${Math.round(now - this.heardAt)} ms`));
    } else if (now - this.heardAt > pingIntervalMs && !this.pinging) {
      this.pinging = true;
      phase.ping(() => {});
    }
  }

  /** For messages: portal and target. */
  get name(): string {
    return `${formatPortal(this.portal)}${this.target === null ? '' : `/${this.target}`}`;
  }
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

function decodeFunctionResponse(value: Buffer | number): keyof typeof TaskFunctionResponse {
  const found = Object.entries(TaskFunctionResponse).find(([, code]) => code === value);
  return (found?.[0] ?? 'rejected') as keyof typeof TaskFunctionResponse;
}

/** A SendTargets answer lists every target and address: far more pairs than a login has. */
const MAX_ANSWER_PAIRS = 1 << 20;

function decodeAnswer(value: Buffer | number): TextPair[] {
  return decodeText(value as Buffer, { pairs: MAX_ANSWER_PAIRS });
}

/** Random format (RFC 7143 11.12.5): type 10b, three random bytes, qualifier. */
function randomIsid(environment: Environment): Buffer {
  const isid = environment.randomBytes(6);
  isid[0] = 0x80;
  return isid;
}
