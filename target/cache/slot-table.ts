/**
 * Which slot index is the place of which slot number of which owner: a hash table with linear probing in one typed
 * array, so that millions of slots are nothing to the collector. An entry is 16 bytes, so a look-up that meets no
 * other key touches one line of the processor's cache; at most half of the entries are used.
 */
const WORDS = 4;
/** Words of an entry: index + 1 (0: empty), owner, slot number (48 bits). */
const OWNER = 1;
const LOW = 2;
const HIGH = 3;
const TWO_32 = 2 ** 32;

export class SlotTable {
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #shift: number;

  /** @param slots most entries there will be */
  constructor(slots: number) {
    const bits = Math.max(2, Math.ceil(Math.log2(slots * 2)));
    this.#words = new Int32Array(2 ** bits * WORDS);
    this.#mask = 2 ** bits - 1;
    this.#shift = 32 - bits;
  }

  /** Slot index; −1: none. */
  find(owner: number, slot: number): number {
    return this.#words[this.#entryOf(owner, slot) * WORDS]! - 1;
  }

  /** Adds an entry, or gives the one there is another index. */
  set(owner: number, slot: number, index: number): void {
    const words = this.#words;
    const at = this.#entryOf(owner, slot) * WORDS;
    words[at] = index + 1;
    words[at + OWNER] = owner;
    words[at + LOW] = slot | 0;
    words[at + HIGH] = highOf(slot);
  }

  /** Removes an entry that is there. Those behind it move up, so that no marks of removed ones stay. */
  delete(owner: number, slot: number): void {
    const words = this.#words;
    let gap = this.#entryOf(owner, slot);
    if (words[gap * WORDS] === 0) throw new Error(`slot ${slot} is not in the table`);
    for (let entry = (gap + 1) & this.#mask; ; entry = (entry + 1) & this.#mask) {
      const at = entry * WORDS;
      if (words[at] === 0) break;
      const home = this.#home(words[at + OWNER]!, words[at + LOW]!, words[at + HIGH]!);
      // Stays if its home lies behind the gap: a look-up that starts there does not come across the gap.
      if (((entry - home) & this.#mask) < ((entry - gap) & this.#mask)) continue;
      words.copyWithin(gap * WORDS, at, at + WORDS);
      gap = entry;
    }
    words[gap * WORDS] = 0;
  }

  /** The entry of this key, or the empty one where it would go. */
  #entryOf(owner: number, slot: number): number {
    const words = this.#words;
    const low = slot | 0;
    const high = highOf(slot);
    for (let entry = this.#home(owner, low, high); ; entry = (entry + 1) & this.#mask) {
      const at = entry * WORDS;
      if (words[at] === 0) return entry;
      if (words[at + LOW] === low && words[at + OWNER] === owner && words[at + HIGH] === high) return entry;
    }
  }

  /** The upper bits of a product mix all bits below them (Fibonacci hashing). */
  #home(owner: number, low: number, high: number): number {
    const key = low ^ Math.imul(owner + 1, 0x85ebca6b) ^ Math.imul(high, 0xc2b2ae35);
    return Math.imul(key ^ (key >>> 16), 0x9e3779b1) >>> this.#shift;
  }
}

function highOf(slot: number): number {
  return slot < TWO_32 ? 0 : Math.floor(slot / TWO_32);
}
