interface StripeRange {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * Stripes whose checks may be wrong. A bit for each, as an unclean end may leave many, scattered over the group, and
 * every write asks for its stripes until the last one is checked.
 */
export class Suspects {
  readonly #bits: Uint8Array;
  #count = 0;
  /** None is below this one. */
  #lowest = 0;

  constructor(ranges: readonly StripeRange[]) {
    this.#bits = new Uint8Array(Math.ceil(ranges.reduce((most, { end }) => Math.max(most, end), 0) / 8));
    for (const { first, end } of ranges) {
      for (let stripe = first; stripe < end; stripe++) {
        if (this.has(stripe)) continue;
        this.#bits[stripe >>> 3]! |= 1 << (stripe & 7);
        this.#count++;
      }
    }
  }

  get count(): number {
    return this.#count;
  }

  /** -1: none. */
  get first(): number {
    if (this.#count === 0) return -1;
    while (!this.has(this.#lowest)) this.#lowest += this.#bits[this.#lowest >>> 3] === 0 ? 8 - (this.#lowest & 7) : 1;
    return this.#lowest;
  }

  has(stripe: number): boolean {
    return this.#count > 0 && ((this.#bits[stripe >>> 3] ?? 0) & (1 << (stripe & 7))) !== 0;
  }

  remove(stripe: number): void {
    if (!this.has(stripe)) return;
    this.#bits[stripe >>> 3]! &= ~(1 << (stripe & 7));
    this.#count--;
  }

  removeRange(from: number, to: number): void {
    if (this.#count === 0) return;
    for (let stripe = from; stripe < to; stripe++) this.remove(stripe);
  }
}
