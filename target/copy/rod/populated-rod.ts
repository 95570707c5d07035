/** RODs that are populated from blocks of one LDEV (SPC-5 5.17.6.3). */
import type { BlockRange } from '../../../wire/scsi/block-ranges.js';
import { RodType } from '../../../wire/scsi/rod-token.js';
import { slice } from '../../base/views.js';
import type { Io, ReadDone } from '../../volumes/block-layer.js';
import type { Ldev } from '../../volumes/model.js';
import type { AllocationDone, LostCause, PointInTime } from '../../volumes/point-in-time/types.js';
import type { Rod } from './rod.js';

const NO_DATA: readonly Buffer[] = [];
const nothing = () => {};

/** Blocks of an image, and the byte of the ROD that they begin at. */
interface Stretch extends BlockRange {
  readonly image: PointInTime;
  readonly start: number;
}

/** Ranges of images of an LDEV, one after the other. Once one of the images has ended, the ROD is good for nothing. */
export class PopulatedRod implements Rod {
  bytes = 0;
  /** Why it can be used no more. */
  lost: LostCause | null = null;
  /** Called when that comes. */
  onLost: ((cause: LostCause) => void) | null = null;
  private readonly stretches: Stretch[] = [];
  private readonly images = new Set<PointInTime>();

  /** @param type ROD TYPE as asked for */
  constructor(
    readonly ldev: Ldev,
    readonly type: number,
  ) {}

  /**
   * Adds blocks as they are now; no command that changes them is under way.
   * @returns false: the LDEV has too many images, and nothing was added
   */
  add(ranges: readonly BlockRange[]): boolean {
    // Change vulnerable: what takes the least, whatever that does to how long it lasts (SPC-5 5.17.6.2.3.3).
    const onChange = this.type === RodType.pointInTimeVulnerable ? 'end' : 'keep';
    const image = this.ldev.freeze?.(ranges, onChange, (cause) => this.lose(cause)) ?? null;
    if (image === null) return false;
    this.images.add(image);
    for (const { lba, blocks } of ranges) {
      this.stretches.push({ image, start: this.bytes, lba, blocks });
      this.bytes += blocks * this.ldev.blockSize;
    }
    return true;
  }

  /** Gives up its images. */
  release(): void {
    for (const image of this.images) image.release();
    this.images.clear();
  }

  private lose(cause: LostCause): void {
    if (this.lost !== null) return;
    this.lost = cause;
    this.release();
    this.onLost?.(cause);
  }

  allocation(offset: number, bytes: number, done: AllocationDone): void {
    const { image, lba, into, left } = this.place(offset);
    const { blockSize } = this.ldev;
    const length = Math.min(bytes, left);
    const blocks = Math.ceil((into + length) / blockSize);
    image.allocation(lba, blocks, (failure, { blocks: same, mapped }) =>
      done(failure, { blocks: Math.min(length, same * blockSize - into), mapped }),
    );
  }

  read(io: Io, offset: number, bytes: number, done: ReadDone): void {
    this.gather(io, offset, offset + bytes, [], [], done);
  }

  /** Reads range after range; at most as many as a command can name. */
  private gather(io: Io, at: number, end: number, views: Buffer[], releases: (() => void)[], done: ReadDone): void {
    const release = () => {
      for (const each of releases.splice(0)) each();
    };
    if (at === end) {
      done(null, views, release);
      return;
    }
    const { image, lba, into, left } = this.place(at);
    const length = Math.min(end - at, left);
    const blocks = Math.ceil((into + length) / this.ldev.blockSize);
    image.read(io, lba, blocks, (failure, data, ended) => {
      if (failure !== null) {
        ended();
        release();
        done(failure, NO_DATA, nothing);
        return;
      }
      releases.push(ended);
      views.push(...slice(data, into, length));
      this.gather(io, at + length, end, views, releases, done);
    });
  }

  /** Image and block of an offset, bytes into the block, and bytes from there to the end of its range. */
  private place(offset: number): { image: PointInTime; lba: number; into: number; left: number } {
    let index = this.stretches.length - 1;
    while (this.stretches[index]!.start > offset || this.stretches[index]!.blocks === 0) index--;
    const { image, start, lba, blocks } = this.stretches[index]!;
    const { blockSize } = this.ldev;
    const into = offset - start;
    const block = Math.floor(into / blockSize);
    return { image, lba: lba + block, into: into % blockSize, left: blocks * blockSize - into };
  }
}
