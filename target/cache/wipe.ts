/** Overwrites, slot by slot, what the cache memory holds beside valid sectors. */
import type { CacheCore } from './core.js';

/** Slots done in one turn of the event loop: 4 MiB. */
const STEP_SLOTS = 256;

export function wipeSlots({ slots, memory, clock }: CacheCore, done: () => void): void {
  memory.wipeIntent();
  const step = (from: number) => {
    const end = Math.min(slots.count, from + STEP_SLOTS);
    for (let index = from; index < end; index++) slots.wipe(index);
    if (end === slots.count) done();
    else clock.setImmediate(() => step(end));
  };
  step(0);
}
