/** Arithmetic on sector maps: bit n of a 32-bit word stands for sector n of a slot. */
import { SECTOR_BYTES, SLOT_SECTORS } from './types.js';

/** Map of `count` (1…32) sectors from `first` on. */
export function sectorMask(first: number, count: number): number {
  return count === SLOT_SECTORS ? -1 : ((1 << count) - 1) << first;
}

/** Number of the lowest sector in `mask`, which is not 0. */
export function lowestSector(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** Length of the run of set bits that starts at `first`. */
export function runLength(mask: number, first: number): number {
  const rest = ~(mask >>> first);
  return rest === 0 ? SLOT_SECTORS - first : lowestSector(rest);
}

/** Sectors in `mask`. */
export function countSectors(mask: number): number {
  let word = mask - ((mask >>> 1) & 0x55555555);
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return (((word + (word >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** `mask` widened to whole 4 KiB pages: what the page cache and most drives read anyway. */
export function widenToPages(mask: number): number {
  let pages = 0;
  for (let page = 0; page < SLOT_SECTORS; page += 8) {
    if (((mask >>> page) & 0xff) !== 0) pages |= 0xff << page;
  }
  return pages;
}

/** The part of slot `slot` that the range [sector, end) covers, as a map. */
export function coverOf(slot: number, sector: number, end: number): number {
  const start = slot * SLOT_SECTORS;
  const first = sector > start ? sector - start : 0;
  const last = Math.min(end - start, SLOT_SECTORS);
  return sectorMask(first, last - first);
}

/** Walks through a list of buffers, copying out piece after piece. Reused: no allocation while writing. */
export class DataCursor {
  #data: readonly Buffer[] = [];
  #item = 0;
  #offset = 0;

  /** Starts at byte `skip` of `data`. */
  reset(data: readonly Buffer[], skip = 0): void {
    this.#data = data;
    this.#item = 0;
    this.#offset = 0;
    for (let left = skip; left > 0; ) {
      const size = data[this.#item]!.length;
      if (left < size) {
        this.#offset = left;
        return;
      }
      left -= size;
      this.#item++;
    }
  }

  /** Copies the next `bytes` bytes to `target` at `at`. */
  copy(target: Buffer, at: number, bytes: number): void {
    while (bytes > 0) {
      const item = this.#data[this.#item]!;
      const rest = item.length - this.#offset;
      if (this.#offset === 0 && rest <= bytes) {
        target.set(item, at);
      } else {
        item.copy(target, at, this.#offset, this.#offset + Math.min(rest, bytes));
      }
      const done = Math.min(rest, bytes);
      at += done;
      bytes -= done;
      this.#offset += done;
      if (this.#offset === item.length) {
        this.#item++;
        this.#offset = 0;
      }
    }
  }

  /** Forgets the buffers, so that they can be collected. */
  clear(): void {
    this.#data = NOTHING;
  }
}

const NOTHING: readonly Buffer[] = [];

/** Bytes of `sectors` sectors. */
export function sectorBytes(sectors: number): number {
  return sectors * SECTOR_BYTES;
}
