/**
 * Answers that must not arrive before what was sent before them on other connections of the session (Response Fence,
 * RFC 7143 4.2.2.3): they wait until those have acknowledged it. The wait has an end.
 */
import { compareSerial } from '../../../wire/iscsi/bhs.js';
import type { Clock } from '../../disk/types.js';
import type { Connection } from './connection.js';

/** How often hosts are asked what has arrived; some of it may have to be sent again first. */
const ASKED = 10;

interface Fence {
  /** By connection, the ExpStatSN that says that all has arrived. */
  readonly waiting: Map<Connection, number>;
  readonly ask: (connection: Connection) => void;
  readonly send: () => void;
  asked: number;
  timer: { cancel(): void } | null;
}

export class ResponseFences {
  readonly #fences = new Set<Fence>();

  /** @param limitMs after which an answer is sent all the same */
  constructor(
    private readonly clock: Clock,
    private readonly limitMs: number,
  ) {}

  get size(): number {
    return this.#fences.size;
  }

  /**
   * Calls `send` when all that was sent on `connections` is acknowledged.
   * @param ask has a connection's host say what has arrived
   */
  add(connections: readonly Connection[], ask: (connection: Connection) => void, send: () => void): void {
    if (connections.length === 0) {
      send();
      return;
    }
    const waiting = new Map(connections.map((each) => [each, each.statSn]));
    const fence: Fence = { waiting, ask, send, asked: 0, timer: null };
    this.#fences.add(fence);
    this.#ask(fence);
  }

  /** Everything before `expStatSn` has arrived on a connection. */
  acknowledged(connection: Connection, expStatSn: number): void {
    for (const fence of [...this.#fences]) {
      const due = fence.waiting.get(connection);
      if (due === undefined || compareSerial(expStatSn, due) < 0) continue;
      fence.waiting.delete(connection);
      if (fence.waiting.size === 0) this.#lift(fence);
    }
  }

  /** A connection is gone: nothing more arrives on it. */
  gone(connection: Connection): void {
    for (const fence of this.#fences) {
      if (!fence.waiting.delete(connection) || fence.waiting.size > 0) continue;
      // What is sent may end the session, in whose midst this is.
      this.clock.setImmediate(() => this.#lift(fence));
    }
  }

  /** Nobody waits for the answers any more. */
  close(): void {
    for (const { timer } of this.#fences) timer?.cancel();
    this.#fences.clear();
  }

  #ask(fence: Fence): void {
    if (fence.asked++ === ASKED) {
      this.#late(fence);
      return;
    }
    fence.timer = this.clock.setTimeout(() => this.#ask(fence), this.limitMs / ASKED);
    for (const connection of fence.waiting.keys()) fence.ask(connection);
  }

  #late(fence: Fence): void {
    for (const { log, name } of fence.waiting.keys())
      log.warn('response fence', `${name}: does not acknowledge what was sent, an answer waits no longer`);
    this.#lift(fence);
  }

  #lift(fence: Fence): void {
    if (!this.#fences.delete(fence)) return;
    fence.timer?.cancel();
    fence.send();
  }
}
