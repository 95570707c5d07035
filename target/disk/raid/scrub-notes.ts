import type { PersistentMemory } from '../types.js';

/** In the header page of the group's memory (stripe-map.ts). */
const FROM_AT = 80;
const NEXT_AT = 88;
const PASSES_AT = 96;

/** How far the scrub of a group is, kept over starts. Nothing depends on it: it is not synced. */
export class ScrubNotes {
  constructor(private readonly memory: PersistentMemory) {}

  /** What the next pass is due from: the end of the last one, or when the group was first opened; 0: not noted yet. */
  get from(): number {
    return this.memory.buffer.readDoubleLE(FROM_AT);
  }

  set from(wall: number) {
    this.memory.buffer.writeDoubleLE(wall, FROM_AT);
    this.#commit();
  }

  /** First stripe that a pass under way has not looked at; 0: none is, or it has only begun. */
  get next(): number {
    return this.memory.buffer.readDoubleLE(NEXT_AT);
  }

  set next(stripe: number) {
    this.memory.buffer.writeDoubleLE(stripe, NEXT_AT);
    this.#commit();
  }

  get passes(): number {
    return this.memory.buffer.readUInt32LE(PASSES_AT);
  }

  set passes(count: number) {
    this.memory.buffer.writeUInt32LE(count, PASSES_AT);
    this.#commit();
  }

  #commit(): void {
    this.memory.commit(FROM_AT, PASSES_AT + 4 - FROM_AT);
  }
}
