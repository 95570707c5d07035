/** Representations of data: what WRITE USING TOKEN writes. */
import type { BlockRange } from '../../../wire/scsi/block-ranges.js';
import { slice } from '../../base/views.js';
import type { Io, ReadDone } from '../../volumes/block-layer.js';
import type { AllocationDone, PointInTime } from '../../volumes/point-in-time/types.js';

const NO_DATA: readonly Buffer[] = [];
const nothing = () => {};

/** A row of bytes. */
export interface Rod {
  readonly bytes: number;
  /** Whether there is anything but zeros at an offset; `blocks` of the answer counts bytes, 1 to `bytes`. */
  allocation(offset: number, bytes: number, done: AllocationDone): void;
  /** Rules of `done` and of the buffers as in `BlockLayer.read`. */
  read(io: Io, offset: number, bytes: number, done: ReadDone): void;
}

/** The block device zero ROD token's. */
export const zeroRod: Rod = {
  bytes: Number.POSITIVE_INFINITY,
  allocation: (_offset, bytes, done) => done(null, { blocks: bytes, mapped: false }),
  read: (_io, _offset, bytes, done) => done(null, [Buffer.alloc(bytes)], nothing),
};

/** Ranges of an image, one after the other. */
export class ImageRod implements Rod {
  readonly bytes: number;
  /** Offset of each range. */
  private readonly starts: readonly number[];

  constructor(
    private readonly image: PointInTime,
    private readonly ranges: readonly BlockRange[],
    private readonly blockSize: number,
  ) {
    let bytes = 0;
    this.starts = ranges.map(({ blocks }) => {
      bytes += blocks * blockSize;
      return bytes - blocks * blockSize;
    });
    this.bytes = bytes;
  }

  allocation(offset: number, bytes: number, done: AllocationDone): void {
    const { lba, into, left } = this.place(offset);
    const length = Math.min(bytes, left);
    const blocks = Math.ceil((into + length) / this.blockSize);
    this.image.allocation(lba, blocks, (failure, { blocks: same, mapped }) =>
      done(failure, { blocks: Math.min(length, same * this.blockSize - into), mapped }),
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
    const { lba, into, left } = this.place(at);
    const length = Math.min(end - at, left);
    const blocks = Math.ceil((into + length) / this.blockSize);
    this.image.read(io, lba, blocks, (failure, data, ended) => {
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

  /** Block of an offset, bytes into it, and bytes from there to the end of its range. */
  private place(offset: number): { lba: number; into: number; left: number } {
    let index = this.starts.length - 1;
    while (this.starts[index]! > offset || this.ranges[index]!.blocks === 0) index--;
    const into = offset - this.starts[index]!;
    const { lba, blocks } = this.ranges[index]!;
    const block = Math.floor(into / this.blockSize);
    return { lba: lba + block, into: into % this.blockSize, left: blocks * this.blockSize - into };
  }
}
