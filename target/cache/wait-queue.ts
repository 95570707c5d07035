/**
 * Commands that wait for slots, in order of arrival. A command that waits keeps nothing,
 * so waiting commands cannot block each other.
 */
import type { Clock } from '../disk/types.js';

/** `slots`: not enough to be had. `ran`: does not wait any more, not for slots at least. */
export type Attempt = 'ran' | 'slots';

export interface WaitingCommand {
  /** Order of arrival, given by the queue. */
  ticket: number;
  /** @param queued it is the first in line; newcomers stand in line behind those that wait */
  attempt(queued: boolean): Attempt;
}

export class WaitQueue {
  readonly #clock: Clock;
  readonly #reads: WaitingCommand[] = [];
  readonly #writes: WaitingCommand[] = [];
  #tickets = 0;
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#reads.length + this.#writes.length;
  }

  /** Whether a newcomer that needs slots must stand in line. */
  readsWait(): boolean {
    return this.#reads.length > 0;
  }

  writesWait(): boolean {
    return this.#writes.length > 0;
  }

  addRead(command: WaitingCommand): void {
    this.#add(this.#reads, command);
  }

  addWrite(command: WaitingCommand): void {
    this.#add(this.#writes, command);
  }

  /** Something may have become possible. Commands are tried soon, not now: the caller is in the middle of one. */
  readonly wake = (): void => {
    if (this.#scheduled || this.length === 0) return;
    this.#scheduled = true;
    this.#clock.setImmediate(this.#pump);
  };

  readonly #pump = (): void => {
    this.#scheduled = false;
    for (;;) {
      const queue = this.#older();
      const command = queue?.[0];
      if (queue === null || command === undefined || command.attempt(true) !== 'ran') return;
      queue.shift();
    }
  };

  #older(): WaitingCommand[] | null {
    const read = this.#reads[0];
    const write = this.#writes[0];
    if (read === undefined) return write === undefined ? null : this.#writes;
    return write === undefined || read.ticket < write.ticket ? this.#reads : this.#writes;
  }

  #add(queue: WaitingCommand[], command: WaitingCommand): void {
    command.ticket = ++this.#tickets;
    queue.push(command);
  }
}
