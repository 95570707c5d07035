/** Cache memory in parts. */
import type { PartedMemory, PersistentMemory } from '../disk/types.js';
import { partLengths, slotsIn } from './layout.js';

/**
 * A memory of one buffer as parts; one too small for a slot has none.
 * @param partSlots slots in a part, a power of two
 */
export function inParts(memory: PersistentMemory, partSlots?: number): PartedMemory {
  const slots = slotsIn(memory.buffer.length);
  const lengths = slots < 1 ? [] : partLengths(slots, partSlots);
  const starts: number[] = [];
  let end = 0;
  const parts = lengths.map((length) => {
    starts.push(end);
    end += length;
    return memory.buffer.subarray(end - length, end);
  });
  return {
    parts,
    commit: (part, offset, bytes) => memory.commit(starts[part]! + offset, bytes),
    sync: (done) => memory.sync(done),
    close: () => memory.close(),
  };
}
