/**
 * Memory for input. Small input is received into a chunk, of which PDUs are slices; when none of them is needed any
 * more, which with transfers that the cache answers is so as soon as they have been worked off, the chunk is used
 * again. A chunk of which something is still needed is left to the garbage collector. Large data segments have
 * buffers of their own, which go round.
 */
import type { SegmentMemory } from '../../../wire/iscsi/pdu-parser.js';

const CHUNK_BYTES = 65536;
/** With less than this left in a chunk the next read goes to another. */
const ROOM_BYTES = 8192;

let stamps = 0;

/** The chunk of one connection. */
export class InputChunk {
  /** Of this use of this chunk: what came under another stamp is not in it. */
  stamp = ++stamps;
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #at = 0;
  /** PDUs that lie in the chunk and may still be needed. */
  #needed = 0;

  /** Where the next bytes are to be put. */
  next(): Buffer {
    if (CHUNK_BYTES - this.#at < ROOM_BYTES) this.#replace();
    return this.#at === 0 ? this.#chunk : this.#chunk.subarray(this.#at);
  }

  /** So many bytes of what `next` answered have been used. */
  filled(bytes: number): void {
    this.#at += bytes;
  }

  /** A PDU has come that lies in the chunk. */
  add(): void {
    this.#needed++;
  }

  /** A PDU is not needed any more; `stamp` is that of its arrival. */
  done(stamp: number): void {
    if (stamp === this.stamp) this.#needed--;
  }

  /** Input has been worked off, and no PDU has begun that is not complete. */
  settle(): void {
    if (this.#needed === 0) this.#begin();
  }

  #replace(): void {
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#begin();
  }

  #begin(): void {
    this.#at = 0;
    this.#needed = 0;
    this.stamp = ++stamps;
  }
}

/** Shorter segments are slices of the chunk. */
const SEGMENT_FROM_BYTES = 16384;
/** What is kept for use again. */
const KEPT_BYTES = 16 << 20;

/** Buffers for large data segments, of all connections of a port. */
export class SegmentPool implements SegmentMemory {
  readonly fromBytes = SEGMENT_FROM_BYTES;
  /** By length, a power of two. */
  readonly #free = new Map<number, Buffer[]>();
  #kept = 0;

  take(bytes: number): Buffer {
    const length = capacityFor(bytes);
    const buffer = this.#free.get(length)?.pop();
    if (buffer !== undefined) this.#kept -= length;
    const whole = buffer ?? Buffer.allocUnsafeSlow(length);
    return length === bytes ? whole : whole.subarray(0, bytes);
  }

  /** Takes one back that nobody looks at any more. One that is not given back is left to the garbage collector. */
  give(segment: Buffer): void {
    const length = segment.buffer.byteLength;
    if (this.#kept + length > KEPT_BYTES) return;
    this.#kept += length;
    const whole = segment.length === length ? segment : Buffer.from(segment.buffer);
    const list = this.#free.get(length);
    if (list === undefined) this.#free.set(length, [whole]);
    else list.push(whole);
  }
}

function capacityFor(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes));
}
