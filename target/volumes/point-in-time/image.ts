/** Reads one image, from wherever each of its chunks is. */
import type { BlockRange } from '../../../wire/scsi/block-ranges.js';
import { firstIndex } from '../../base/search.js';
import type { BlockLayer, Io, IoFailure, ReadDone } from '../block-layer.js';
import { type MarkedBlock, markedFailure } from '../marked-blocks.js';
import { CHUNK_BYTES, FIRST_PLACE, HOLE, LIVE, LOST } from './chunk-map.js';
import type { Images } from './images.js';
import type { AllocationDone, LostCause, OnChange, PointInTime } from './types.js';

const NO_DATA: readonly Buffer[] = [];
const ZEROS = Buffer.alloc(CHUNK_BYTES);
const ENDED: IoFailure = { kind: 'not-ready', cause: 'the image has ended' };
const NOTHING = { blocks: 0, mapped: false };
const nothing = () => {};

/** Adjacent blocks that an image finds in one row. */
interface Stretch {
  readonly blocks: number;
  readonly state: number;
  /** What they are read from, and where; null: hole or lost. */
  readonly layer: BlockLayer | null;
  readonly lba: number;
  /** LBA of the first block that could not be read when it was to be kept; null: all could be. */
  readonly lost: number | null;
}

export class Image implements PointInTime {
  ended = false;
  /** Runs of chunks, `[first, end)`: ascending, and apart from each other. */
  private readonly chunks: readonly (readonly [number, number])[];

  constructor(
    private readonly images: Images,
    /** Number of the generation that began with it. */
    readonly generation: number,
    private readonly ranges: readonly BlockRange[],
    readonly onChange: OnChange,
    readonly lost: (cause: LostCause) => void,
    /** Blocks that could not be read when it was made, by ascending LBA. */
    private readonly marks: readonly MarkedBlock[],
  ) {
    this.chunks = chunksOf(ranges, images.chunkBlocks);
  }

  /** Whether any of its blocks is in a range. */
  touches(lba: number, blocks: number): boolean {
    return this.ranges.some((range) => range.lba < lba + blocks && lba < range.lba + range.blocks);
  }

  /** Whether any of its blocks is in a chunk. */
  covers(chunk: number): boolean {
    const found = this.chunks[firstIndex(this.chunks.length, (index) => this.chunks[index]![1] <= chunk)];
    return found !== undefined && found[0] <= chunk;
  }

  read(io: Io, lba: number, blocks: number, done: ReadDone): void {
    const marked = this.markIn(lba, blocks);
    if (marked === null) new ImageRead(this, { ...io, protected: false }, done).run(lba, lba + blocks);
    else done(markedFailure(marked), NO_DATA, nothing);
  }

  /** The first mark in a range; null: there is none. */
  private markIn(lba: number, blocks: number): MarkedBlock | null {
    const found = this.marks[firstIndex(this.marks.length, (index) => this.marks[index]!.lba < lba)];
    return found !== undefined && found.lba < lba + blocks ? found : null;
  }

  allocation(lba: number, blocks: number, done: AllocationDone): void {
    if (this.ended) {
      done(ENDED, NOTHING);
      return;
    }
    const stretch = this.stretch(lba, lba + blocks);
    if (stretch.state !== LIVE) {
      done(null, { blocks: stretch.blocks, mapped: stretch.state !== HOLE });
      return;
    }
    this.images.parts.below().extents(lba, stretch.blocks, 1, (failure, extents) => {
      if (this.ended || !this.onLdev(lba, stretch.blocks)) this.allocation(lba, blocks, done);
      else if (failure !== null) done(failure, NOTHING);
      else done(null, extents[0] ?? { blocks: stretch.blocks, mapped: true });
    });
  }

  release(): void {
    this.images.end(this, null);
  }

  private find(lba: number) {
    return this.images.find(Math.floor(lba / this.images.chunkBlocks), this.generation);
  }

  /** Whether it still has all of a stretch on the LDEV only. */
  onLdev(lba: number, blocks: number): boolean {
    const stretch = this.stretch(lba, lba + blocks);
    return stretch.state === LIVE && stretch.blocks === blocks;
  }

  /** From `lba` on, up to `end` at most: chunks on the LDEV, in adjacent places of one store, holes, or lost ones. */
  stretch(lba: number, end: number): Stretch {
    const { chunkBlocks, parts } = this.images;
    const found = this.find(lba);
    const step = found.state >= FIRST_PLACE ? 1 : 0;
    let state = found.state;
    let next = (Math.floor(lba / chunkBlocks) + 1) * chunkBlocks;
    for (; next < end; next += chunkBlocks) {
      const more = this.find(next);
      state += step;
      if (more.generation !== found.generation || more.state !== state) break;
    }
    const blocks = Math.min(next, end) - lba;
    if (found.state === LIVE) return { blocks, state: LIVE, layer: parts.below(), lba, lost: null };
    if (found.state < FIRST_PLACE) {
      return { blocks, state: found.state, layer: null, lba, lost: found.state === LOST ? lba : null };
    }
    const place = (found.state - FIRST_PLACE) * chunkBlocks + (lba % chunkBlocks);
    const generation = found.generation!;
    return { blocks, state: found.state, layer: generation.kept, lba: place, lost: generation.firstLost(lba, blocks) };
  }

  get blockSize(): number {
    return this.images.parts.blockSize;
  }
}

function chunksOf(ranges: readonly BlockRange[], chunkBlocks: number): readonly (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const { lba, blocks } of [...ranges].sort((a, b) => a.lba - b.lba)) {
    if (blocks === 0) continue;
    const first = Math.floor(lba / chunkBlocks);
    const end = Math.ceil((lba + blocks) / chunkBlocks);
    const last = runs.at(-1);
    if (last !== undefined && first <= last[1]) last[1] = Math.max(last[1], end);
    else runs.push([first, end]);
  }
  return runs;
}

/** One read: its stretches one after the other, their buffers held until all are there. */
class ImageRead {
  private readonly views: Buffer[] = [];
  private readonly releases: (() => void)[] = [];

  constructor(
    private readonly image: Image,
    private readonly io: Io,
    private readonly done: ReadDone,
  ) {}

  run(lba: number, end: number): void {
    if (lba === end) {
      this.done(null, this.views, () => this.release());
      return;
    }
    if (this.image.ended) {
      this.fail(ENDED);
      return;
    }
    const stretch = this.image.stretch(lba, end);
    if (stretch.lost !== null) {
      this.fail({ kind: 'medium-error', lba: stretch.lost, write: false });
    } else if (stretch.layer === null) {
      this.zeros(stretch.blocks * this.image.blockSize);
      this.run(lba + stretch.blocks, end);
    } else {
      this.readStretch(stretch.layer, stretch, lba, end);
    }
  }

  private readStretch(layer: BlockLayer, stretch: Stretch, lba: number, end: number): void {
    layer.read(this.io, stretch.lba, stretch.blocks, (failure, data, release) => {
      // Of what was overwritten meanwhile, and so saved, what came may be new.
      const overtaken = stretch.state === LIVE && !this.image.ended && !this.image.onLdev(lba, stretch.blocks);
      if (overtaken || this.image.ended || failure !== null) {
        release();
        if (failure !== null && !overtaken) this.fail(failure);
        else this.run(lba, end);
      } else {
        this.views.push(...data);
        this.releases.push(release);
        this.run(lba + stretch.blocks, end);
      }
    });
  }

  private zeros(bytes: number): void {
    for (let left = bytes; left > 0; left -= ZEROS.length) this.views.push(ZEROS.subarray(0, left));
  }

  private release(): void {
    for (const release of this.releases.splice(0)) release();
  }

  private fail(failure: IoFailure): void {
    this.release();
    this.done(failure, NO_DATA, nothing);
  }
}
