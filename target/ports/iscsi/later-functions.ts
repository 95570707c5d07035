import { compareSerial } from '../../../wire/iscsi/bhs.js';
import type { Connection } from './connection.js';

interface Waiting {
  readonly cmdSn: number;
  readonly connection: Connection;
  readonly run: () => void;
}

/**
 * Task management functions for sets of tasks that have overtaken older commands, which come by other connections: they
 * are about those too (RFC 7143 4.2.3.3, 11.5.1).
 */
export class LaterFunctions {
  #waiting: Waiting[] = [];

  get size(): number {
    return this.#waiting.length;
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
  }
}
