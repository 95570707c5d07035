import type { BlockLayer, IoFailure } from '../block-layer.js';
import { ChunkMap, FIRST_PLACE, LOST } from './chunk-map.js';
import type { ChunkStore } from './types.js';

export type OpenStore = () => ChunkStore | IoFailure;

/** What was overwritten from the making of one image to that of the next. */
export class Generation {
  private readonly map = new ChunkMap();
  private store: ChunkStore | null = null;
  private places = 0;
  /** LBAs, of the LDEV, in saved chunks that could not be read whole. */
  private readonly lostBlocks = new Set<number>();
  /** No image needs it any more. */
  left = false;

  constructor(private readonly openStore: OpenStore) {}

  /** Nothing was overwritten yet. */
  get untouched(): boolean {
    return this.map.empty;
  }

  /** As in `ChunkMap`. */
  state(chunk: number): number {
    return this.map.get(chunk);
  }

  /** The store, and the place for `chunks` chunks in it; it is made when first needed. */
  take(chunks: number): { readonly store: ChunkStore; readonly place: number } | IoFailure {
    if (this.store === null) {
      const made = this.openStore();
      if ('kind' in made) return made;
      this.store = made;
    }
    // What could not be written has left places behind.
    if (!this.store.hasRoom || this.places + chunks > this.store.chunks)
      return { kind: 'no-space', cause: 'what the pool has left is for hosts' };
    const place = this.places;
    this.places += chunks;
    return { store: this.store, place };
  }

  /** The blocks that places of this generation are in. */
  get kept(): BlockLayer {
    return this.store!.layer;
  }

  saved(first: number, chunks: number, place: number): void {
    for (let each = 0; each < chunks; each++) this.map.set(first + each, FIRST_PLACE + place + each);
  }

  /** A chunk of which some blocks could not be read. @param lost their LBAs */
  salvaged(chunk: number, place: number, lost: readonly number[]): void {
    this.saved(chunk, 1, place);
    for (const lba of lost) this.lostBlocks.add(lba);
  }

  /** The first block of a range of saved chunks that could not be read; null: all could be. */
  firstLost(lba: number, blocks: number): number | null {
    const inside = [...this.lostBlocks].filter((each) => each >= lba && each < lba + blocks);
    return inside.length === 0 ? null : Math.min(...inside);
  }

  holes(first: number, end: number): void {
    this.map.fillHoles(first, end);
  }

  lost(chunk: number): void {
    this.map.set(chunk, LOST);
  }

  /** Gives back what was kept. */
  remove(done: () => void): void {
    this.left = true;
    if (this.store === null) done();
    else this.store.remove(done);
  }
}
