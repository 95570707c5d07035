import { compareSerial } from '../../../wire/iscsi/bhs.js';
import type { Clock } from '../../disk/types.js';
import type { Connection } from './connection.js';

interface Waiting {
  readonly cmdSn: number;
  readonly connection: Connection;
  readonly run: () => void;
}

/**
 * Task management functions that wait: those for sets of tasks that have overtaken older commands, which come by other
 * connections and which they are about too (RFC 7143 4.2.3.3, 11.5.1), and those that fault rules delay.
 */
export class LaterFunctions {
  #waiting: Waiting[] = [];
  readonly #delayed = new Map<{ cancel(): void }, Connection>();

  get size(): number {
    return this.#waiting.length + this.#delayed.size;
  }

  /** `run` is called after a time; at once if that is 0. */
  delay(clock: Clock, ms: number, connection: Connection, run: () => void): void {
    if (ms === 0) {
      run();
      return;
    }
    const timer = clock.setTimeout(() => {
      this.#delayed.delete(timer);
      connection.carryOut(run);
    }, ms);
    this.#delayed.set(timer, connection);
  }

  /** `run` is called when all commands before `cmdSn` have come. */
  add(cmdSn: number, connection: Connection, run: () => void): void {
    this.#waiting.push({ cmdSn, connection, run });
  }

  /** Commands up to this one, not included, have come. */
  reached(expCmdSn: number): void {
    const due = this.#waiting.filter(({ cmdSn }) => compareSerial(cmdSn, expCmdSn) <= 0);
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    for (const { run } of due) run();
  }

  /** Nobody waits for the answers any more. */
  forget(connection: Connection): void {
    this.#waiting = this.#waiting.filter((one) => one.connection !== connection);
    for (const [timer, each] of this.#delayed) if (each === connection) this.#cancel(timer);
  }

  close(): void {
    this.#waiting = [];
    for (const timer of this.#delayed.keys()) this.#cancel(timer);
  }

  #cancel(timer: { cancel(): void }): void {
    timer.cancel();
    this.#delayed.delete(timer);
  }
}
