/**
 * The layer of marked blocks: fails reads of blocks that hosts have marked unreadable, and takes the marks away when
 * they are written or unmapped. It is there while an LDEV has marks, and not otherwise.
 *
 * The mark goes after the data is there and before the operation is done: an acknowledged write never fails to read,
 * and a kill in between leaves the mark of a write that nobody was told of.
 */
import type { BlockLayer, Done, ExtentsDone, Io, ReadDone } from '../block-layer.js';
import { type MarkedBlocks, markedFailure } from '../marked-blocks.js';

const NO_DATA: readonly Buffer[] = [];
const nothing = () => {};

export class MarkedLayer implements BlockLayer {
  constructor(
    private readonly next: BlockLayer,
    private readonly marks: MarkedBlocks,
  ) {}

  read(io: Io, lba: number, blocks: number, done: ReadDone): void {
    const marked = this.marks.first(lba, blocks);
    if (marked === null) this.next.read(io, lba, blocks, done);
    else done(markedFailure(marked), NO_DATA, nothing);
  }

  write(io: Io, lba: number, blocks: number, data: readonly Buffer[], done: Done): void {
    this.next.write(io, lba, blocks, data, this.clearing(lba, blocks, done));
  }

  unmap(io: Io, lba: number, blocks: number, done: Done): void {
    this.next.unmap(io, lba, blocks, this.clearing(lba, blocks, done));
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

  private clearing(lba: number, blocks: number, done: Done): Done {
    return (failure) => done(failure ?? this.marks.clear(lba, blocks));
  }
}
