/** Writes to slots: one by one, or several with one commit. */
import type { CacheCore } from './core.js';
import { coverOf, type DataCursor, lowestSector, runLength } from './sectors.js';
import { SECTOR_BYTES, SLOT_SECTORS } from './types.js';
import type { Volume } from './volume.js';

/** Whether a resident slot's sectors may be written where they are, now. */
export function writableInPlace(core: CacheCore, index: number, mask: number): boolean {
  const { slots } = core;
  return slots.pins[index] === 0 && ((slots.frozen[index]! | slots.staging[index]!) & mask) === 0;
}

/** Writes `count` sectors from `first` on into a slot that is the place of slot `slot`, `writableInPlace`. */
export function writeInPlace(
  core: CacheCore,
  volume: Volume,
  slot: number,
  index: number,
  first: number,
  mask: number,
  bytes: number,
  data: DataCursor,
): void {
  const { memory } = core;
  const dirty = memory.dirty(index);
  if ((dirty & mask) !== 0) {
    core.counters.overwrites++;
    memory.overwrite(index, mask, bytes, data);
  } else {
    memory.fill(index, first, bytes, data);
    if (dirty === 0) memory.describe(index, volume.id, slot);
    memory.addDirty(index, mask);
  }
  written(core, volume, slot, index, mask, dirty);
}

/** After the commit of a write in place to a slot whose dirty map was `dirty`. */
function written(core: CacheCore, volume: Volume, slot: number, index: number, mask: number, dirty: number): void {
  core.slots.valid[index]! |= mask;
  if (dirty === 0) core.destager.becameDirty(index, volume, slot);
  else core.destager.rewritten(index, mask);
}

/**
 * Writes to a fresh slot and makes it the place: the old one is being sent to a host or written to the drive and
 * must not change. After the commit of the new record both are dirty for the same place and the higher sequence
 * counts; the old one's dirty word is cleared after that, so that a kill between loses nothing.
 */
export function writeToFresh(
  core: CacheCore,
  volume: Volume,
  slot: number,
  old: number,
  first: number,
  mask: number,
  bytes: number,
  data: DataCursor,
): void {
  const { memory } = core;
  const dirty = memory.dirty(old);
  const fresh = copyToFresh(core, volume, slot, old, first, mask, bytes, data);
  memory.addDirty(fresh, dirty | mask);
  moveTo(core, volume, slot, old, fresh, mask, dirty);
}

/** Fills a fresh slot with what the old one holds and the new data. @returns its index */
function copyToFresh(
  core: CacheCore,
  volume: Volume,
  slot: number,
  old: number,
  first: number,
  mask: number,
  bytes: number,
  data: DataCursor,
): number {
  const { memory, slots } = core;
  const fresh = slots.take();
  core.counters.freshSlots++;
  memory.carry(old, fresh, slots.valid[old]! & ~mask);
  memory.fill(fresh, first, bytes, data);
  memory.describe(fresh, volume.id, slot);
  return fresh;
}

/** After the commit of a fresh slot: it takes the place of the old one, whose dirty map was `dirty`. */
function moveTo(
  core: CacheCore,
  volume: Volume,
  slot: number,
  old: number,
  fresh: number,
  mask: number,
  dirty: number,
): void {
  const { memory, slots, destager } = core;
  if (dirty !== 0) memory.clearDirty(old, -1);
  slots.replace(old, fresh, slots.valid[old]! | mask, core.flowOf(volume, slot));
  destager.moved(old, fresh, mask);
}

/** A slot of an atomic write, between its preparation and the commit. */
interface Prepared {
  readonly slot: number;
  /** The slot that is the place until the commit; the same as `index` for a write in place. */
  readonly old: number;
  readonly index: number;
  readonly mask: number;
  /** Dirty map of `old` before. */
  readonly dirty: number;
}

/**
 * Writes sectors [sector, end) of several slots with one commit. Until then no dirty word says anything new: data
 * goes to sectors that are not dirty, to fresh slots, and for sectors that are dirty to the intent area.
 */
export function writeAtomically(core: CacheCore, volume: Volume, sector: number, end: number, data: DataCursor): void {
  const { memory } = core;
  const prepared: Prepared[] = [];
  for (let slot = Math.floor(sector / SLOT_SECTORS); slot * SLOT_SECTORS < end; slot++) {
    prepared.push(prepare(core, volume, slot, coverOf(slot, sector, end), data));
  }
  memory.commitIntent();
  for (const { slot, old, index, mask, dirty } of prepared) {
    if (index === old) written(core, volume, slot, index, mask, dirty);
    else moveTo(core, volume, slot, old, index, mask, dirty);
  }
}

function prepare(core: CacheCore, volume: Volume, slot: number, mask: number, data: DataCursor): Prepared {
  const { memory, counters } = core;
  const first = lowestSector(mask);
  const bytes = runLength(mask, first) * SECTOR_BYTES;
  const old = placeOf(core, volume, slot);
  const dirty = memory.dirty(old);
  if (!writableInPlace(core, old, mask)) {
    const index = copyToFresh(core, volume, slot, old, first, mask, bytes, data);
    memory.intendDirty(index, dirty | mask);
    return { slot, old, index, mask, dirty };
  }
  if ((dirty & mask) !== 0) {
    counters.overwrites++;
    memory.intend(old, mask, bytes, data);
  } else {
    memory.fill(old, first, bytes, data);
    if (dirty === 0) memory.describe(old, volume.id, slot);
    memory.intendDirty(old, mask);
  }
  return { slot, old, index: old, mask, dirty };
}

/** The slot that is the place of slot `slot` of the volume, a new one if there is none; there is room for it. */
export function placeOf(core: CacheCore, volume: Volume, slot: number): number {
  const resident = core.slots.find(volume.own, slot);
  if (resident >= 0) return resident;
  const index = core.slots.take();
  core.slots.place(index, volume.own, slot);
  return index;
}
