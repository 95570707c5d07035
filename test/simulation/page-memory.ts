/**
 * Mapped memory in a simulated machine. A killed process loses nothing of it. A loss of power leaves each page of
 * 4 KiB that was stored to since the last sync that ended as it was then, as it is now, or as it was when the kernel
 * happened to write it back in between.
 */
import type { Clock, PersistentMemory, Random } from '../../target/disk/types.js';

const PAGE = 4096;
const SYNC_MS = 1;
/** One of so many commits is written back by the kernel, unasked. */
const WRITEBACK = 40;

export class PageMemory implements PersistentMemory {
  readonly buffer: Buffer;
  /** What is on the medium for certain. */
  readonly #medium: Buffer;
  /** Pages stored to, of which the medium may have older versions. */
  #touched = new Set<number>();

  /** @param committed called after each group of stores; may throw, which is how a process dies inside one */
  constructor(
    bytes: number,
    private readonly random: Random,
    private clock: Clock,
    private readonly committed: () => void,
  ) {
    this.buffer = Buffer.alloc(bytes);
    this.#medium = Buffer.alloc(bytes);
  }

  commit(offset: number, bytes: number): void {
    const writtenBack = this.random.below(WRITEBACK) === 0;
    for (let page = Math.floor(offset / PAGE); page * PAGE < offset + bytes; page++) {
      this.#touched.add(page);
      if (writtenBack) this.#writeBack(page);
    }
    this.committed();
  }

  sync(done: (error: Error | null) => void): void {
    const pages = [...this.#touched].map((page) => ({ page, content: Buffer.from(this.#page(this.buffer, page)) }));
    const touched = this.#touched;
    this.clock.setTimeout(() => {
      for (const { page, content } of pages) {
        content.copy(this.#medium, page * PAGE);
        if (content.equals(this.#page(this.buffer, page))) touched.delete(page);
      }
      done(null);
    }, SYNC_MS);
  }

  close(): void {}

  /**
   * The next process opens it, which brings everything to the medium: see `openPersistentMemory`. What the dead one had
   * under way has to be kept from running by its clock.
   */
  reopen(clock: Clock): this {
    for (const page of this.#touched) this.#writeBack(page);
    this.#touched.clear();
    this.clock = clock;
    return this;
  }

  cut(): void {
    for (const page of this.#touched) {
      if (this.random.below(2) === 0) this.#writeBack(page);
      else this.#page(this.#medium, page).copy(this.buffer, page * PAGE);
    }
    this.#touched.clear();
  }

  #page(from: Buffer, page: number): Buffer {
    return from.subarray(page * PAGE, (page + 1) * PAGE);
  }

  #writeBack(page: number): void {
    this.#page(this.buffer, page).copy(this.#medium, page * PAGE);
  }
}
