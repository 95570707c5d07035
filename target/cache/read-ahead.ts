/**
 * Recognizes sequential reads, by where a read would have to start to go on with an earlier one, and says how far
 * to read ahead. A place in the table is given to a start that was met twice before one that was met once.
 */
import { SLOT_SECTORS } from './types.js';

/** First and last slot to bring in. */
export interface SlotSpan {
  readonly first: number;
  readonly last: number;
}

interface Stream {
  next: number;
  length: number;
  /** Last slot asked for ahead. */
  ahead: number;
}

const CANDIDATES = 8;
const STREAMS = 8;
/** Reads in a row that make a stream. */
const SEQUENTIAL_READS = 3;
const FIRST_WINDOW_SLOTS = 16;
const WINDOW_SLOTS = 64;

export class ReadAhead {
  readonly #candidates = new Float64Array(CANDIDATES).fill(-1);
  readonly #lengths = new Int32Array(CANDIDATES);
  readonly #streams: Stream[] = [];
  /** Whether the read noted last was part of a stream. */
  inStream = false;
  #place = 0;

  /** Notes a read of [sector, end). @returns what to bring in now, if anything */
  observe(sector: number, end: number): SlotSpan | null {
    const streams = this.#streams;
    for (let at = 0; at < streams.length; at++) {
      if (streams[at]!.next !== sector) continue;
      this.inStream = true;
      return this.#advance(at, end);
    }
    this.inStream = false;
    const candidates = this.#candidates;
    for (let at = 0; at < CANDIDATES; at++) {
      if (candidates[at] !== sector) continue;
      candidates[at] = end;
      const length = this.#lengths[at]! + 1;
      this.#lengths[at] = length;
      if (length >= SEQUENTIAL_READS) {
        candidates[at] = -1;
        this.#add({ next: end, length, ahead: Math.floor((end - 1) / SLOT_SECTORS) });
      }
      return null;
    }
    candidates[this.#place] = end;
    this.#lengths[this.#place] = 1;
    this.#place = (this.#place + 1) % CANDIDATES;
    return null;
  }

  #add(stream: Stream): void {
    if (this.#streams.length >= STREAMS) this.#streams.shift();
    this.#streams.push(stream);
  }

  #advance(at: number, end: number): SlotSpan | null {
    const stream = this.#streams[at]!;
    stream.next = end;
    stream.length++;
    const slot = Math.floor((end - 1) / SLOT_SECTORS);
    const window = stream.length < 2 * SEQUENTIAL_READS ? FIRST_WINDOW_SLOTS : WINDOW_SLOTS;
    // Half a window at a time, so that jobs are long.
    if (stream.ahead - slot > window / 2) return null;
    const first = Math.max(stream.ahead, slot) + 1;
    stream.ahead = slot + window;
    return { first, last: stream.ahead };
  }
}
