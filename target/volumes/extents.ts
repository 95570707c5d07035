/**
 * Which blocks of an LDEV are allocated (GET LBA STATUS, `lunarray ldev list`). Three sources are laid over each
 * other: the map of regions (no region: unallocated), the drives' extents (SEEK_HOLE: a region is there, but
 * holes in it were never written or were unmapped), and dirty data that is on no drive yet.
 *
 * Granularity is that of the drive's file system, usually 4 KiB: blocks that share an allocated unit with
 * written ones are told as allocated, and a block is allocated if any part of it is.
 */
import { type CachedVolume, SECTOR_BYTES } from '../cache/types.js';
import type { BlockExtent, ExtentsDone } from './block-layer.js';
import type { Pool } from './pool.js';
import { REGION_SECTORS, type RegionTable } from './regions.js';

/** Runs collected before dirty data is looked up, which costs the same for few as for many. */
const RUNS_AT_ONCE = 256;
/** Adjacent regions asked of the drives in one look. */
const REGIONS_PER_LOOK = 4096;
/** What one call of `extents` may cost, counted in looks at drives, so that it never holds up other work for long. */
const LOOKS_PER_CALL = 2048;

/** Where an LDEV's regions are. */
export interface AllocatedLdev {
  readonly blockSize: number;
  readonly thin: boolean;
  readonly volumePool: Pool;
  readonly regions: RegionTable;
}

type Run = readonly [start: number, count: number];

export class AllocationMap {
  private readonly sectorsPerBlock: number;

  constructor(private readonly ldev: AllocatedLdev) {
    this.sectorsPerBlock = ldev.blockSize / SECTOR_BYTES;
  }

  /**
   * As BlockLayer.extents. The list may end before the range does even below `limit`, when looking further
   * would take long; callers ask again from there.
   */
  extents(volume: CachedVolume, lba: number, blocks: number, limit: number, done: ExtentsDone): void {
    if (!this.ldev.thin) {
      done(null, [{ lba, blocks, mapped: true }]);
      return;
    }
    const list = new ExtentList(lba, lba + blocks, limit);
    const end = (lba + blocks) * this.sectorsPerBlock;
    const search: Search = { at: lba * this.sectorsPerBlock, looks: LOOKS_PER_CALL };
    try {
      while (search.at < end && search.looks > 0 && !list.full) {
        const from = search.at;
        const runs = this.onDrives(search, end, Math.max(limit, RUNS_AT_ONCE));
        runs.push(...volume.dirtyRuns(from, search.at - from));
        for (const [start, count] of runs.sort((a, b) => a[0] - b[0])) {
          const first = Math.floor(start / this.sectorsPerBlock);
          list.mapped(first, Math.ceil((start + count) / this.sectorsPerBlock));
        }
      }
    } catch (error) {
      done({ kind: 'hardware-error', cause: `cannot look up allocation: ${(error as Error).message}` }, []);
      return;
    }
    done(null, list.finish(Math.floor(search.at / this.sectorsPerBlock)));
  }

  /** Allocated sector runs from `search.at` on, ascending: about `wanted`, or all up to `end`, or what `looks` allow. */
  private onDrives(search: Search, end: number, wanted: number): Run[] {
    const runs: Run[] = [];
    while (search.at < end && search.looks > 0 && runs.length < wanted) {
      const stretch = this.stretch(search.at, end);
      if (stretch.place === 0) search.at = stretch.end;
      else this.lookAt(stretch, search, runs);
    }
    return runs;
  }

  /** From `sector` on, sectors that are in no region (place 0), or in adjacent places from `place` on. */
  private stretch(sector: number, end: number): { place: number; end: number } {
    const { regions } = this.ldev;
    const first = Math.floor(sector / REGION_SECTORS);
    const last = Math.ceil(end / REGION_SECTORS);
    const place = regions.get(first);
    let next = first + 1;
    if (place === 0) next = regions.nextAssigned(next, last)?.first ?? last;
    else {
      const stop = Math.min(last, first + REGIONS_PER_LOOK);
      while (next < stop && regions.get(next) === place + next - first) next++;
    }
    return { place, end: Math.min(next * REGION_SECTORS, end) };
  }

  /** Adds what the drives have allocated of a stretch of places, as far as they tell in one go. */
  private lookAt(stretch: { place: number; end: number }, search: Search, runs: Run[]): void {
    const sector = search.at;
    const into = (sector % REGION_SECTORS) * SECTOR_BYTES;
    const { group, offset } = this.ldev.volumePool.address(stretch.place, into);
    const bytes = (stretch.end - sector) * SECTOR_BYTES;
    const extents = group.extents(offset, bytes, RUNS_AT_ONCE);
    for (const extent of extents) {
      if (!extent.allocated) continue;
      const start = sector + Math.floor((extent.offset - offset) / SECTOR_BYTES);
      runs.push([start, Math.ceil(extent.bytes / SECTOR_BYTES)]);
    }
    const last = extents.at(-1)!;
    search.at = sector + Math.ceil((last.offset + last.bytes - offset) / SECTOR_BYTES);
    search.looks -= 1 + extents.length;
  }
}

/** Where a search stands, and what it may still cost. */
interface Search {
  at: number;
  looks: number;
}

/** Builds the list of extents from mapped runs given in ascending order. */
class ExtentList {
  private readonly extents: BlockExtent[] = [];
  /** Everything before this block is in `extents`, but for the run being grown. */
  private told: number;
  private runStart = 0;
  private runEnd = 0;

  constructor(
    lba: number,
    private readonly end: number,
    private readonly limit: number,
  ) {
    this.told = lba;
    this.runStart = lba;
    this.runEnd = lba;
  }

  get full(): boolean {
    return this.extents.length >= this.limit;
  }

  mapped(from: number, to: number): void {
    const start = Math.max(from, this.told);
    const end = Math.min(to, this.end);
    if (start >= end) return;
    if (start <= this.runEnd) {
      this.runEnd = Math.max(this.runEnd, end);
      return;
    }
    this.closeRun();
    this.runStart = start;
    this.runEnd = end;
  }

  /** The list; blocks up to `reached` that were not told are unmapped. */
  finish(reached: number): readonly BlockExtent[] {
    this.closeRun();
    const end = Math.min(Math.max(reached, this.told), this.end);
    if (end > this.told) this.push(end, false);
    return this.extents.slice(0, this.limit);
  }

  private closeRun(): void {
    if (this.runEnd <= this.runStart) return;
    if (this.runStart > this.told) this.push(this.runStart, false);
    this.push(this.runEnd, true);
    this.runStart = this.runEnd;
  }

  private push(end: number, mapped: boolean): void {
    this.extents.push({ lba: this.told, blocks: end - this.told, mapped });
    this.told = end;
  }
}
