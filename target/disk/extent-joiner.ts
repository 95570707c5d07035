/** Puts adjacent stretches together, joining neighbours of the same state. */
export class ExtentJoiner {
  readonly extents: { offset: number; bytes: number; allocated: boolean }[] = [];
  /** One more would have been too many; nothing is taken any more. */
  full = false;
  #end: number;

  constructor(
    offset: number,
    private readonly limit: number,
  ) {
    this.#end = offset;
  }

  add(bytes: number, allocated: boolean): void {
    if (this.full) return;
    const last = this.extents.at(-1);
    if (last?.allocated === allocated) last.bytes += bytes;
    else if (this.extents.length >= this.limit) this.full = true;
    else this.extents.push({ offset: this.#end, bytes, allocated });
    this.#end += bytes;
  }
}
