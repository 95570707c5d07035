import { firstIndex } from '../base/search.js';

/** A stretch of bytes, `end` exclusive. */
export interface Range {
  readonly offset: number;
  readonly end: number;
}

/** Ranges that do not overlap, sorted by offset; look-ups are binary searches. */
export class RangeList<T extends Range> {
  readonly #items: T[] = [];

  get length(): number {
    return this.#items.length;
  }

  at(index: number): T | undefined {
    return this.#items[index];
  }

  /** The caller has made sure that no range of the list overlaps. */
  insert(item: T): void {
    this.#items.splice(this.indexFrom(item.offset), 0, item);
  }

  /** Takes out `items`, ascending, in one pass over what lies between them. Those not in the list are passed over. */
  remove(items: readonly T[]): void {
    let to = this.indexFrom(items[0]!.offset);
    let from = to;
    for (let next = 0; from < this.#items.length && next < items.length; from++) {
      const item = this.#items[from]!;
      while (next < items.length && items[next]!.offset < item.offset) next++;
      if (items[next] === item) next++;
      else this.#items[to++] = item;
    }
    if (from !== to) this.#items.splice(to, from - to);
  }

  overlaps(offset: number, end: number): boolean {
    const index = this.indexFrom(offset);
    const next = this.#items[index];
    if (next !== undefined && next.offset < end) return true;
    const before = this.#items[index - 1];
    return before !== undefined && before.end > offset;
  }

  /** Index of the first range that begins at `offset` or after; the list's length if none does. */
  indexFrom(offset: number): number {
    return firstIndex(this.#items.length, (index) => this.#items[index]!.offset < offset);
  }
}

export function overlap(a: Range, offset: number, end: number): boolean {
  return a.offset < end && a.end > offset;
}
