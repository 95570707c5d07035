/**
 * Commands that wait for slots or for the destager, in order of arrival. A command that waits keeps nothing,
 * so waiting commands cannot block each other.
 */
import type { Clock } from '../disk/types.js';

/** `slots`: not enough to be had. `throttled`: too much dirty data. `ran`: does not wait any more. */
export type Attempt = 'ran' | 'slots' | 'throttled';

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
    let writesThrottled = false;
    for (;;) {
      const queue = this.#older(writesThrottled);
      const command = queue?.[0];
      if (queue === null || command === undefined) return;
      const result = command.attempt(true);
      if (result === 'ran') queue.shift();
      // A throttled write lets reads pass; one that waits for slots does not, or small reads would starve it.
      else if (result === 'throttled') writesThrottled = true;
      else return;
    }
  };

  #older(writesThrottled: boolean): WaitingCommand[] | null {
    const read = this.#reads[0];
    const write = writesThrottled ? undefined : this.#writes[0];
    if (read === undefined) return write === undefined ? null : this.#writes;
    return write === undefined || read.ticket < write.ticket ? this.#reads : this.#writes;
  }

  #add(queue: WaitingCommand[], command: WaitingCommand): void {
    command.ticket = ++this.#tickets;
    queue.push(command);
  }
}
