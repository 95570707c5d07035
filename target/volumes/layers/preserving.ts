/**
 * The copy-before-write layer: before blocks are written or unmapped, what images need of them is saved
 * (../point-in-time/images.ts). It stands at the bottom of an LDEV's layers while the LDEV has images, and is not there
 * otherwise.
 */
import type { BlockLayer, Done, ExtentsDone, Io, ReadDone } from '../block-layer.js';
import type { Images } from '../point-in-time/images.js';

export class PreservingLayer implements BlockLayer {
  constructor(
    private readonly next: BlockLayer,
    private readonly images: Images,
  ) {}

  read(io: Io, lba: number, blocks: number, done: ReadDone): void {
    this.next.read(io, lba, blocks, done);
  }

  write(io: Io, lba: number, blocks: number, data: readonly Buffer[], done: Done): void {
    this.images.preserve(lba, blocks, () => this.next.write(io, lba, blocks, data, done));
  }

  unmap(io: Io, lba: number, blocks: number, done: Done): void {
    this.images.preserve(lba, blocks, () => this.next.unmap(io, lba, blocks, done));
  }

  flush(io: Io, lba: number, blocks: number, done: Done): void {
    this.next.flush(io, lba, blocks, done);
  }

  prefetch(io: Io, lba: number, blocks: number, done: Done): void {
    this.next.prefetch(io, lba, blocks, done);
  }

  extents(lba: number, blocks: number, limit: number, done: ExtentsDone): void {
    this.next.extents(lba, blocks, limit, done);
  }
}
