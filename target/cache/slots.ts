/**
 * The slots: what each holds, who keeps it, and which of them can be had. Ordinary memory; only dirty words
 * (CacheMemory) survive.
 *
 * A slot is free, clean, dirty, or adrift: no longer the place of anything, but still read from. Two counts
 * keep it where it is: `pins`, readers that were handed its buffers (its data must not change), and `holds`,
 * jobs and commands under way (it must not be taken for something else). A clean slot without either is in the
 * LRU list and may be evicted.
 */
import type { CacheMemory } from './memory.js';
import { SlotLinks, SlotList } from './slot-list.js';

/** What the slots need to know of a volume. */
export interface SlotOwner {
  readonly id: number;
  /** Slot number → slot index. */
  readonly places: Map<number, number>;
  /** In the order in which they became dirty. */
  readonly dirty: SlotList;
}

/** Which list a slot is in. */
const Listed = { nowhere: 0, free: 1, lru: 2, dirty: 3 } as const;

export class Slots {
  readonly count: number;
  readonly links: SlotLinks;
  readonly valid: Int32Array;
  readonly pins: Int32Array;
  readonly holds: Int32Array;
  /** Sectors being read from the drive: must not be written now. */
  readonly staging: Int32Array;
  /** Sectors being written to the drive from here: must not change. */
  readonly frozen: Int32Array;
  /** Destager tick in which the slot became dirty. */
  readonly dirtySince: Int32Array;
  readonly numbers: Float64Array;
  readonly owners: (SlotOwner | null)[];
  readonly memory: CacheMemory;
  /** Slots with pins. */
  pinned = 0;
  /** Slots with dirty sectors. */
  dirtyCount = 0;
  evictions = 0;
  tick = 0;
  readonly #free: SlotList;
  readonly #lru: SlotList;
  readonly #listed: Uint8Array;
  readonly #freed: () => void;

  /** @param freed called when a slot could be had that could not be before */
  constructor(memory: CacheMemory, freed: () => void) {
    const count = memory.slots;
    this.memory = memory;
    this.count = count;
    this.links = new SlotLinks(count);
    this.#free = new SlotList(this.links);
    this.#lru = new SlotList(this.links);
    this.valid = new Int32Array(count);
    this.pins = new Int32Array(count);
    this.holds = new Int32Array(count);
    this.staging = new Int32Array(count);
    this.frozen = new Int32Array(count);
    this.dirtySince = new Int32Array(count);
    this.numbers = new Float64Array(count);
    this.owners = new Array(count).fill(null);
    this.#listed = new Uint8Array(count);
    this.#freed = freed;
    for (let index = 0; index < count; index++) {
      if (memory.dirty(index) === 0) this.#list(index, Listed.free);
    }
  }

  get free(): number {
    return this.#free.length;
  }

  /** Slots that `take` can supply now. */
  get available(): number {
    return this.#free.length + this.#lru.length;
  }

  /** A slot that is the place of nothing, unlisted; −1: none to be had. */
  take(): number {
    let index = this.#free.head;
    if (index < 0) {
      index = this.#lru.tail;
      if (index < 0) return -1;
      this.owners[index]!.places.delete(this.numbers[index]!);
      this.evictions++;
    }
    this.#unlist(index);
    this.owners[index] = null;
    this.valid[index] = 0;
    return index;
  }

  /** Makes an unlisted slot the place of slot `number` of a volume. */
  place(index: number, owner: SlotOwner, number: number): void {
    this.owners[index] = owner;
    this.numbers[index] = number;
    owner.places.set(number, index);
  }

  /** Takes up a recovered dirty slot: what is dirty is valid. */
  adopt(index: number, owner: SlotOwner, number: number): void {
    this.place(index, owner, number);
    this.valid[index] = this.memory.dirty(index);
    this.becameDirty(index);
  }

  hold(index: number): void {
    this.holds[index] = this.holds[index]! + 1;
    if (this.#listed[index] === Listed.lru) this.#unlist(index);
  }

  unhold(index: number): void {
    this.holds[index] = this.holds[index]! - 1;
    this.settle(index);
  }

  pin(index: number): void {
    const pins = this.pins[index]!;
    this.pins[index] = pins + 1;
    if (pins !== 0) return;
    this.pinned++;
    if (this.#listed[index] === Listed.lru) this.#unlist(index);
  }

  unpin(index: number): void {
    const pins = this.pins[index]! - 1;
    this.pins[index] = pins;
    if (pins !== 0) return;
    this.pinned--;
    this.settle(index);
  }

  /** Puts a slot that nothing keeps where it belongs: LRU if clean, free if it holds nothing. */
  settle(index: number): void {
    if (this.#listed[index] !== Listed.nowhere || this.pins[index] !== 0 || this.holds[index] !== 0) return;
    const owner = this.owners[index]!;
    if (owner !== null && this.valid[index] !== 0) {
      this.#list(index, Listed.lru);
    } else {
      if (owner !== null) owner.places.delete(this.numbers[index]!);
      this.owners[index] = null;
      this.#list(index, Listed.free);
    }
    this.#freed();
  }

  unpinAll(indices: readonly number[]): void {
    for (const index of indices) this.unpin(index);
  }

  /** Used just now. */
  touch(index: number): void {
    if (this.#listed[index] !== Listed.lru) return;
    this.#lru.remove(index);
    this.#lru.pushHead(index);
  }

  evictable(index: number): boolean {
    return this.#listed[index] === Listed.lru;
  }

  /** Next in line for eviction, if it is clean and kept by nobody (DPO). */
  demote(index: number): void {
    if (this.#listed[index] !== Listed.lru) return;
    this.#lru.remove(index);
    this.#lru.pushTail(index);
  }

  /** After the first dirty sector was committed. */
  becameDirty(index: number): void {
    if (this.#listed[index] === Listed.lru) this.#unlist(index);
    this.dirtySince[index] = this.tick;
    this.#listed[index] = Listed.dirty;
    this.owners[index]!.dirty.pushTail(index);
    this.dirtyCount++;
  }

  /** After the last dirty sector was cleared. */
  becameClean(index: number): void {
    this.owners[index]!.dirty.remove(index);
    this.#listed[index] = Listed.nowhere;
    this.dirtyCount--;
    this.settle(index);
    // Writers may wait for that, even if readers keep the slot.
    this.#freed();
  }

  isDirty(index: number): boolean {
    return this.#listed[index] === Listed.dirty;
  }

  /** Makes a fresh slot, committed dirty, the place of what was in `old`, which is adrift then. */
  replace(old: number, fresh: number, valid: number): void {
    const owner = this.owners[old]!;
    const wasDirty = this.#listed[old] === Listed.dirty;
    if (wasDirty) {
      owner.dirty.remove(old);
      this.#listed[old] = Listed.nowhere;
      this.dirtyCount--;
    }
    this.place(fresh, owner, this.numbers[old]!);
    this.valid[fresh] = valid;
    this.becameDirty(fresh);
    if (wasDirty) this.dirtySince[fresh] = this.dirtySince[old]!;
    this.setAdrift(old);
  }

  /** Makes a clean slot the place of nothing; it becomes free when nobody keeps it any more. */
  setAdrift(index: number): void {
    const owner = this.owners[index]!;
    if (owner.places.get(this.numbers[index]!) === index) owner.places.delete(this.numbers[index]!);
    if (this.#listed[index] === Listed.lru) this.#unlist(index);
    this.owners[index] = null;
    this.valid[index] = 0;
    this.settle(index);
  }

  /** A recovered slot whose volume is gone. */
  drop(index: number): void {
    this.memory.clearDirty(index, -1);
    this.settle(index);
  }

  /**
   * The sectors of a slot, as a view. Made anew each time: a million kept ones would cost more, at each collection of
   * old objects, than the making of those that are needed.
   */
  view(index: number, first: number, count: number): Buffer {
    return this.memory.view(index, first, count);
  }

  #list(index: number, where: 1 | 2): void {
    this.#listed[index] = where;
    if (where === Listed.free) this.#free.pushHead(index);
    else this.#lru.pushHead(index);
  }

  #unlist(index: number): void {
    if (this.#listed[index] === Listed.free) this.#free.remove(index);
    else this.#lru.remove(index);
    this.#listed[index] = Listed.nowhere;
  }
}
