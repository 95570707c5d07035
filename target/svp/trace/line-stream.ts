import { Readable } from 'node:stream';

/** Of lines that a reader has not taken, in characters; what comes then is left out. */
const WAITING = 2 ** 20;

/**
 * Lines for a reader that may be slow: it never holds up who writes them. What is left out is counted, and told by a
 * line `{"lost":N}`, N since the beginning, before the next that is not.
 */
export class LineStream extends Readable {
  #batch: string[] = [];
  #waiting = 0;
  #lost = 0;
  #told = 0;
  #scheduled = false;
  #finished = false;

  /** @param ended called once, when nobody reads any more */
  constructor(private readonly ended: () => void) {
    super({ highWaterMark: WAITING });
  }

  /** Takes one line, without its end, or leaves it out. */
  offer(line: string): void {
    if (this.#finished || this.#waiting + this.readableLength > WAITING) {
      this.#lost++;
      return;
    }
    if (this.#lost > this.#told) {
      this.#told = this.#lost;
      this.#add(JSON.stringify({ lost: this.#lost }));
    }
    this.#add(line);
  }

  /** No more lines: what has been taken is still read. */
  finish(): void {
    if (this.#finished) return;
    this.#flush();
    this.#finished = true;
    this.push(null);
  }

  override _read(): void {}

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#finished = true;
    this.ended();
    callback(error);
  }

  /** Lines of one turn of the event loop leave together. */
  #add(line: string): void {
    this.#batch.push(line);
    this.#waiting += line.length + 1;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#finished) this.#flush();
    });
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    this.push(`${this.#batch.join('\n')}\n`);
    this.#batch = [];
    this.#waiting = 0;
  }
}
