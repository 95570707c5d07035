/**
 * The images of one LDEV: blocks as they were at one moment (copy before write). Making one copies nothing. Before a
 * chunk is overwritten for the first time since the newest image was made, what it holds goes to that image's
 * generation; holes take no space. An older image finds a chunk in the first generation from its own on that has it,
 * else on the LDEV itself:
 *
 *   image 1 ──▶ generation 1 ──▶ generation 2 ──▶ … ──▶ the LDEV
 *   image 2 ───────────────────▶ generation 2 ──▶ … ──▶ the LDEV
 *
 * Images that end when their blocks change have nothing kept for them.
 *
 * So a write copies once, however many images there are. A generation goes when no image as old as it, or older, is
 * left. Nothing of this survives the process: the next open gives the stores' regions back.
 *
 * Order: a write, or an unmap, goes on when all its chunks have been saved (`preserve`), and a chunk is marked as saved
 * in the same turn as that. So whoever has read a chunk of the LDEV and finds it not saved then, has old data.
 */
import type { BlockRange } from '../../../wire/scsi/block-ranges.js';
import type { Clock } from '../../base/clock.js';
import type { BlockLayer } from '../block-layer.js';
import type { MarkedBlock } from '../marked-blocks.js';
import { CHUNK_BYTES, LIVE } from './chunk-map.js';
import { Generation, type OpenStore } from './generation.js';
import { Image } from './image.js';
import { Saver } from './saver.js';
import type { LostCause, OnChange, PointInTime } from './types.js';

/** Of one LDEV at a time: each makes looking for an old chunk longer. */
export const MAX_IMAGES = 32;

export interface ImagesParts {
  /** The LDEV's blocks, below whatever may fail or delay; another layer after a format. */
  readonly below: () => BlockLayer;
  readonly blockSize: number;
  /** Capacity in blocks, as it is now. */
  readonly blocks: () => number;
  /** Blocks of a range that hosts have marked unreadable, which `below` does not know. */
  readonly marks: (lba: number, blocks: number) => readonly MarkedBlock[];
  readonly openStore: OpenStore;
  readonly clock: Pick<Clock, 'setImmediate'>;
  /** Runs `done` when nothing is left of what an earlier process kept. Left out: there is nothing. */
  readonly leftBehind?: (done: () => void) => void;
  /** Called when the first image has come, or the last one gone. */
  readonly changed: () => void;
}

/** Where an image finds a chunk. */
export interface Found {
  /** Null: on the LDEV itself, or nowhere. */
  readonly generation: Generation | null;
  /** As in `ChunkMap`. */
  readonly state: number;
}

const ON_LDEV: Found = { generation: null, state: LIVE };

export class Images {
  readonly chunkBlocks: number;
  /** Oldest first. */
  private images: Image[] = [];
  /** Oldest first; `first` is the number of the one at index 0. */
  private generations: Generation[] = [];
  private first = 0;
  private readonly saver: Saver;
  /** Generations that are being given back. */
  private leaving = 0;
  private readonly whenLeft: (() => void)[] = [];

  constructor(readonly parts: ImagesParts) {
    this.chunkBlocks = CHUNK_BYTES / parts.blockSize;
    this.saver = new Saver(this);
  }

  get alive(): number {
    return this.images.length;
  }

  /**
   * Makes an image of some blocks. No write or unmap of the LDEV is under way when it is called: what has not ended
   * would come half before it and half after.
   * @param lost called once if the image ends before it is released, which it then need not be
   * @returns null: there are too many
   */
  freeze(ranges: readonly BlockRange[], onChange: OnChange, lost: (cause: LostCause) => void): PointInTime | null {
    if (this.images.length >= MAX_IMAGES) return null;
    const newest = this.generations.at(-1);
    if (newest === undefined || !newest.untouched || this.saver.busy) {
      this.generations.push(new Generation(this.parts.openStore));
    }
    const marks = ranges.flatMap(({ lba, blocks }) => this.parts.marks(lba, blocks)).sort((a, b) => a.lba - b.lba);
    const image = new Image(this, this.first + this.generations.length - 1, ranges, onChange, lost, marks);
    this.images.push(image);
    if (this.images.length === 1) this.parts.changed();
    return image;
  }

  /** Runs `then` when nothing that an image needs is overwritten by a change of these blocks; at once if nothing is. */
  preserve(lba: number, blocks: number, then: () => void): void {
    for (const image of this.images) {
      if (image.onChange === 'end' && image.touches(lba, blocks)) this.end(image, 'changed');
    }
    const end = Math.ceil((lba + blocks) / this.chunkBlocks);
    this.saver.save(Math.floor(lba / this.chunkBlocks), end, then);
  }

  /** Whether an image has a chunk on the LDEV only. */
  needs(chunk: number): boolean {
    let at = this.images.length - 1;
    for (let index = this.generations.length - 1; index >= 0; index--) {
      // With this, all images that are as old, or older, have it.
      if (this.generations[index]!.state(chunk) !== LIVE) return false;
      for (; at >= 0 && this.images[at]!.generation === this.first + index; at--) {
        const image = this.images[at]!;
        if (image.onChange === 'keep' && image.covers(chunk)) return true;
      }
    }
    return false;
  }

  /** Where an image made at the beginning of a generation finds a chunk. */
  find(chunk: number, generation: number): Found {
    for (let index = generation - this.first; index < this.generations.length; index++) {
      const state = this.generations[index]!.state(chunk);
      if (state !== LIVE) return { generation: this.generations[index]!, state };
    }
    return ON_LDEV;
  }

  get newest(): Generation {
    return this.generations.at(-1)!;
  }

  /** Ends the images that have any of these chunks on the LDEV only: it is not known that they can be saved. */
  lose(first: number, end: number, cause: LostCause): void {
    const losing = this.images.filter((image) => {
      for (let chunk = first; chunk < end; chunk++) {
        if (image.covers(chunk) && this.find(chunk, image.generation).state === LIVE) return true;
      }
      return false;
    });
    for (const image of losing) this.end(image, cause);
  }

  /** Ends all images. `done` runs when nothing of what was kept for them is left, perhaps before this returns. */
  discard(cause: LostCause, done: () => void): void {
    for (const image of [...this.images]) this.end(image, cause);
    const { leftBehind } = this.parts;
    const own = leftBehind === undefined ? done : () => leftBehind(done);
    if (this.leaving === 0) own();
    else this.whenLeft.push(own);
  }

  /** @param cause null: released by who has it */
  end(image: Image, cause: LostCause | null): void {
    if (image.ended) return;
    image.ended = true;
    this.images = this.images.filter((one) => one !== image);
    const oldest = this.images[0]?.generation ?? this.first + this.generations.length;
    const gone = this.generations.splice(0, oldest - this.first);
    this.first = oldest;
    this.leaving += gone.length;
    for (const generation of gone) generation.remove(() => this.left());
    if (this.images.length === 0) this.parts.changed();
    if (cause !== null) image.lost(cause);
  }

  private left(): void {
    this.leaving--;
    if (this.leaving === 0) for (const done of this.whenLeft.splice(0)) done();
  }
}
