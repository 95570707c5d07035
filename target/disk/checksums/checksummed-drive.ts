import { native } from '../../../native/index.js';
import { inParallel } from '../in-parallel.js';
import { inSeries } from '../in-series.js';
import { totalBytes } from '../total-bytes.js';
import type { BadRange, DriveDone, DriveError, DriveExtent, DriveIo, DriveWrite } from '../types.js';
import {
  BLOCK_BYTES,
  type Checksummed,
  corrupt,
  LOST,
  PAGE_BLOCKS,
  type SumsDone,
  sumsBytes,
  ZERO,
} from './checksummed.js';
import { type SumPage, SumPages } from './sum-pages.js';
import { summedExtents } from './summed-extents.js';

/** 8 MiB of sums in memory, those of 1 GiB of data. */
const DEFAULT_PAGES = 2048;

/** Blocks of one operation on a stretch of a drive. */
interface Stretch {
  readonly first: number;
  readonly count: number;
  readonly buffers: readonly Buffer[];
}

/** With the pages of its sums at hand, ascending. */
interface Held extends Stretch {
  pages: readonly SumPage[];
}

/**
 * A drive and the drive of its sums, as one. Data and sums are written side by side: after an unclean end they may
 * disagree where something was being written or had not been synced, and whoever uses the drive has to know where that
 * was. Errors of the sums are errors of the drive.
 *
 * As for any drive, operations under way at a time do not overlap; reads that overlap a write may fail with `corrupt`.
 */
export class ChecksummedDrive implements Checksummed {
  readonly #pages: SumPages;
  #scratch = new Uint32Array(PAGE_BLOCKS);

  /**
   * @param sums of `sumsBytes`; zeros where `data` has never been written
   * @param pages of 4 KiB of sums that are kept in memory
   */
  constructor(
    private readonly data: DriveIo,
    private readonly sums: DriveIo,
    pages = DEFAULT_PAGES,
  ) {
    if (sums.bytes < sumsBytes(data.bytes)) throw new RangeError(`${data.name}: too few bytes for its sums`);
    this.#pages = new SumPages(sums, pages);
  }

  get name(): string {
    return this.data.name;
  }

  get bytes(): number {
    return this.data.bytes;
  }

  get failure(): DriveError | null {
    return this.data.failure ?? this.sums.failure ?? null;
  }

  readNow(offset: number, buffers: readonly Buffer[]): boolean {
    const { first, count } = stretchOf(offset, buffers);
    const page = this.#pages.holdNow(first);
    if (page === null) return false;
    const next = pageOf(first) === pageOf(first + count - 1) ? page : this.#pages.holdNow(first + count - 1);
    // More than two pages are read in the background.
    const near = next !== null && next.number - page.number < 2;
    const good =
      near &&
      this.data.readNow(offset, buffers) &&
      this.#bad(first, count, buffers, next === page ? [page] : [page, next]) === null;
    this.#pages.release(page);
    if (next !== null && next !== page) this.#pages.release(next);
    return good;
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    const { first, count } = stretchOf(offset, buffers);
    let held: readonly SumPage[] = [];
    const loadSums = (ended: DriveDone) =>
      this.#pages.hold(first, first + count - 1, (error, pages) => {
        held = pages;
        ended(error);
      });
    const readData = (ended: DriveDone) => this.data.read(offset, buffers, ended);
    inParallel([readData, loadSums], both, (error) => {
      const bad = error === null ? this.#bad(first, count, buffers, held) : null;
      this.#release(held);
      done(bad === null ? error : corrupt(this.name, bad));
    });
  }

  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.writeMany([{ offset, buffers }], done);
  }

  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    const stretches = writes.map(({ offset, buffers }) => stretchOf(offset, buffers));
    this.#hold(stretches, done, (held, ended) => {
      const lost = held.some(anyLost);
      const storeSums = (stored: DriveDone): void => {
        for (const each of held) this.#setSums(each);
        const pages = new Set(held.flatMap((each) => each.pages));
        inParallel([...pages], (page, each) => this.#pages.store(page, each), stored);
      };
      const writeData = (written: DriveDone) => this.data.writeMany(writes, written);
      if (lost) {
        // What a block that was given up holds is nobody's data: no sum may ever vouch for that.
        inSeries([writeData, (synced: DriveDone) => this.data.sync(synced), storeSums], both, ended);
      } else {
        inParallel([storeSums, writeData], both, ended);
      }
    });
  }

  punch(offset: number, bytes: number, done: DriveDone): void {
    const first = offset / BLOCK_BYTES;
    const end = first + bytes / BLOCK_BYTES;
    const firstPage = Math.ceil(first / PAGE_BLOCKS);
    const endPage = Math.floor(end / PAGE_BLOCKS);
    const punchData = (ended: DriveDone) => this.data.punch(offset, bytes, ended);
    if (firstPage >= endPage) {
      inParallel([punchData, (ended: DriveDone) => this.#fill(first, end - first, ZERO, ended)], both, done);
      return;
    }
    const head = firstPage * PAGE_BLOCKS - first;
    const tail = end - endPage * PAGE_BLOCKS;
    const parts = [punchData, (ended: DriveDone) => this.#pages.punch(firstPage, endPage - firstPage, ended)];
    if (head > 0) parts.push((ended) => this.#fill(first, head, ZERO, ended));
    if (tail > 0) parts.push((ended) => this.#fill(end - tail, tail, ZERO, ended));
    inParallel(parts, both, done);
  }

  extents(offset: number, bytes: number, limit?: number): readonly DriveExtent[] {
    return summedExtents(this.data, this.#pages, offset, bytes, limit);
  }

  sync(done: DriveDone): void {
    const parts = [(ended: DriveDone) => this.data.sync(ended), (ended: DriveDone) => this.#pages.sync(ended)];
    inParallel(parts, both, done);
  }

  close(): void {
    this.data.close();
    this.sums.close();
  }

  compare(offset: number, data: Buffer, done: (error: DriveError | null, bad: readonly BadRange[]) => void): void {
    const { first, count, buffers } = stretchOf(offset, [data]);
    this.#pages.hold(first, first + count - 1, (error, pages) => {
      const bad = error === null ? this.#bad(first, count, buffers, pages) : null;
      this.#release(pages);
      done(error, bad ?? []);
    });
  }

  markLost(offset: number, bytes: number, done: DriveDone): void {
    const zeros = Buffer.alloc(bytes);
    const writeZeros = (ended: DriveDone) => this.data.write(offset, [zeros], ended);
    const mark = (ended: DriveDone) => this.#fill(offset / BLOCK_BYTES, bytes / BLOCK_BYTES, LOST, ended);
    // The mark first: zeros are wrong, and would be found to be.
    inSeries([mark, writeZeros], both, done);
  }

  checkSums(offset: number, bytes: number, done: SumsDone): void {
    this.#pages.check(Math.floor(offset / BLOCK_BYTES), Math.ceil((offset + bytes) / BLOCK_BYTES) - 1, done);
  }

  #fill(first: number, count: number, sum: number, done: DriveDone): void {
    this.#hold([{ first, count, buffers: [] }], done, ([{ pages }], ended) => {
      for (const page of pages) {
        const { from, length } = within(page, first, count);
        this.#pages.fill(page, from, length, sum);
      }
      inParallel(pages, (page, each) => this.#pages.store(page, each), ended);
    });
  }

  /** Runs with the pages of all stretches at hand. */
  #hold(
    stretches: readonly Stretch[],
    done: DriveDone,
    run: (held: readonly [Held, ...Held[]], ended: DriveDone) => void,
  ): void {
    const held = stretches.map((stretch): Held => ({ ...stretch, pages: [] }));
    const hold = (each: Held, ended: DriveDone) =>
      this.#pages.hold(each.first, each.first + each.count - 1, (error, pages) => {
        each.pages = pages;
        ended(error);
      });
    inParallel(held, hold, (error) => {
      const finish: DriveDone = (failure) => {
        for (const { pages } of held) this.#release(pages);
        done(failure);
      };
      if (error !== null) finish(error);
      else run(held as [Held, ...Held[]], finish);
    });
  }

  #release(pages: readonly SumPage[]): void {
    for (const page of pages) this.#pages.release(page);
  }

  #sumsOf({ first, count, buffers }: Stretch): Uint32Array {
    if (this.#scratch.length < count) this.#scratch = new Uint32Array(count);
    native.blockSums(buffers, first, this.#scratch);
    return this.#scratch;
  }

  #setSums(held: Held): void {
    const { first, count, pages } = held;
    const sums = this.#sumsOf(held);
    for (const page of pages) {
      const { from, length } = within(page, first, count);
      this.#pages.set(page, from, length, sums, from - first);
    }
  }

  /** Null: all blocks are what was written. @param pages all that have their sums, each once */
  #bad(first: number, count: number, buffers: readonly Buffer[], pages: readonly SumPage[]): BadRange[] | null {
    const sums = this.#sumsOf({ first, count, buffers });
    let bad: BadRange[] | null = null;
    for (const page of pages) {
      const { from, length } = within(page, first, count);
      const index = from - page.number * PAGE_BLOCKS;
      for (let i = 0; i < length; i++) {
        const sum = page.words[index + i]!;
        if (sum === sums[from - first + i]) continue;
        bad = addBad(bad ?? [], from + i, sum === LOST);
      }
    }
    return bad;
  }
}

function addBad(bad: BadRange[], block: number, lost: boolean): BadRange[] {
  const offset = block * BLOCK_BYTES;
  const last = bad.at(-1);
  if (last !== undefined && last.lost === lost && last.offset + last.bytes === offset) {
    bad[bad.length - 1] = { ...last, bytes: last.bytes + BLOCK_BYTES };
  } else {
    bad.push({ offset, bytes: BLOCK_BYTES, lost });
  }
  return bad;
}

function pageOf(block: number): number {
  return Math.floor(block / PAGE_BLOCKS);
}

function anyLost({ first, count, pages }: Held): boolean {
  return pages.some((page) => {
    const { from, length } = within(page, first, count);
    const index = from - page.number * PAGE_BLOCKS;
    return page.words.subarray(index, index + length).includes(LOST);
  });
}

/** The blocks of a stretch whose sums are in the page. */
function within(page: SumPage, first: number, count: number): { readonly from: number; readonly length: number } {
  const start = page.number * PAGE_BLOCKS;
  const from = Math.max(first, start);
  return { from, length: Math.min(first + count, start + PAGE_BLOCKS) - from };
}

function stretchOf(offset: number, buffers: readonly Buffer[]): Stretch {
  return { first: offset / BLOCK_BYTES, count: totalBytes(buffers) / BLOCK_BYTES, buffers };
}

type Step = (ended: DriveDone) => void;

function both(step: Step, ended: DriveDone): void {
  step(ended);
}
