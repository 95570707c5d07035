/** Objects of the few slots that have one, without a place in the JavaScript heap for each of the others. */
export class SlotValues<T> {
  /** 0: none, else where in `#values`. */
  readonly #places: Int32Array;
  readonly #values: (T | null)[] = [null];
  readonly #free: number[] = [];

  constructor(slots: number) {
    this.#places = new Int32Array(slots);
  }

  has(index: number): boolean {
    return this.#places[index] !== 0;
  }

  get(index: number): T | null {
    return this.#values[this.#places[index]!]!;
  }

  /** To a slot that has none. */
  add(index: number, value: T): void {
    const place = this.#free.pop() ?? this.#values.length;
    this.#values[place] = value;
    this.#places[index] = place;
  }

  /** From a slot that has one. */
  delete(index: number): void {
    const place = this.#places[index]!;
    this.#values[place] = null;
    this.#places[index] = 0;
    this.#free.push(place);
  }
}
