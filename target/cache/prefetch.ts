/** Brings slots in ahead of reads. Takes only slots that can be had at once, and not the last ones. */
import type { CacheCore } from './core.js';
import type { StageTarget, StageWaiter } from './stager.js';
import { type CacheHints, SLOT_BYTES } from './types.js';
import type { Volume } from './volume.js';

export class Prefetch implements StageWaiter {
  pending = 0;
  #held: number[] = [];

  constructor(
    private readonly core: CacheCore,
    private readonly volume: Volume,
    private readonly priority: CacheHints['priority'],
    /** Slots brought in, whether or not the drive gave all of them. */
    private readonly done: () => void,
  ) {}

  start(first: number, last: number): void {
    const { core, volume } = this;
    const { slots } = core;
    const targets: StageTarget[] = [];
    for (let slot = first; slot <= last; slot++) {
      if (volume.unmapping(slot)) continue;
      let index = slots.find(volume.own, slot);
      if (index < 0) {
        if (slots.available <= core.commandSlots || core.waiting.length > 0) break;
        if (volume.backing.locate(slot) === null) continue;
        index = slots.take();
        slots.place(index, volume.own, slot);
        core.counters.readAheadBytes += SLOT_BYTES;
      } else if (slots.valid[index] === -1) {
        continue;
      }
      slots.hold(index);
      this.#held.push(index);
      targets.push({ index, slot, mask: -1 });
    }
    this.pending = 1;
    core.stager.begin(volume, targets, this.priority, this);
    if (--this.pending === 0) this.stageDone();
  }

  stageFailed(): void {}

  stageDone(): void {
    const held = this.#held;
    this.#held = [];
    for (const index of held) this.core.slots.unhold(index);
    this.done();
  }
}
