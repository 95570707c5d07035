/** Opening of cache.mem: header, intents left over, scan of the directory. */
import { native } from '../../native/index.js';
import type { PartedMemory } from '../disk/types.js';
import {
  BOOT_ID_BYTES,
  BOOT_ID_OFFSETS,
  controlWords,
  DIRECTORY_OFFSET,
  dataOffset,
  FORMATTING,
  HeaderWord,
  INTENT_DATA_OFFSET,
  INTENT_ENTRIES,
  INTENT_ENTRIES_OFFSET,
  INTENT_OFFSET,
  INTENT_SLOTS,
  MAGIC,
  memoryBytes,
  OWNER_BYTES,
  OWNER_OFFSET,
  PAGE_BYTES,
  placeInParts,
  RECORD_BYTES,
  RECORD_WORDS,
  RecordWord,
  slotsIn,
  VERSION,
} from './layout.js';
import { countSectors, lowestSector, runLength } from './sectors.js';
import { SlotTable } from './slot-table.js';
import { SECTOR_BYTES, SLOT_BYTES } from './types.js';

export class CacheMemoryError extends Error {
  override readonly name = 'CacheMemoryError';
  constructor(
    /**
     * `cache-too-small`: no room for a slot. `cache-foreign`: not a cache memory, or another array's with data not
     * yet on its drives. `cache-version`: of another version. `cache-torn`: damaged. `cache-geometry`: of another
     * size, and holds data not yet on the drives.
     */
    readonly code: 'cache-too-small' | 'cache-foreign' | 'cache-version' | 'cache-torn' | 'cache-geometry',
    message: string,
  ) {
    super(message);
  }
}

/** Who opens a memory. */
export interface Opener {
  /** This run of the machine. */
  readonly bootId: string;
  /** Serial number of the array; empty: not known, fits all. */
  readonly owner: string;
  readonly warn: (message: string) => void;
}

/** What is dirty: places in a table, where the owner is the index of the volume's id in `volumes`. */
export interface Recovered {
  readonly table: SlotTable;
  readonly volumes: readonly number[];
}

export interface OpenedMemory {
  readonly slots: number;
  readonly recovered: Recovered;
  /** Highest sequence in use. */
  readonly sequence: number;
}

const TWO_32 = 2 ** 32;

/**
 * Verifies the memory or formats it, takes up what is dirty, and starts a new generation. Never drops
 * acknowledged data, but for one case, and then says so: the machine went down with the process, so that the
 * file is a mixture of old and new pages; what SYNCHRONIZE CACHE or FUA covered is on the drives then, and
 * older copies from here must not replace it.
 * @throws CacheMemoryError
 */
export function openHeader(memory: PartedMemory, { bootId, owner, warn }: Opener): OpenedMemory {
  const bytes = memory.parts.reduce((sum, part) => sum + part.length, 0);
  const slots = slotsIn(bytes);
  if (slots < 1) {
    throw new CacheMemoryError('cache-too-small', `cache memory of ${bytes} bytes has no room for a slot`);
  }
  const header = controlWords(memory, 0, PAGE_BYTES / 4);
  const found = header[HeaderWord.magic] === MAGIC ? verify(header, bytes) : unformatted(memory, header);
  if (found === null) {
    format(memory, header, slots);
  } else if (found !== slots) {
    refuseIfDirty(memory, found);
    format(memory, header, slots);
  } else {
    redoIntents(memory, slots);
  }
  if (!whole(memory, header, bootId)) dropAll(memory, slots, warn);
  const opened = scan(memory, slots);
  takeOver(memory, owner, opened.recovered.volumes.length > 0);
  startGeneration(memory, header, bootId);
  return opened;
}

/**
 * Looks at a side of the memory, changing nothing. @returns its generation; null: new, or its making was cut off
 * @throws CacheMemoryError: it cannot be opened
 */
export function inspectSide(memory: PartedMemory, owner: string): number | null {
  const bytes = memory.parts.reduce((sum, part) => sum + part.length, 0);
  const header = controlWords(memory, 0, PAGE_BYTES / 4);
  if (header[HeaderWord.magic] !== MAGIC) return unformatted(memory, header);
  const slots = verify(header, bytes);
  if (slots !== slotsIn(bytes)) throw new CacheMemoryError('cache-geometry', 'the cache memory has another size');
  const records = controlWords(memory, DIRECTORY_OFFSET, slots * RECORD_WORDS);
  let dirty = 0;
  for (let index = 0; index < slots; index++) if (soundRecord(records, index)) dirty++;
  const found = textAt(memory, OWNER_OFFSET, OWNER_BYTES);
  if (dirty > 0 && found !== '' && found !== owner) {
    throw new CacheMemoryError('cache-foreign', `the cache memory is that of array ${found}`);
  }
  return header[HeaderWord.generation]!;
}

/** @returns whether the slot is dirty. @throws CacheMemoryError: it is, and its record makes no sense */
function soundRecord(records: Int32Array, index: number): boolean {
  const word = index * RECORD_WORDS;
  if (records[word + RecordWord.dirty] === 0) return false;
  const high = records[word + RecordWord.slotHigh]!;
  if (records[word + RecordWord.volume]! < 0 || high < 0 || high >= 2 ** 16) {
    throw new CacheMemoryError('cache-torn', `the directory record of cache slot ${index} is damaged`);
  }
  return true;
}

/** Data of another array would go to wherever this one keeps volumes of the same numbers. */
function takeOver(memory: PartedMemory, owner: string, dirty: boolean): void {
  const found = textAt(memory, OWNER_OFFSET, OWNER_BYTES);
  if (owner === '' || found === owner) return;
  if (found !== '' && dirty) {
    throw new CacheMemoryError(
      'cache-foreign',
      `the cache memory is that of array ${found} and holds data of it that is not on its drives yet; this is array ${owner}`,
    );
  }
  memory.parts[0]!.fill(0, OWNER_OFFSET, OWNER_OFFSET + OWNER_BYTES);
  memory.parts[0]!.write(owner, OWNER_OFFSET, OWNER_BYTES, 'latin1');
  memory.commit(0, OWNER_OFFSET, OWNER_BYTES);
}

/** Everything on the medium, then the mark that says so, on the medium too. */
export function settleHeader(memory: PartedMemory, done: (error: Error | null) => void): void {
  const header = controlWords(memory, 0, PAGE_BYTES / 4);
  memory.sync((error) => {
    if (error !== null) {
      done(error);
      return;
    }
    Atomics.store(header, HeaderWord.settled, header[HeaderWord.generation]!);
    memory.commit(0, 0, PAGE_BYTES);
    memory.sync(done);
  });
}

function geometryChecksum(header: Int32Array): number {
  const bytes = new Uint8Array(header.buffer, header.byteOffset + 4 * HeaderWord.version, 4 * 7);
  return native.crc32c(bytes) | 0;
}

/** Slots of a formatted memory. */
function verify(header: Int32Array, bytes: number): number {
  if (header[HeaderWord.version] !== VERSION) {
    throw new CacheMemoryError(
      'cache-version',
      `cache memory of version ${header[HeaderWord.version]}, this is ${VERSION}`,
    );
  }
  if (header[HeaderWord.checksum] !== geometryChecksum(header)) {
    throw new CacheMemoryError('cache-torn', 'the header of the cache memory is damaged (checksum)');
  }
  const slots = header[HeaderWord.slots]!;
  const expected = geometry(slots);
  const fits = expected.every((value, at) => header[HeaderWord.version + at] === value);
  if (!fits || slots < 1 || memoryBytes(slots) > bytes) {
    throw new CacheMemoryError(
      'cache-geometry',
      'the cache memory is laid out for another size of slots or is cut short',
    );
  }
  return slots;
}

/** Header words from the version on. */
function geometry(slots: number): readonly number[] {
  const pages = [DIRECTORY_OFFSET / PAGE_BYTES, dataOffset(slots) / PAGE_BYTES];
  return [VERSION, slots, SLOT_BYTES, RECORD_BYTES, INTENT_SLOTS, ...pages];
}

/** Null: may be formatted, because it is new or its formatting was cut off. */
function unformatted(memory: PartedMemory, header: Int32Array): null {
  if (header[HeaderWord.magic] === FORMATTING) return null;
  if (!native.isZero(memory.parts[0]!.subarray(0, PAGE_BYTES))) {
    throw new CacheMemoryError('cache-foreign', 'the file is not a cache memory');
  }
  if (!native.isZero(memory.parts[0]!.subarray(PAGE_BYTES))) {
    throw new CacheMemoryError('cache-torn', 'the cache memory has lost its header but not its contents');
  }
  return null;
}

/** The magic number is stored last; until then the word says that formatting is under way. */
function format(memory: PartedMemory, header: Int32Array, slots: number): void {
  Atomics.store(header, HeaderWord.magic, FORMATTING);
  memory.commit(0, 0, 4);
  memory.parts[0]!.fill(0, 4, INTENT_ENTRIES_OFFSET);
  memory.parts[0]!.fill(0, DIRECTORY_OFFSET, dataOffset(slots));
  header.set(geometry(slots), HeaderWord.version);
  header[HeaderWord.checksum] = geometryChecksum(header);
  memory.commit(0, 4, INTENT_ENTRIES_OFFSET - 4);
  memory.commit(0, DIRECTORY_OFFSET, dataOffset(slots) - DIRECTORY_OFFSET);
  Atomics.store(header, HeaderWord.magic, MAGIC);
  memory.commit(0, 0, 4);
}

function refuseIfDirty(memory: PartedMemory, slots: number): void {
  const records = controlWords(memory, DIRECTORY_OFFSET, slots * RECORD_WORDS);
  let dirty = controlWords(memory, INTENT_OFFSET, 1)[0]!;
  for (let at: number = RecordWord.dirty; at < records.length; at += RECORD_WORDS) if (records[at] !== 0) dirty++;
  if (dirty === 0) return;
  throw new CacheMemoryError(
    'cache-geometry',
    `the cache memory was made with ${slots} slots (${slots * SLOT_BYTES} bytes) and holds data that is not on the drives yet; ` +
      'start once with that cache size, stop cleanly, then change it',
  );
}

/** Does again the overwrites and atomic writes that were committed and perhaps not finished. */
function redoIntents(memory: PartedMemory, slots: number): void {
  const intent = controlWords(memory, INTENT_OFFSET, 1);
  const count = intent[0]!;
  if (count < 0 || count > INTENT_ENTRIES)
    throw new CacheMemoryError('cache-torn', `${count} write intents in the cache memory`);
  const entries = controlWords(memory, INTENT_ENTRIES_OFFSET, INTENT_ENTRIES * 2);
  const records = controlWords(memory, DIRECTORY_OFFSET, slots * RECORD_WORDS);
  let source = INTENT_DATA_OFFSET;
  for (let entry = 0; entry < count; entry++) {
    const placed = entries[entry * 2]! < 0;
    const index = placed ? ~entries[entry * 2]! : entries[entry * 2]!;
    const mask = entries[entry * 2 + 1]!;
    if (index >= slots) throw new CacheMemoryError('cache-torn', `a write intent for slot ${index}`);
    for (let rest = placed ? 0 : mask; rest !== 0; ) {
      const first = lowestSector(rest);
      const sectors = runLength(rest, first);
      const { part, offset } = placeInParts(memory.parts, index);
      const target = offset + first * SECTOR_BYTES;
      memory.parts[0]!.copy(memory.parts[part]!, target, source, source + sectors * SECTOR_BYTES);
      memory.commit(part, target, sectors * SECTOR_BYTES);
      source += sectors * SECTOR_BYTES;
      rest &= first + sectors === 32 ? 0 : -1 << (first + sectors);
    }
    const word = index * RECORD_WORDS + RecordWord.dirty;
    Atomics.store(records, word, records[word]! | mask);
    memory.commit(0, DIRECTORY_OFFSET + word * 4, 4);
  }
  Atomics.store(intent, 0, 0);
  memory.commit(0, INTENT_OFFSET, 4);
}

function bootIdOf(memory: PartedMemory, generation: number): string {
  const at = BOOT_ID_OFFSETS[generation & 1 ? 1 : 0];
  return textAt(memory, at, BOOT_ID_BYTES);
}

/** Without the zeros it is padded with. */
function textAt(memory: PartedMemory, at: number, bytes: number): string {
  return memory.parts[0]!.toString('latin1', at, at + bytes).replace(/\0+$/, '');
}

/** Whether the file is as the last process left it. */
function whole(memory: PartedMemory, header: Int32Array, bootId: string): boolean {
  const generation = header[HeaderWord.generation]!;
  if (generation === 0 || header[HeaderWord.settled] === generation) return true;
  const previous = bootIdOf(memory, generation);
  return previous === bootId || previous === '' || bootId === '';
}

function dropAll(memory: PartedMemory, slots: number, warn: (message: string) => void): void {
  const records = controlWords(memory, DIRECTORY_OFFSET, slots * RECORD_WORDS);
  let dropped = 0;
  for (let at: number = RecordWord.dirty; at < records.length; at += RECORD_WORDS) {
    dropped += countSectors(records[at]!);
    Atomics.store(records, at, 0);
  }
  memory.commit(0, DIRECTORY_OFFSET, slots * RECORD_BYTES);
  if (dropped > 0) {
    warn(
      `cache memory: the machine went down without a clean stop; ${dropped} sectors (${dropped * SECTOR_BYTES} bytes) that no ` +
        'SYNCHRONIZE CACHE or FUA covered are dropped, since the file may mix old and new pages',
    );
  }
}

function scan(memory: PartedMemory, slots: number): OpenedMemory {
  const records = controlWords(memory, DIRECTORY_OFFSET, slots * RECORD_WORDS);
  const [control] = memory.parts as [Buffer];
  const directory = control.byteOffset + DIRECTORY_OFFSET;
  const sequences = new Float64Array(control.buffer, directory, (slots * RECORD_WORDS) / 2);
  const sequenceOf = (index: number) => sequences[(index * RECORD_WORDS + RecordWord.sequence) >>> 1]!;
  const table = new SlotTable(slots);
  const volumes: number[] = [];
  const owners = new Map<number, number>();
  let sequence = 0;
  for (let index = 0; index < slots; index++) {
    const word = index * RECORD_WORDS;
    if (!soundRecord(records, index)) continue;
    const volume = records[word + RecordWord.volume]!;
    const high = records[word + RecordWord.slotHigh]!;
    if (!(sequenceOf(index) > 0)) {
      throw new CacheMemoryError('cache-torn', `the directory record of cache slot ${index} is damaged`);
    }
    const slot = high * TWO_32 + (records[word + RecordWord.slotLow]! >>> 0);
    sequence = Math.max(sequence, sequenceOf(index));
    let owner = owners.get(volume);
    if (owner === undefined) {
      owner = volumes.push(volume) - 1;
      owners.set(volume, owner);
    }
    const other = table.find(owner, slot);
    // A move to a fresh slot was cut off between the commit of the new record and the drop of the old one:
    // the new one holds all that was dirty in the old.
    const loser = other < 0 ? -1 : sequenceOf(other) > sequenceOf(index) ? index : other;
    if (loser !== index) table.set(owner, slot, index);
    if (loser >= 0) {
      Atomics.store(records, loser * RECORD_WORDS + RecordWord.dirty, 0);
      memory.commit(0, DIRECTORY_OFFSET + loser * RECORD_BYTES, RECORD_BYTES);
    }
  }
  return { slots, recovered: { table, volumes }, sequence };
}

/** The boot id goes where the generation in force does not look; the generation's store makes it count. */
function startGeneration(memory: PartedMemory, header: Int32Array, bootId: string): void {
  const generation = (header[HeaderWord.generation]! + 1) & 0x7fffffff || 2;
  const at = BOOT_ID_OFFSETS[generation & 1 ? 1 : 0];
  memory.parts[0]!.fill(0, at, at + BOOT_ID_BYTES);
  memory.parts[0]!.write(bootId, at, BOOT_ID_BYTES, 'latin1');
  memory.commit(0, at, BOOT_ID_BYTES);
  Atomics.store(header, HeaderWord.generation, generation);
  memory.commit(0, HeaderWord.generation * 4, 4);
}
