/** Beyond that they are forgotten, and looked at again when somebody comes upon them. */
const MAX_HOPELESS = 4096;

/** Stripes in which somebody came upon something bad. Those that could not be mended are not tried again for each read. */
export class DamagedStripes {
  readonly #waiting = new Set<number>();
  readonly #hopeless = new Set<number>();
  /** Told when there is one more. */
  found: () => void = () => {};

  note(stripe: number): void {
    if (this.#hopeless.has(stripe)) return;
    this.#waiting.add(stripe);
    this.found();
  }

  /** One to be mended; undefined: there is none. */
  get next(): number | undefined {
    return this.#waiting.values().next().value;
  }

  /** A stripe has been looked at as a whole. @param left something in it is still bad */
  looked(stripe: number, left: boolean): void {
    this.#waiting.delete(stripe);
    this.#hopeless.delete(stripe);
    if (!left) return;
    if (this.#hopeless.size === MAX_HOPELESS) this.#hopeless.clear();
    this.#hopeless.add(stripe);
  }
}
