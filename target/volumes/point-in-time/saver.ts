/** Saves old chunks before they are overwritten. */
import type { Done, Io, IoFailure } from '../block-layer.js';
import type { Generation } from './generation.js';
import type { Images } from './images.js';
import type { LostCause } from './types.js';

/** Chunks read and written in one go: 1 MiB. */
const CHUNKS_AT_ONCE = 16;

/** A host waits for it. What is read is not used again soon. */
const IO: Io = { priority: 'host', initiator: '', fua: false, dpo: true };

/** Chunks that are being saved, `first` up to but not `end`; others that are about to change them wait. */
interface Saving {
  readonly first: number;
  readonly end: number;
  readonly waiting: (() => void)[];
}

/** Old blocks of adjacent chunks, and what is to be noted when they stand in their place. */
interface Kept {
  readonly chunks: number;
  readonly data: readonly Buffer[];
  readonly kept: (place: number) => void;
}

export class Saver {
  private saving: Saving[] = [];

  constructor(private readonly images: Images) {}

  /** Chunks are being saved now. */
  get busy(): boolean {
    return this.saving.length > 0;
  }

  /** Runs `then` when no image needs any of these chunks any more. Looks at each chunk. */
  save(first: number, end: number, then: () => void): void {
    let chunk = first;
    while (chunk < end && !this.images.needs(chunk)) chunk++;
    if (chunk === end) {
      then();
      return;
    }
    const again = () => this.save(chunk, end, then);
    const other = this.saving.find((one) => one.first <= chunk && chunk < one.end);
    if (other === undefined) this.saveRun(chunk, this.runEnd(chunk, end), again);
    else other.waiting.push(again);
  }

  /** Where the chunks end that are needed in a row and that nobody else saves. */
  private runEnd(first: number, end: number): number {
    const limit = this.saving.reduce((least, one) => (one.first > first ? Math.min(least, one.first) : least), end);
    let next = first + 1;
    while (next < limit && this.images.needs(next)) next++;
    return next;
  }

  /** Saves the beginning of a run: what is allocated, or not allocated, in a row. */
  private saveRun(first: number, end: number, done: () => void): void {
    const one: Saving = { first, end, waiting: [] };
    this.saving.push(one);
    const ended = () => {
      this.saving = this.saving.filter((other) => other !== one);
      // Later, as one who waits may be one of thousands of chunks' turns.
      const { clock } = this.images.parts;
      clock.setImmediate(done);
      for (const waiting of one.waiting) clock.setImmediate(waiting);
    };
    const { chunkBlocks, parts } = this.images;
    const lba = first * chunkBlocks;
    const blocks = Math.min(end * chunkBlocks, parts.blocks()) - lba;
    parts.below().extents(lba, blocks, 1, (failure, extents) => {
      const extent = extents[0];
      // They may all have ended in the meantime.
      if (this.images.alive === 0) {
        ended();
        return;
      }
      if (failure !== null || extent === undefined) {
        this.lose(first, end, 'failed', ended);
        return;
      }
      const chunks = extent.blocks === blocks ? end - first : Math.floor(extent.blocks / chunkBlocks);
      if (!extent.mapped && chunks > 0) {
        this.images.newest.holes(first, first + chunks);
        ended();
      } else {
        const mapped = extent.mapped ? Math.ceil(extent.blocks / chunkBlocks) : 1;
        this.copy(first, Math.min(end - first, mapped, CHUNKS_AT_ONCE), ended);
      }
    });
  }

  private copy(first: number, chunks: number, done: () => void): void {
    const { chunkBlocks, parts } = this.images;
    const generation = this.images.newest;
    const lba = first * chunkBlocks;
    const blocks = Math.min((first + chunks) * chunkBlocks, parts.blocks()) - lba;
    parts.below().read(IO, lba, blocks, (failure, data, release) => {
      // All images that needed it have ended, and its store is going.
      if (generation.left) {
        release();
        done();
        return;
      }
      if (failure !== null) {
        release();
        if (failure.kind !== 'medium-error') this.lose(first, first + chunks, 'failed', done);
        else if (chunks > 1 && this.images.alive > 0) this.copy(first, 1, done);
        else this.salvage(generation, first, done);
        return;
      }
      const kept = (place: number) => generation.saved(first, chunks, place);
      this.keep(generation, { chunks, data, kept }, (problem) => {
        release();
        this.end(problem, first, chunks, done);
      });
    });
  }

  /** Writes what was read to a place of its own: only then, so that what cannot be read takes none. */
  private keep(generation: Generation, { chunks, data, kept }: Kept, done: Done): void {
    const taken = generation.take(chunks);
    if ('kind' in taken) {
      done(taken);
      return;
    }
    const { chunkBlocks, parts } = this.images;
    const blocks = data.reduce((sum, { length }) => sum + length, 0) / parts.blockSize;
    taken.store.layer.write(IO, taken.place * chunkBlocks, blocks, data, (problem) => {
      if (problem === null) kept(taken.place);
      done(problem);
    });
  }

  /** Saves what can be read of a chunk, block by block. */
  private salvage(generation: Generation, chunk: number, done: () => void): void {
    const { chunkBlocks, parts } = this.images;
    const end = Math.min((chunk + 1) * chunkBlocks, parts.blocks());
    const data: Buffer[] = [];
    const lost: number[] = [];
    const write = () => {
      const kept = (place: number) => generation.salvaged(chunk, place, lost);
      this.keep(generation, { chunks: 1, data, kept }, (problem) => this.end(problem, chunk, 1, done));
    };
    const next = (lba: number) => {
      if (lba < end) readBlock(lba);
      else if (lost.length < data.length) write();
      else {
        generation.lost(chunk);
        done();
      }
    };
    const readBlock = (lba: number) =>
      parts.below().read(IO, lba, 1, (failure, views, release) => {
        data.push(failure === null ? Buffer.concat(views) : Buffer.alloc(parts.blockSize));
        release();
        if (failure !== null) lost.push(lba);
        if (generation.left) done();
        else if (failure !== null && failure.kind !== 'medium-error') this.lose(chunk, chunk + 1, 'failed', done);
        else next(lba + 1);
      });
    next(chunk * chunkBlocks);
  }

  /** Chunks have been saved, or could not be. */
  private end(problem: IoFailure | null, first: number, chunks: number, done: () => void): void {
    if (problem === null) done();
    else this.lose(first, first + chunks, problem.kind === 'no-space' ? 'no-space' : 'failed', done);
  }

  /** What cannot be saved must not hold up hosts. */
  private lose(first: number, end: number, cause: LostCause, done: () => void): void {
    this.images.lose(first, end, cause);
    done();
  }
}
