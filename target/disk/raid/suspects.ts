interface StripeRange {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/** Stripes whose checks may be wrong, as ranges. */
export class Suspects {
  #ranges: StripeRange[];

  constructor(ranges: readonly StripeRange[]) {
    this.#ranges = [...ranges];
  }

  get count(): number {
    return this.#ranges.reduce((sum, { first, end }) => sum + end - first, 0);
  }

  /** -1: none. */
  get first(): number {
    return this.#ranges[0]?.first ?? -1;
  }

  has(stripe: number): boolean {
    return this.#ranges.length > 0 && this.#ranges.some(({ first, end }) => first <= stripe && stripe < end);
  }

  remove(stripe: number): void {
    this.removeRange(stripe, stripe + 1);
  }

  removeRange(from: number, to: number): void {
    if (this.#ranges.length === 0) return;
    this.#ranges = this.#ranges.flatMap(({ first, end }) => {
      const left = [
        { first, end: Math.min(end, from) },
        { first: Math.max(first, to), end },
      ];
      return left.filter((range) => range.first < range.end);
    });
  }
}
