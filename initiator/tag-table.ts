/** Initiator task tags: which task a response belongs to, in constant time. */

/** Tags are slot + generation × 2^16, so a late response to an earlier use of a slot is told apart. */
const SLOT_BITS = 16;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
/** Keeps tags below 7fffffffh: never the reserved tag FFFFFFFFh, and always a small integer. */
const GENERATIONS = 1 << 14;

/** Some slots are kept for pings and task management. */
const KEPT_SLOTS = 64;

export class TagTable<T> {
  private readonly entries: (T | null)[] = [];
  private readonly tags: number[] = [];
  private readonly free: number[] = [];
  size = 0;

  /** Whether commands must wait. */
  get full(): boolean {
    return this.size >= (1 << SLOT_BITS) - KEPT_SLOTS;
  }

  /** Stores an entry; returns its tag. */
  add(entry: T): number {
    let slot = this.free.pop();
    if (slot === undefined) {
      slot = this.entries.length;
      this.entries.push(null);
      this.tags.push(slot);
    }
    this.entries[slot] = entry;
    this.size += 1;
    return this.tags[slot]!;
  }

  get(tag: number): T | null {
    const slot = tag & SLOT_MASK;
    return this.tags[slot] === tag ? this.entries[slot]! : null;
  }

  /** Forgets the entry; its tag is not used again soon. */
  remove(tag: number): void {
    const slot = tag & SLOT_MASK;
    if (this.tags[slot] !== tag || this.entries[slot] === null) return;
    this.entries[slot] = null;
    this.tags[slot] = ((((tag >>> SLOT_BITS) + 1) % GENERATIONS) << SLOT_BITS) | slot;
    this.free.push(slot);
    this.size -= 1;
  }

  /** All entries, by slot. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (const entry of this.entries) if (entry !== null) yield entry;
  }
}
