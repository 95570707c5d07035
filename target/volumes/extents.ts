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

/** Adjacent regions asked of the drives in one call. */
const REGIONS_PER_QUERY = 8;
/** Regions looked up on the drives by one call of `extents`, so that it never holds up other work for long. */
const REGIONS_PER_CALL = 2048;

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
    let sector = lba * this.sectorsPerBlock;
    let budget = REGIONS_PER_CALL;
    try {
      while (sector < end && budget > 0 && !list.full) {
        const stretch = this.stretch(sector, end);
        if (stretch.place !== 0) {
          budget -= Math.ceil((stretch.end - sector) / REGION_SECTORS);
          for (const [start, count] of this.allocated(volume, stretch.place, sector, stretch.end)) {
            const first = Math.floor(start / this.sectorsPerBlock);
            list.mapped(first, Math.ceil((start + count) / this.sectorsPerBlock));
          }
        }
        sector = stretch.end;
      }
    } catch (error) {
      done({ kind: 'hardware-error', cause: `cannot look up allocation: ${(error as Error).message}` }, []);
      return;
    }
    done(null, list.finish(Math.floor(sector / this.sectorsPerBlock)));
  }

  /** From `sector` on, sectors that are in no region (place 0), or in adjacent places from `place` on. */
  private stretch(sector: number, end: number): { place: number; end: number } {
    const { regions } = this.ldev;
    const first = Math.floor(sector / REGION_SECTORS);
    const last = Math.ceil(end / REGION_SECTORS);
    const place = regions.get(first);
    let next = first + 1;
    if (place === 0) while (next < last && regions.get(next) === 0) next++;
    else {
      while (next < last && next < first + REGIONS_PER_QUERY && regions.get(next) === place + next - first) next++;
    }
    return { place, end: Math.min(next * REGION_SECTORS, end) };
  }

  /** Allocated sector runs of a stretch, ascending; they may overlap. */
  private allocated(volume: CachedVolume, place: number, sector: number, end: number): Run[] {
    const into = (sector % REGION_SECTORS) * SECTOR_BYTES;
    const { group, offset } = this.ldev.volumePool.address(place, into);
    const runs: Run[] = [...volume.dirtyRuns(sector, end - sector)];
    for (const extent of group.extents(offset, (end - sector) * SECTOR_BYTES)) {
      if (!extent.allocated) continue;
      const start = sector + Math.floor((extent.offset - offset) / SECTOR_BYTES);
      runs.push([start, Math.ceil(extent.bytes / SECTOR_BYTES)]);
    }
    return runs.sort((a, b) => a[0] - b[0]);
  }
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
