/**
 * Cache memory in two sides: two files that hold the same written data, so that either may be lost.
 *
 * The first side is stored to as if there were only one. Each commit then copies what was committed to the second
 * side, before anything of the next group of stores happens. So the second side is the first one as it was some stores
 * ago, at most one commit behind and never torn in another way than the first can be: what recovery makes of one side
 * it makes of the other, up to the command under way. A command is answered after its last commit, that is, when
 * both sides hold it. Data that is only read is on the first side alone.
 */
import { native } from '../../native/index.js';
import type { PartedMemory } from '../disk/types.js';
import {
  controlWords,
  DIRECTORY_OFFSET,
  FORMATTING,
  HeaderWord,
  PAGE_BYTES,
  placeInParts,
  RECORD_WORDS,
  RecordWord,
  slotsIn,
} from './layout.js';
import { lowestSector, runLength, sectorMask } from './sectors.js';
import { SECTOR_BYTES } from './types.js';

export class DuplexMemory implements PartedMemory {
  readonly parts: readonly Buffer[];
  readonly #words: Int32Array;
  readonly #copy: Int32Array;
  readonly #failed = [false, false];

  /** @param failed side 0 or 1 could not be synced: from now on only the other one counts. Not called for both */
  constructor(
    private readonly first: PartedMemory,
    private readonly second: PartedMemory,
    private readonly failed: (side: number, error: Error) => void,
  ) {
    this.parts = first.parts;
    this.#words = controlWords(first);
    this.#copy = controlWords(second);
  }

  /** The commit on both sides; one word is one store there too. */
  commit(part: number, offset: number, bytes: number): void {
    this.first.commit(part, offset, bytes);
    if (bytes === 4) Atomics.store(this.#copy, offset >> 2, this.#words[offset >> 2]!);
    else this.parts[part]!.copy(this.second.parts[part]!, offset, offset, offset + bytes);
    this.second.commit(part, offset, bytes);
  }

  populate(): void {
    this.first.populate?.();
    this.second.populate?.();
  }

  /** Done when every side that counts is synced; fails when none does any more. */
  sync(done: (error: Error | null) => void): void {
    const errors: (Error | null)[] = [];
    let left = 2;
    const ended = (side: number) => (error: Error | null) => {
      errors[side] = error;
      if (--left === 0) this.#synced(errors, done);
    };
    this.first.sync(ended(0));
    this.second.sync(ended(1));
  }

  close(): void {
    this.first.close();
    this.second.close();
  }

  #synced(errors: readonly (Error | null)[], done: (error: Error | null) => void): void {
    const counting = [0, 1].filter((side) => !this.#failed[side]);
    const good = counting.filter((side) => errors[side] === null);
    if (good.length === 0) {
      done(errors[counting[0]!]!);
      return;
    }
    for (const side of counting) {
      if (errors[side] === null) continue;
      this.#failed[side] = true;
      this.failed(side, errors[side]!);
    }
    done(null);
  }
}

/**
 * Makes `to` hold all written data that `from` holds, whatever it held before. The magic number is stored last; until
 * then the word says that `to` is no good.
 */
export function copySide(from: PartedMemory, to: PartedMemory): void {
  const words = controlWords(to);
  Atomics.store(words, HeaderWord.magic, FORMATTING);
  to.commit(0, 0, 4);
  copyDirtyData(from, to);
  copyChanged(from, to, 0, 4, from.parts[0]!.length - 4);
  Atomics.store(words, HeaderWord.magic, controlWords(from)[HeaderWord.magic]!);
  to.commit(0, 0, 4);
}

/**
 * Goes on with the commit in which a process was killed: what differs is what that one had not copied yet, and copying
 * it in ascending order is what it would have done. So a kill in here leaves `to` as good as it was.
 */
export function followSide(from: PartedMemory, to: PartedMemory): void {
  copyDirtyData(from, to);
  copyChanged(from, to, 0, 0, from.parts[0]!.length);
}

function copyDirtyData(from: PartedMemory, to: PartedMemory): void {
  const records = controlWords(from).subarray(DIRECTORY_OFFSET / 4);
  const slots = slotsIn(from.parts.reduce((sum, part) => sum + part.length, 0));
  for (let index = 0; index < slots; index++) {
    const dirty = records[index * RECORD_WORDS + RecordWord.dirty]!;
    if (dirty === 0) continue;
    const { part, offset } = placeInParts(from.parts, index);
    for (let rest = dirty; rest !== 0; ) {
      const first = lowestSector(rest);
      const count = runLength(rest, first);
      rest &= ~sectorMask(first, count);
      copyChanged(from, to, part, offset + first * SECTOR_BYTES, count * SECTOR_BYTES);
    }
  }
}

/** Page by page, from the first byte of each that differs. */
function copyChanged(from: PartedMemory, to: PartedMemory, part: number, offset: number, bytes: number): void {
  const source = from.parts[part]!;
  const target = to.parts[part]!;
  const end = offset + bytes;
  for (let at = offset; at < end; ) {
    const next = Math.min(end, at - (at % PAGE_BYTES) + PAGE_BYTES);
    const differs = native.compare([source.subarray(at, next)], [target.subarray(at, next)]);
    if (differs >= 0) {
      const start = at + differs - (differs % 4);
      source.copy(target, start, start, next);
      to.commit(part, start, next - start);
    }
    at = next;
  }
}
