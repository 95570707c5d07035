/** Writes. */
import type { Done, IoFailure } from '../volumes/block-layer.js';
import type { CacheCore } from './core.js';
import { coverOf, lowestSector, runLength } from './sectors.js';
import { placeOf, writableInPlace, writeAtomically, writeInPlace, writeToFresh } from './slot-write.js';
import type { StageWaiter } from './stager.js';
import { type CacheHints, SECTOR_BYTES, SLOT_SECTORS } from './types.js';
import type { Volume } from './volume.js';
import type { Attempt, WaitingCommand } from './wait-queue.js';
import type { PacedWrite } from './write-line.js';

const NONE: readonly number[] = [];

export class WriteCommand implements StageWaiter, WaitingCommand, PacedWrite {
  ticket = 0;
  pending = 0;
  readonly #end: number;
  /** It has had its turn, see `Throttle`. */
  #admitted = false;

  constructor(
    private readonly core: CacheCore,
    readonly volume: Volume,
    /** With `atomic` the range fits an intent. */
    private readonly hints: CacheHints,
    private readonly sector: number,
    sectors: number,
    private readonly data: readonly Buffer[],
    /** Bytes of `data` that belong to sectors before `sector`. */
    private readonly skip: number,
    private readonly done: Done,
  ) {
    this.#end = sector + sectors;
  }

  start(): void {
    if (this.attempt(false) === 'ran') return;
    this.core.counters.slotWaits++;
    this.core.waiting.addWrite(this);
  }

  admitted(): void {
    this.#admitted = true;
    this.start();
  }

  refused(failure: IoFailure): void {
    this.done(failure);
  }

  attempt(queued: boolean): Attempt {
    const { core, volume } = this;
    const { slots, memory } = core;
    if (!volume.usable) return this.#finish(volume.gone());
    if (volume.waitForUnmap(this.sector, this.#end, () => this.start())) return 'ran';
    let needed = 0;
    let newlyDirty = 0;
    let firstClean = -1;
    let hits = 0;
    const firstSlot = Math.floor(this.sector / SLOT_SECTORS);
    const last = Math.floor((this.#end - 1) / SLOT_SECTORS);
    for (let slot = firstSlot; slot <= last; slot++) {
      const index = slots.find(volume.own, slot);
      if (index < 0) {
        needed++;
        if (newlyDirty++ === 0) firstClean = slot;
        continue;
      }
      hits++;
      const mask = coverOf(slot, this.sector, this.#end);
      const fresh = slots.pins[index] !== 0 || (slots.frozen[index]! & mask) !== 0;
      if (slots.staging[index] !== 0 && (fresh || (slots.staging[index]! & mask) !== 0)) {
        this.hints.waits?.begin('drives');
        core.stager.wait(index, this);
        return 'ran';
      }
      if (fresh) needed++;
      if (memory.dirty(index) === 0 && newlyDirty++ === 0) firstClean = slot;
    }
    for (let slot = firstSlot; slot <= last; slot++) {
      const index = slots.find(volume.own, slot);
      if (index >= 0 && memory.dirty(index) !== 0) continue;
      const failure = volume.backing.assign(slot);
      if (failure !== null) return this.#finish(failure);
    }
    if (newlyDirty > 0 && !this.#mayDirty(firstClean, newlyDirty)) return 'ran';
    if (needed + newlyDirty > 0 && !queued && core.waiting.writesWait()) return 'slots';
    if (needed > 0 && !volume.room(firstSlot, last, needed)) return 'slots';
    core.counters.writeHits += hits > last - firstSlot ? 1 : 0;
    this.#store(firstSlot, last);
    return this.#finish(null);
  }

  /** @returns false: not now; `admitted` or `refused` is called */
  #mayDirty(slot: number, slots: number): boolean {
    const { throttle, flows, dirtyLimit, slots: all } = this.core;
    const dirty = all.dirtyCount + slots;
    if (dirty <= throttle.from || (this.#admitted && dirty <= dirtyLimit)) return true;
    return throttle.admit(this, flows.of(this.volume.backing.locate(slot)!.group), slots);
  }

  #store(firstSlot: number, last: number): void {
    const { core, volume } = this;
    const { slots, cursor } = core;
    // Slots of this range leave the LRU list first, lest one of them be taken for another.
    const kept = last > firstSlot ? volume.residents(firstSlot, last) : NONE;
    for (const index of kept) slots.hold(index);
    cursor.reset(this.data, this.skip);
    if (this.hints.atomic === true && last > firstSlot) writeAtomically(core, volume, this.sector, this.#end, cursor);
    else this.#storeEach(firstSlot, last);
    cursor.clear();
    for (const index of kept) slots.unhold(index);
  }

  #storeEach(firstSlot: number, last: number): void {
    const { core, volume, hints } = this;
    const { cursor, slots } = core;
    for (let slot = firstSlot; slot <= last; slot++) {
      const mask = coverOf(slot, this.sector, this.#end);
      const first = lowestSector(mask);
      const bytes = runLength(mask, first) * SECTOR_BYTES;
      const resident = slots.find(volume.own, slot);
      const index = placeOf(core, volume, slot);
      if (resident < 0 && hints.dpo) slots.demote(index);
      else if (volume.rewrites(slot) && resident >= 0 && !hints.dpo) slots.touch(index);
      if (writableInPlace(core, index, mask)) writeInPlace(core, volume, slot, index, first, mask, bytes, cursor);
      else writeToFresh(core, volume, slot, index, first, mask, bytes, cursor);
    }
  }

  #finish(failure: IoFailure | null): 'ran' {
    this.done(failure);
    return 'ran';
  }

  /** Writes wait for a stage, whatever becomes of it. */
  stageFailed(): void {}

  stageDone(): void {
    this.hints.waits?.end('drives');
    this.start();
  }
}

/**
 * A write of more slots than one command may take: part after part.
 * @param data all of it
 */
export function writeInParts(
  core: CacheCore,
  volume: Volume,
  hints: CacheHints,
  sector: number,
  sectors: number,
  data: readonly Buffer[],
  done: Done,
): void {
  const end = sector + sectors;
  const step = core.commandSlots * SLOT_SECTORS;
  const part = (from: number) => {
    const to = Math.min(end, Math.floor(from / SLOT_SECTORS) * SLOT_SECTORS + step);
    const skip = (from - sector) * SECTOR_BYTES;
    const command = new WriteCommand(core, volume, hints, from, to - from, data, skip, (failure) => {
      if (failure !== null || to >= end) done(failure);
      // Not in this call: parts that are taken at once would nest without limit.
      else core.clock.setImmediate(() => part(to));
    });
    command.start();
  };
  part(sector);
}
