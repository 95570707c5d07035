/** Representations of data (SPC-5 5.17.6): what WRITE USING TOKEN writes, and a source of EXTENDED COPY. */
import type { Io, ReadDone } from '../../volumes/block-layer.js';
import type { AllocationDone } from '../../volumes/point-in-time/types.js';

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
