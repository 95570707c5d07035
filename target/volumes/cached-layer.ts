/**
 * The bottom layer: an LDEV's blocks on its cached volume. Converts blocks to the cache's sectors and back,
 * and adds what the cache does not know: the map of regions must be as durable as the data it leads to.
 */
import { type CachedVolume, SECTOR_BYTES } from '../cache/types.js';
import type { BlockLayer, Done, ExtentsDone, Io, IoFailure, ReadDone } from './block-layer.js';
import type { AllocationMap } from './extents.js';
import { REGION_SECTORS, type RegionTable } from './regions.js';

const NO_DATA: readonly Buffer[] = [];
const nothing = () => {};

/** What the layer asks of its LDEV. */
export interface CachedLayerOwner {
  readonly blocks: number;
  readonly blockSize: number;
  /** Makes the assignments of regions so far survive loss of power. */
  syncRegions(done: Done): void;
  readonly allocation: AllocationMap;
  readonly regions: RegionTable;
  /** Told when whole regions, `first` up to but not `end`, hold nothing and nothing is under way to or from them. */
  unmapped(first: number, end: number): void;
}

/** Regions handed to the cache together: so many can be taken from their LDEV in one turn of the event loop. */
const REGIONS_PER_UNMAP = 256;

export class CachedLayer implements BlockLayer {
  private readonly sectorsPerBlock: number;
  /** Set when the LDEV is deleted: nothing may reach its regions any more. */
  private closed: IoFailure | null = null;

  constructor(
    private readonly volume: CachedVolume,
    private readonly owner: CachedLayerOwner,
  ) {
    this.sectorsPerBlock = owner.blockSize / SECTOR_BYTES;
  }

  /** From now on every operation fails with `not-ready`. */
  close(cause: string): void {
    this.closed = { kind: 'not-ready', cause };
  }

  read(io: Io, lba: number, blocks: number, done: ReadDone): void {
    if (this.closed !== null) {
      done(this.closed, NO_DATA, nothing);
      return;
    }
    if (this.sectorsPerBlock === 1) this.volume.read(io, lba, blocks, done);
    else this.readConverted(io, lba, blocks, done);
  }

  write(io: Io, lba: number, blocks: number, data: readonly Buffer[], done: Done): void {
    if (this.closed !== null) {
      done(this.closed);
      return;
    }
    const ratio = this.sectorsPerBlock;
    const next = io.fua || ratio !== 1 ? this.finish(io.fua, done) : done;
    this.volume.write(io, lba * ratio, blocks * ratio, data, next);
  }

  unmap(_io: Io, lba: number, blocks: number, done: Done): void {
    if (this.closed !== null) {
      done(this.closed);
      return;
    }
    const ratio = this.sectorsPerBlock;
    this.unmapAssigned(lba * ratio, (lba + blocks) * ratio, ratio === 1 ? done : this.finish(false, done));
  }

  flush(io: Io, lba: number, blocks: number, done: Done): void {
    if (this.closed !== null) {
      done(this.closed);
      return;
    }
    const ratio = this.sectorsPerBlock;
    const count = blocks === 0 ? this.owner.blocks - lba : blocks;
    io.waits?.begin('drives');
    const flushed: Done = (failure) => {
      io.waits?.end('drives');
      done(failure);
    };
    this.volume.flush(lba * ratio, count * ratio, this.finish(true, flushed));
  }

  prefetch(io: Io, lba: number, blocks: number, done: Done): void {
    if (this.closed !== null) {
      done(this.closed);
      return;
    }
    const ratio = this.sectorsPerBlock;
    const count = blocks === 0 ? this.owner.blocks - lba : blocks;
    this.volume.prefetch(io, lba * ratio, count * ratio, ratio === 1 ? done : this.finish(false, done));
  }

  extents(lba: number, blocks: number, limit: number, done: ExtentsDone): void {
    if (this.closed !== null) {
      done(this.closed, []);
      return;
    }
    this.owner.allocation.extents(this.volume, lba, blocks, limit, done);
  }

  /** Unmaps what has regions; the rest is zeros already, and looking at it slot by slot would take long. */
  private unmapAssigned(sector: number, end: number, done: Done): void {
    const run = this.owner.regions.nextAssigned(Math.floor(sector / REGION_SECTORS), Math.ceil(end / REGION_SECTORS));
    if (run === null) {
      done(null);
      return;
    }
    const first = Math.max(sector, run.first * REGION_SECTORS);
    const next = Math.min(end, run.end * REGION_SECTORS, (run.first + REGIONS_PER_UNMAP) * REGION_SECTORS);
    this.volume.unmap(first, next - first, (failure) => {
      if (failure === null) this.giveBack(first, next);
      if (failure !== null || next === end) done(failure);
      else this.unmapAssigned(next, end, done);
    });
  }

  /**
   * Gives back the regions that lie wholly in [sector, end). Only in the call that ends an unmap: in it, nothing
   * of the range is in the cache, being staged or being destaged, and commands that wait for the unmap have not
   * gone on yet.
   */
  private giveBack(sector: number, end: number): void {
    const { owner } = this;
    const first = Math.ceil(sector / REGION_SECTORS);
    const toLast = end === owner.blocks * this.sectorsPerBlock;
    const past = toLast ? Math.ceil(end / REGION_SECTORS) : Math.floor(end / REGION_SECTORS);
    if (first < past) owner.unmapped(first, past);
  }

  /** Apart from `read`, which is then free of closures. */
  private readConverted(io: Io, lba: number, blocks: number, done: ReadDone): void {
    const ratio = this.sectorsPerBlock;
    this.volume.read(io, lba * ratio, blocks * ratio, (failure, data, release) =>
      done(this.inBlocks(failure), data, release),
    );
  }

  /** A `done` for the cache: converts the failure, and with `durable` waits for the regions' records too. */
  private finish(durable: boolean, done: Done): Done {
    return (failure) => {
      if (failure !== null) done(this.inBlocks(failure));
      else if (durable) this.owner.syncRegions(done);
      else done(null);
    };
  }

  /** The cache tells sectors; callers above want blocks. */
  private inBlocks(failure: IoFailure | null): IoFailure | null {
    if (failure === null || failure.kind !== 'medium-error' || this.sectorsPerBlock === 1) return failure;
    return { ...failure, lba: Math.floor(failure.lba / this.sectorsPerBlock) };
  }
}
