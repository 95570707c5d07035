import { ALIAS_BYTES_AT_ONCE, HELD_BYTES_AT_ONCE, PIECES_AT_ONCE } from './copy-limits.js';
import { Turns } from './turns.js';

/** Bytes that may be held at a time. */
export class Budget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** False: that is more than is left. A negative number gives back. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
}

/** What the copy managers of all logical units of an array share. */
export class SharedMeans {
  readonly turns = new Turns(PIECES_AT_ONCE);
  readonly held = new Budget(HELD_BYTES_AT_ONCE);
  readonly aliases = new Budget(ALIAS_BYTES_AT_ONCE);
}
