/** Old blocks are kept in chunks of this size, aligned to the LDEV's beginning: four cache slots. */
export const CHUNK_BYTES = 64 * 1024;

/** What is known of a chunk: nothing, that it held nothing, that it could not be read; from FIRST_PLACE on, its place. */
export const LIVE = 0;
export const HOLE = 1;
export const LOST = 2;
export const FIRST_PLACE = 3;

const PAGE_CHUNKS = 256;
const HOLES = new Uint32Array(PAGE_CHUNKS).fill(HOLE);

/**
 * Chunk number → what is known of it. Takes memory for what was set only: at most a 64th of what chunks hold, and next
 * to none for long stretches of holes.
 */
export class ChunkMap {
  private readonly pages = new Map<number, Uint32Array>();

  get empty(): boolean {
    return this.pages.size === 0;
  }

  get(chunk: number): number {
    const page = this.pages.get(Math.floor(chunk / PAGE_CHUNKS));
    return page === undefined ? LIVE : page[chunk % PAGE_CHUNKS]!;
  }

  set(chunk: number, value: number): void {
    this.own(Math.floor(chunk / PAGE_CHUNKS))[chunk % PAGE_CHUNKS] = value;
  }

  /** Marks chunks `first` up to but not `end` as holes; none of them is known yet. */
  fillHoles(first: number, end: number): void {
    for (let chunk = first; chunk < end; ) {
      const number = Math.floor(chunk / PAGE_CHUNKS);
      const next = Math.min(end, (number + 1) * PAGE_CHUNKS);
      if (next - chunk === PAGE_CHUNKS) this.pages.set(number, HOLES);
      else this.own(number).fill(HOLE, chunk % PAGE_CHUNKS, (chunk % PAGE_CHUNKS) + next - chunk);
      chunk = next;
    }
  }

  /** A page that may be written to. */
  private own(number: number): Uint32Array {
    const known = this.pages.get(number);
    if (known !== undefined && known !== HOLES) return known;
    const page = known === undefined ? new Uint32Array(PAGE_CHUNKS) : Uint32Array.from(HOLES);
    this.pages.set(number, page);
    return page;
  }
}
