import { inParallel } from '../in-parallel.js';
import type { DriveDone, DriveError, DriveIo } from '../types.js';
import { BLOCK_BYTES, PAGE_BLOCKS, PAGE_BYTES, SUM_BYTES, type SumsDone } from './checksummed.js';

/** 4 KiB of sums, those of 512 KiB of data. What is in memory is the newest. */
export class SumPage {
  readonly bytes = Buffer.alloc(PAGE_BYTES);
  readonly words = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, PAGE_BLOCKS);
  /** Operations that need it; and a write of it. */
  users = 0;
  loaded = false;
  readonly loading: DriveDone[] = [];
  /** Changed since the last write of it began, in bytes; none if `dirtyFrom` is not below `dirtyTo`. */
  dirtyFrom = PAGE_BYTES;
  dirtyTo = 0;
  writing = false;
  /** Writes that have ended. */
  writes = 0;
  /** Wait for a write that begins from now on. */
  waiting: DriveDone[] = [];

  constructor(readonly number: number) {}

  get dirty(): boolean {
    return this.dirtyFrom < this.dirtyTo;
  }
}

/**
 * Pages of sums in memory, those used last. Of one page one write is under way at a time; changes made meanwhile go
 * together with the next, so that none overtakes another.
 */
export class SumPages {
  /** In the order in which they were last used. */
  readonly #pages = new Map<number, SumPage>();
  /** Something has been written since the last sync began; an earlier process may have left something too. */
  #unsynced = true;
  /** Wait for the sync that began last; null: it has ended. */
  #syncing: DriveDone[] | null = null;

  /** @param limit pages kept, besides those in use */
  constructor(
    private readonly drive: DriveIo,
    private readonly limit: number,
  ) {}

  /** Pages in memory. */
  get count(): number {
    return this.#pages.size;
  }

  /** The page of a block, held until `release`; null: it is not at hand. */
  holdNow(block: number): SumPage | null {
    const page = this.#page(Math.floor(block / PAGE_BLOCKS));
    if (!page.loaded) {
      if (page.loading.length > 0 || !this.drive.readNow(page.number * PAGE_BYTES, [page.bytes])) {
        this.release(page);
        return null;
      }
      page.loaded = true;
    }
    return page;
  }

  /** Pages from block `first` to block `last`, ascending, held until `release`; on an error none is. */
  hold(first: number, last: number, done: (error: DriveError | null, pages: readonly SumPage[]) => void): void {
    const pages: SumPage[] = [];
    for (let page = Math.floor(first / PAGE_BLOCKS); page * PAGE_BLOCKS <= last; page++) pages.push(this.#page(page));
    const missing = pages.filter((page) => !page.loaded && !this.#loadNow(page));
    if (missing.length === 0) {
      done(null, pages);
      return;
    }
    inParallel(
      missing,
      (page, ended) => this.#load(page, ended),
      (error) => {
        if (error !== null) for (const page of pages) this.release(page);
        done(error, error === null ? pages : []);
      },
    );
  }

  release(page: SumPage): void {
    page.users--;
    if (page.users > 0) return;
    if (!page.loaded) this.#pages.delete(page.number);
    else if (this.#pages.size > this.limit) this.#evict();
  }

  /** Gives blocks of a held page new sums, in memory only. @param sums from index `from` on */
  set(page: SumPage, block: number, count: number, sums: Uint32Array, from: number): void {
    const index = block - page.number * PAGE_BLOCKS;
    page.words.set(sums.subarray(from, from + count), index);
    this.#changed(page, index, count);
  }

  /** As `set`, the same for all. */
  fill(page: SumPage, block: number, count: number, sum: number): void {
    const index = block - page.number * PAGE_BLOCKS;
    page.words.fill(sum, index, index + count);
    this.#changed(page, index, count);
  }

  /** Calls back when all that was changed in a held page is on the drive of sums. */
  store(page: SumPage, done: DriveDone): void {
    page.waiting.push(done);
    if (!page.writing) this.#write(page);
  }

  /** What was stored and punched before survives loss of power. A drive that nobody wrote to is not asked. */
  sync(done: DriveDone): void {
    if (!this.#unsynced) {
      // One that is under way covers all there is.
      if (this.#syncing === null) done(null);
      else this.#syncing.push(done);
      return;
    }
    const waiting = [done];
    this.#unsynced = false;
    this.#syncing = waiting;
    this.drive.sync((error) => {
      if (error !== null) this.#unsynced = true;
      if (this.#syncing === waiting) this.#syncing = null;
      for (const each of waiting) each(error);
    });
  }

  /** The first page from `first` up to but not `end` that the drive has something of; the others are all zeros. */
  emptyUpTo(first: number, end: number): number {
    const [extent] = this.drive.extents(first * PAGE_BYTES, (end - first) * PAGE_BYTES, 1);
    return extent!.allocated ? first : first + Math.floor(extent!.bytes / PAGE_BYTES);
  }

  /** Empties whole pages, which nobody holds. */
  punch(first: number, count: number, done: DriveDone): void {
    const held: SumPage[] = [];
    for (const page of this.#inMemory(first, count)) {
      page.users++;
      this.fill(page, page.number * PAGE_BLOCKS, PAGE_BLOCKS, 0);
      held.push(page);
    }
    this.drive.punch(first * PAGE_BYTES, count * PAGE_BYTES, (error) => {
      this.#unsynced = true;
      // After the hole, as a write of before may still have been on its way.
      inParallel(
        held,
        (page, ended) => this.store(page, ended),
        (failure) => {
          for (const page of held) this.release(page);
          done(error ?? failure);
        },
      );
    });
  }

  /**
   * Holds pages in memory, from that of block `first` to that of block `last`, against the drive: it may have lost or
   * misplaced what it was given, which nobody sees until the page is read again.
   */
  check(first: number, last: number, done: SumsDone): void {
    const from = Math.floor(first / PAGE_BLOCKS);
    const pages = this.#inMemory(from, Math.floor(last / PAGE_BLOCKS) - from + 1).filter(({ loaded }) => loaded);
    let wrong = 0;
    const checkOne = (page: SumPage, ended: DriveDone): void => {
      page.users++;
      this.#checkPage(page, (error, found) => {
        wrong += found;
        this.release(page);
        ended(error);
      });
    };
    inParallel(pages, checkOne, (error) => done(error, wrong));
  }

  #checkPage(page: SumPage, done: SumsDone): void {
    const found = new Uint32Array(PAGE_BLOCKS);
    const { writes } = page;
    this.drive.read(page.number * PAGE_BYTES, [Buffer.from(found.buffer)], (error) => {
      const changes = page.dirty || page.writing || page.writes !== writes;
      // What cannot be read may be readable once it is written again.
      const wrong = changes ? [] : [...found.keys()].filter((at) => error !== null || found[at] !== page.words[at]);
      if (wrong.length === 0) {
        done(null, 0);
        return;
      }
      this.#changed(page, wrong[0]!, wrong.at(-1)! - wrong[0]! + 1);
      this.store(page, (failure) => done(failure, failure === null ? wrong.length : 0));
    });
  }

  #inMemory(first: number, count: number): SumPage[] {
    if (count > this.#pages.size) {
      return [...this.#pages.values()].filter(({ number }) => number >= first && number < first + count);
    }
    return Array.from({ length: count }, (_, index) => this.#pages.get(first + index)).filter(
      (page) => page !== undefined,
    );
  }

  #page(number: number): SumPage {
    let page = this.#pages.get(number);
    if (page === undefined) page = new SumPage(number);
    else this.#pages.delete(number);
    this.#pages.set(number, page);
    page.users++;
    return page;
  }

  #loadNow(page: SumPage): boolean {
    if (page.loading.length > 0 || !this.drive.readNow(page.number * PAGE_BYTES, [page.bytes])) return false;
    page.loaded = true;
    return true;
  }

  #load(page: SumPage, done: DriveDone): void {
    page.loading.push(done);
    if (page.loading.length > 1) return;
    this.drive.read(page.number * PAGE_BYTES, [page.bytes], (error) => {
      page.loaded = error === null;
      for (const ended of page.loading.splice(0)) ended(error);
    });
  }

  #changed(page: SumPage, index: number, count: number): void {
    const sector = (at: number) => Math.ceil((at * SUM_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
    page.dirtyFrom = Math.min(page.dirtyFrom, Math.floor((index * SUM_BYTES) / BLOCK_BYTES) * BLOCK_BYTES);
    page.dirtyTo = Math.max(page.dirtyTo, sector(index + count));
  }

  #write(page: SumPage): void {
    const waiting = page.waiting;
    const { dirtyFrom: from, dirtyTo: to } = page;
    page.waiting = [];
    if (!page.dirty) {
      // An earlier write took it along.
      for (const done of waiting) done(null);
      return;
    }
    page.dirtyFrom = PAGE_BYTES;
    page.dirtyTo = 0;
    page.writing = true;
    page.users++;
    // A copy: the page goes on changing.
    const content = Buffer.from(page.bytes.subarray(from, to));
    this.drive.write(page.number * PAGE_BYTES + from, [content], (error) => {
      page.writing = false;
      page.writes++;
      this.#unsynced = true;
      if (error !== null) {
        page.dirtyFrom = Math.min(page.dirtyFrom, from);
        page.dirtyTo = Math.max(page.dirtyTo, to);
      }
      for (const done of waiting) done(error);
      if (page.waiting.length > 0 && !page.writing) this.#write(page);
      this.release(page);
    });
  }

  /** What could not be written stays, to go with the next write. */
  #evict(): void {
    for (const [number, page] of this.#pages) {
      if (this.#pages.size <= this.limit) return;
      if (page.users === 0 && !page.dirty) this.#pages.delete(number);
    }
  }
}
