/** Work that goes on beside the commands of hosts: in pieces, so that none waits long, and none after the end. */
import type { Clock } from '../disk/types.js';

export class Background {
  /** The array is closed: drives and shared memory must not be touched any more. */
  closed = false;
  private readonly running = new Set<Promise<void>>();

  constructor(private readonly clock: Clock) {}

  /** Runs `run` in a later turn of the event loop, unless it is closed by then. */
  soon(run: () => void): void {
    this.clock.setImmediate(() => {
      if (!this.closed) run();
    });
  }

  after(ms: number, run: () => void): { cancel(): void } {
    return this.clock.setTimeout(() => {
      if (!this.closed) run();
    }, ms);
  }

  /** Runs `piece` now, and once in every turn of the event loop as long as it returns true; then `done`. */
  inPieces(piece: () => boolean, done: () => void): void {
    if (piece()) this.soon(() => this.inPieces(piece, done));
    else done();
  }

  /** Work that `settled` waits for. It has its own handler for failures. */
  track(work: Promise<void>): void {
    this.running.add(work);
    const ended = () => void this.running.delete(work);
    work.then(ended, ended);
  }

  /** Resolves when nothing runs any more. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
  }

  close(): void {
    this.closed = true;
  }
}
