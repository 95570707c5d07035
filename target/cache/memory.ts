/**
 * The slots and their directory in memory that survives the process.
 *
 * What counts after a kill at any instruction: a slot is dirty as its record's dirty word says, and that word is
 * stored last. Stores reach the mapping in program order; commit words are stored with Atomics, which neither
 * compiler nor processor moves. `PartedMemory.commit` follows each group of stores so that the twin, which
 * writes ranges to a file, keeps the same order.
 */
import type { PartedMemory } from '../disk/types.js';
import {
  DIRECTORY_OFFSET,
  INTENT_DATA_OFFSET,
  INTENT_ENTRIES,
  INTENT_ENTRIES_OFFSET,
  INTENT_OFFSET,
  RECORD_BYTES,
  RECORD_WORDS,
  RecordWord,
} from './layout.js';
import { type OpenedMemory, type Opener, openHeader, type Recovered, settleHeader } from './memory-header.js';
import { type DataCursor, lowestSector, runLength } from './sectors.js';
import { SECTOR_BYTES, SLOT_BYTES } from './types.js';

const TWO_32 = 2 ** 32;

export class CacheMemory {
  readonly slots: number;
  /** Dirty slots found at open. */
  readonly recovered: Recovered;
  readonly #memory: PartedMemory;
  /** Header, intents, directory. */
  readonly #control: Buffer;
  /** The data: slot `index` is number `index & #inPart` of part `index >>> #partShift`. */
  readonly #data: readonly Buffer[];
  readonly #partShift: number;
  readonly #inPart: number;
  readonly #records: Int32Array;
  readonly #sequences: Float64Array;
  readonly #intent: Int32Array;
  readonly #entries: Int32Array;
  #sequence: number;
  /** Entries and bytes of data of the intent being put together. */
  #intents = 0;
  #intended = 0;

  /** @throws CacheMemoryError */
  constructor(memory: PartedMemory, opener: Opener) {
    const opened: OpenedMemory = openHeader(memory, opener);
    const [control, ...data] = memory.parts as [Buffer, ...Buffer[]];
    this.#memory = memory;
    this.#control = control;
    this.#data = data;
    const inPart = data[0]!.length / SLOT_BYTES;
    this.#partShift = data.length === 1 ? 31 : Math.log2(inPart);
    this.#inPart = data.length === 1 ? 0x7fffffff : inPart - 1;
    this.slots = opened.slots;
    this.recovered = opened.recovered;
    this.#sequence = opened.sequence;
    const directory = control.byteOffset + DIRECTORY_OFFSET;
    this.#records = new Int32Array(control.buffer, directory, this.slots * RECORD_WORDS);
    this.#sequences = new Float64Array(control.buffer, directory, (this.slots * RECORD_WORDS) / 2);
    this.#intent = new Int32Array(control.buffer, control.byteOffset + INTENT_OFFSET, 1);
    this.#entries = new Int32Array(control.buffer, control.byteOffset + INTENT_ENTRIES_OFFSET, INTENT_ENTRIES * 2);
  }

  /** Dirty map of a slot. */
  dirty(index: number): number {
    return this.#records[index * RECORD_WORDS + RecordWord.dirty]!;
  }

  /** Volume that a dirty slot is of. */
  volumeOf(index: number): number {
    return this.#records[index * RECORD_WORDS + RecordWord.volume]!;
  }

  /** Slot number of a dirty slot. */
  numberOf(index: number): number {
    const word = index * RECORD_WORDS;
    return this.#records[word + RecordWord.slotHigh]! * TWO_32 + (this.#records[word + RecordWord.slotLow]! >>> 0);
  }

  /** View of `count` sectors of a slot from sector `first` on. */
  view(index: number, first: number, count: number): Buffer {
    const at = this.#offset(index, first);
    return this.#bufferOf(index).subarray(at, at + count * SECTOR_BYTES);
  }

  /** Says what a slot holds. Only while it is not dirty: until `addDirty` the record means nothing. */
  describe(index: number, volume: number, slot: number): void {
    const word = index * RECORD_WORDS;
    const high = Math.floor(slot / TWO_32);
    this.#records[word + RecordWord.volume] = volume;
    this.#records[word + RecordWord.slotLow] = slot - high * TWO_32;
    this.#records[word + RecordWord.slotHigh] = high;
    this.#sequences[(word + RecordWord.sequence) >>> 1] = ++this.#sequence;
    this.#memory.commit(0, DIRECTORY_OFFSET + index * RECORD_BYTES, RECORD_BYTES);
  }

  /** The store that acknowledges: data and description are in place before. */
  addDirty(index: number, mask: number): void {
    const word = index * RECORD_WORDS + RecordWord.dirty;
    Atomics.store(this.#records, word, this.#records[word]! | mask);
    this.#memory.commit(0, DIRECTORY_OFFSET + word * 4, 4);
  }

  /** The store that forgets: the sectors are on the drives, in another slot, or not wanted any more. */
  clearDirty(index: number, mask: number): void {
    const word = index * RECORD_WORDS + RecordWord.dirty;
    Atomics.store(this.#records, word, this.#records[word]! & ~mask);
    this.#memory.commit(0, DIRECTORY_OFFSET + word * 4, 4);
  }

  /** Copies into sectors that are not dirty. Torn by a kill they do not matter: nothing says they hold anything. */
  fill(index: number, first: number, bytes: number, data: DataCursor): void {
    const at = this.#offset(index, first);
    data.copy(this.#bufferOf(index), at, bytes);
    this.#memory.commit(this.#partOf(index), at, bytes);
  }

  /**
   * Copies over sectors of which some are dirty, so that this slot is the only place of acknowledged data: the
   * new data goes to the intent area first, its entry count is the commit, and an intent found committed at
   * open is done again. Costs a second copy of the data; a fresh slot instead would cost copying the other
   * sectors of the slot, more bytes for the common small write, and a slot.
   */
  overwrite(index: number, mask: number, bytes: number, data: DataCursor): void {
    this.intend(index, mask, bytes, data);
    this.commitIntent();
  }

  /** Adds an entry to the intent: data for adjacent sectors (`mask`) that becomes theirs with the commit. */
  intend(index: number, mask: number, bytes: number, data: DataCursor): void {
    const at = INTENT_DATA_OFFSET + this.#intended;
    data.copy(this.#control, at, bytes);
    this.#memory.commit(0, at, bytes);
    this.#intended += bytes;
    this.#addEntry(index, mask);
  }

  /** Adds an entry to the intent: sectors that are filled, and dirty with the commit. */
  intendDirty(index: number, mask: number): void {
    this.#addEntry(~index, mask);
  }

  /** The store that acknowledges all entries at once; then carries them out. The caller has stayed within the layout. */
  commitIntent(): void {
    const count = this.#intents;
    this.#memory.commit(0, INTENT_ENTRIES_OFFSET, count * 8);
    Atomics.store(this.#intent, 0, count);
    this.#memory.commit(0, INTENT_OFFSET, 4);
    let source = INTENT_DATA_OFFSET;
    for (let entry = 0; entry < count; entry++) {
      const index = this.#entries[entry * 2]!;
      const mask = this.#entries[entry * 2 + 1]!;
      if (index < 0) {
        this.addDirty(~index, mask);
        continue;
      }
      const first = lowestSector(mask);
      const bytes = runLength(mask, first) * SECTOR_BYTES;
      const at = this.#offset(index, first);
      this.#control.copy(this.#bufferOf(index), at, source, source + bytes);
      this.#memory.commit(this.#partOf(index), at, bytes);
      source += bytes;
      this.addDirty(index, mask);
    }
    Atomics.store(this.#intent, 0, 0);
    this.#memory.commit(0, INTENT_OFFSET, 4);
    this.#intents = 0;
    this.#intended = 0;
  }

  /** Copies sectors from slot to slot; those of `to` are not dirty. */
  carry(from: number, to: number, mask: number): void {
    for (let rest = mask; rest !== 0; ) {
      const first = lowestSector(rest);
      const count = runLength(rest, first);
      const source = this.#offset(from, first);
      const target = this.#offset(to, first);
      this.#bufferOf(from).copy(this.#bufferOf(to), target, source, source + count * SECTOR_BYTES);
      this.#memory.commit(this.#partOf(to), target, count * SECTOR_BYTES);
      rest &= first + count === 32 ? 0 : -1 << (first + count);
    }
  }

  /** Fills sectors that are neither valid nor dirty with zeros. */
  zero(index: number, mask: number): void {
    for (let rest = mask; rest !== 0; ) {
      const first = lowestSector(rest);
      const count = runLength(rest, first);
      const at = this.#offset(index, first);
      this.#bufferOf(index).fill(0, at, at + count * SECTOR_BYTES);
      rest &= first + count === 32 ? 0 : -1 << (first + count);
    }
  }

  /** As `zero`, on all sides of the memory. */
  wipe(index: number, mask: number): void {
    if (mask === 0) return;
    this.zero(index, mask);
    this.#memory.commit(this.#partOf(index), this.#offset(index, 0), SLOT_BYTES);
  }

  /** Overwrites the data of the last intents; none is being put together. */
  wipeIntent(): void {
    this.#control.fill(0, INTENT_DATA_OFFSET, DIRECTORY_OFFSET);
    this.#memory.commit(0, INTENT_DATA_OFFSET, DIRECTORY_OFFSET - INTENT_DATA_OFFSET);
  }

  /** Everything so far survives loss of power when done. */
  sync(done: (error: Error | null) => void): void {
    this.#memory.sync(done);
  }

  /** Brings everything to the medium and notes that it is whole, so that loss of power after this loses nothing. */
  settle(done: (error: Error | null) => void): void {
    settleHeader(this.#memory, done);
  }

  #addEntry(index: number, mask: number): void {
    const word = this.#intents * 2;
    this.#entries[word] = index;
    this.#entries[word + 1] = mask;
    this.#intents++;
  }

  #partOf(index: number): number {
    return 1 + (index >>> this.#partShift);
  }

  #bufferOf(index: number): Buffer {
    return this.#data[index >>> this.#partShift]!;
  }

  /** In `#bufferOf` the same slot. */
  #offset(index: number, sector: number): number {
    return (index & this.#inPart) * SLOT_BYTES + sector * SECTOR_BYTES;
  }
}
