/**
 * The slots: what each holds, who keeps it, and which of them can be had. Ordinary memory; only dirty words
 * (CacheMemory) survive. Everything there is for each slot stands in typed arrays.
 *
 * A slot is free, clean, dirty, or adrift: no longer the place of anything, but still read from. Two counts
 * keep it where it is: `pins`, readers that were handed its buffers (its data must not change), and `holds`,
 * jobs and commands under way (it must not be taken for something else). A clean slot without either may be evicted.
 */
import type { CacheMemory } from './memory.js';
import { Replacement } from './replacement.js';
import { SlotLinks, SlotList } from './slot-list.js';
import type { SlotTable } from './slot-table.js';

/** A volume as the slots know it. */
export class SlotOwner {
  /** Slots that are the place of something of it. */
  resident = 0;
  /** In the order in which they became dirty. */
  readonly dirty: SlotList;

  constructor(
    readonly id: number,
    /** Small number that stands for it in typed arrays; another one's after `disown`. */
    readonly handle: number,
    links: SlotLinks,
  ) {
    this.dirty = new SlotList(links);
  }
}

/** Which list a slot is in; `queued`: one of the replacement's. */
const Listed = { nowhere: 0, free: 1, queued: 2, dirty: 3 } as const;

const NOBODY = -1;

export class Slots {
  readonly count: number;
  readonly valid: Int32Array;
  readonly pins: Int32Array;
  readonly holds: Int32Array;
  /** Sectors being read from the drive: must not be written now. */
  readonly staging: Int32Array;
  /** Sectors being written to the drive from here: must not change. */
  readonly frozen: Int32Array;
  /** Destager tick in which the slot became dirty. */
  readonly dirtySince: Int32Array;
  /** Of a dirty slot: handle of the group it goes to (`GroupFlow`); 0: not known. */
  readonly flows: Uint16Array;
  /** Dirty slots by that handle. */
  readonly dirtyOf: number[] = [0];
  readonly numbers: Float64Array;
  readonly memory: CacheMemory;
  /** Volumes with dirty slots found at the start. */
  readonly recovered: readonly SlotOwner[];
  /** Slots with pins. */
  pinned = 0;
  /** Slots with dirty sectors. */
  dirtyCount = 0;
  evictions = 0;
  tick = 0;
  readonly #links: SlotLinks;
  readonly #table: SlotTable;
  /** Owner handle of each slot. */
  readonly #handles: Int32Array;
  /** By handle; null: not in use. */
  readonly #owners: (SlotOwner | null)[];
  readonly #free: SlotList;
  readonly #replacement: Replacement;
  /** Queued slots that nobody keeps. */
  #evictable = 0;
  readonly #listed: Uint8Array;
  /** Slots that `wipe` could not do at once. */
  readonly #unwiped: Uint8Array;
  readonly #freed: () => void;

  /** @param freed called when a slot could be had that could not be before */
  constructor(memory: CacheMemory, freed: () => void) {
    const count = memory.slots;
    this.memory = memory;
    this.count = count;
    this.#links = new SlotLinks(count);
    this.#free = new SlotList(this.#links);
    this.valid = new Int32Array(count);
    this.pins = new Int32Array(count);
    this.holds = new Int32Array(count);
    this.staging = new Int32Array(count);
    this.frozen = new Int32Array(count);
    this.dirtySince = new Int32Array(count);
    this.flows = new Uint16Array(count);
    this.numbers = new Float64Array(count);
    this.#handles = new Int32Array(count).fill(NOBODY);
    this.#listed = new Uint8Array(count);
    this.#unwiped = new Uint8Array(count);
    this.#replacement = new Replacement(count, this.#links, (index) => this.#kept(index));
    this.#freed = freed;
    this.#table = memory.recovered.table;
    this.recovered = memory.recovered.volumes.map((id, handle) => new SlotOwner(id, handle, this.#links));
    this.#owners = [...this.recovered];
    const handles = new Map(this.recovered.map(({ id, handle }) => [id, handle]));
    for (let index = 0; index < count; index++) {
      if (memory.dirty(index) === 0) this.#putFreeLast(index);
      else this.#adopt(index, handles.get(memory.volumeOf(index))!);
    }
  }

  get free(): number {
    return this.#free.length;
  }

  /** Slots that `take` can supply now. */
  get available(): number {
    return this.#free.length + this.#evictable;
  }

  /** A new owner. */
  own(id: number): SlotOwner {
    const unused = this.#owners.indexOf(null);
    const handle = unused < 0 ? this.#owners.length : unused;
    const owner = new SlotOwner(id, handle, this.#links);
    this.#owners[handle] = owner;
    return owner;
  }

  /** Of an owner that has no slots any more. */
  disown(owner: SlotOwner): void {
    this.#owners[owner.handle] = null;
  }

  /** Whose place a slot is; null: nobody's. */
  ownerOf(index: number): SlotOwner | null {
    const handle = this.#handles[index]!;
    return handle < 0 ? null : this.#owners[handle]!;
  }

  /** The slot that is the place of slot `number` of an owner; −1: none. */
  find(owner: SlotOwner, number: number): number {
    return this.#table.find(owner.handle, number);
  }

  /** All slots of an owner, by looking at every slot. */
  of(owner: SlotOwner): number[] {
    const indices: number[] = [];
    if (owner.resident === 0) return indices;
    for (let index = 0; index < this.count; index++) if (this.#handles[index] === owner.handle) indices.push(index);
    return indices;
  }

  /** A slot that is the place of nothing, unlisted; −1: none to be had. */
  take(): number {
    let index = this.#free.head;
    if (index >= 0) {
      this.#free.remove(index);
    } else {
      if (this.#evictable === 0) return -1;
      index = this.#replacement.victim();
      this.#evictable--;
      this.#replacement.evicted(this.#handles[index]!, this.numbers[index]!);
      this.#displace(index);
      this.evictions++;
    }
    this.#listed[index] = Listed.nowhere;
    this.valid[index] = 0;
    this.#replacement.forget(index);
    if (this.#unwiped[index] !== 0) this.#wipeAll(index);
    return index;
  }

  /** Makes an unlisted slot the place of slot `number` of a volume. */
  place(index: number, owner: SlotOwner, number: number): void {
    this.#handles[index] = owner.handle;
    this.numbers[index] = number;
    owner.resident++;
    this.#table.set(owner.handle, number, index);
  }

  hold(index: number): void {
    if (!this.#kept(index) && this.#listed[index] === Listed.queued) this.#evictable--;
    this.holds[index] = this.holds[index]! + 1;
  }

  unhold(index: number): void {
    this.holds[index] = this.holds[index]! - 1;
    if (!this.#kept(index)) this.#released(index);
  }

  pin(index: number): void {
    const pins = this.pins[index]!;
    this.pins[index] = pins + 1;
    if (pins !== 0) return;
    this.pinned++;
    if (this.holds[index] === 0 && this.#listed[index] === Listed.queued) this.#evictable--;
  }

  unpin(index: number): void {
    const pins = this.pins[index]! - 1;
    this.pins[index] = pins;
    if (pins !== 0) return;
    this.pinned--;
    if (this.holds[index] === 0) this.#released(index);
  }

  unpinAll(indices: readonly number[]): void {
    for (const index of indices) this.unpin(index);
  }

  /** Used just now, by a command that says something about what will be used again. */
  touch(index: number): void {
    this.#replacement.touch(index);
  }

  evictable(index: number): boolean {
    return this.#listed[index] === Listed.queued && !this.#kept(index);
  }

  /** Among the first to be evicted when it is clean, unless it is touched before (DPO). */
  demote(index: number): void {
    this.#replacement.demote(index);
  }

  /** After the first dirty sector was committed. @param flow of the group it goes to */
  becameDirty(index: number, flow: number): void {
    this.#unqueue(index);
    this.dirtySince[index] = this.tick;
    this.#listed[index] = Listed.dirty;
    this.ownerOf(index)!.dirty.pushTail(index);
    this.dirtyCount++;
    this.#countFlow(index, flow);
  }

  /** A dirty slot goes to another group than was known. */
  setFlow(index: number, flow: number): void {
    this.dirtyOf[this.flows[index]!]!--;
    this.#countFlow(index, flow);
  }

  /** After the last dirty sector was cleared. */
  becameClean(index: number): void {
    this.#leaveDirty(index);
    if (!this.#kept(index)) this.#released(index);
    // Writers may wait for that, even if readers keep the slot.
    this.#freed();
  }

  isDirty(index: number): boolean {
    return this.#listed[index] === Listed.dirty;
  }

  /** Makes a fresh slot, committed dirty, the place of what was in `old`, which is adrift then. */
  replace(old: number, fresh: number, valid: number, flow: number): void {
    const owner = this.ownerOf(old)!;
    const wasDirty = this.#listed[old] === Listed.dirty;
    if (wasDirty) this.#leaveDirty(old);
    this.place(fresh, owner, this.numbers[old]!);
    this.valid[fresh] = valid;
    this.#replacement.inherit(old, fresh);
    this.becameDirty(fresh, flow);
    if (wasDirty) this.dirtySince[fresh] = this.dirtySince[old]!;
    this.setAdrift(old);
  }

  /** Makes a clean slot the place of nothing; it becomes free when nobody keeps it any more. */
  setAdrift(index: number): void {
    this.#unqueue(index);
    this.#displace(index);
    this.valid[index] = 0;
    if (!this.#kept(index)) this.#released(index);
  }

  /** A recovered slot whose volume is gone. */
  drop(index: number): void {
    this.memory.clearDirty(index, -1);
    this.#leaveDirty(index);
    this.setAdrift(index);
  }

  /**
   * The sectors of a slot, as a view. Made anew each time: a million kept ones would cost more, at each collection of
   * old objects, than the making of those that are needed.
   */
  view(index: number, first: number, count: number): Buffer {
    return this.memory.view(index, first, count);
  }

  /** Takes up a dirty slot found at the start, which is in the table: what is dirty is valid. */
  #adopt(index: number, handle: number): void {
    this.#handles[index] = handle;
    this.numbers[index] = this.memory.numberOf(index);
    this.valid[index] = this.memory.dirty(index);
    this.#owners[handle]!.resident++;
    this.becameDirty(index, 0);
  }

  #kept(index: number): boolean {
    return this.pins[index] !== 0 || this.holds[index] !== 0;
  }

  /** Overwrites what is not valid; of a slot that is kept, when it is given back or taken for something else. */
  wipe(index: number): void {
    if (this.#kept(index) || this.#listed[index] === Listed.nowhere) {
      this.#unwiped[index] = 1;
      return;
    }
    this.#unwiped[index] = 0;
    this.memory.wipe(index, ~(this.valid[index]! | this.memory.dirty(index)));
  }

  /** Nobody keeps the slot any more: if it is on no other list it goes where it belongs. */
  #released(index: number): void {
    const listed = this.#listed[index];
    if (listed === Listed.dirty || listed === Listed.free) return;
    const handle = this.#handles[index]!;
    if (handle >= 0 && this.valid[index] !== 0) {
      if (listed === Listed.nowhere) {
        this.#listed[index] = Listed.queued;
        this.#replacement.add(index, handle, this.numbers[index]!);
      }
      this.#evictable++;
    } else {
      if (listed === Listed.queued) this.#replacement.remove(index);
      this.#displace(index);
      this.#putFree(index);
    }
    this.#freed();
  }

  /** At the start: slots are taken in the order in which the memory is populated. */
  #putFreeLast(index: number): void {
    this.#listed[index] = Listed.free;
    this.#free.pushTail(index);
  }

  #putFree(index: number): void {
    this.#listed[index] = Listed.free;
    this.#free.pushHead(index);
    if (this.#unwiped[index] !== 0) this.#wipeAll(index);
  }

  #wipeAll(index: number): void {
    this.#unwiped[index] = 0;
    this.memory.wipe(index, -1);
  }

  #unqueue(index: number): void {
    if (this.#listed[index] !== Listed.queued) return;
    this.#listed[index] = Listed.nowhere;
    this.#replacement.remove(index);
    if (!this.#kept(index)) this.#evictable--;
  }

  #leaveDirty(index: number): void {
    this.ownerOf(index)!.dirty.remove(index);
    this.#listed[index] = Listed.nowhere;
    this.dirtyCount--;
    this.dirtyOf[this.flows[index]!]!--;
  }

  #countFlow(index: number, flow: number): void {
    this.flows[index] = flow;
    this.dirtyOf[flow] = (this.dirtyOf[flow] ?? 0) + 1;
  }

  /** The slot is the place of nothing any more; another one may be that of what it held. */
  #displace(index: number): void {
    const owner = this.ownerOf(index);
    if (owner === null) return;
    const number = this.numbers[index]!;
    owner.resident--;
    if (this.#table.find(owner.handle, number) === index) this.#table.delete(owner.handle, number);
    this.#handles[index] = NOBODY;
  }
}
