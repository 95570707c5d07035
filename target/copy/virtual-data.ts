/** The data that a segment writes, wherever it comes from. */

import { read16 } from '../../wire/scsi/cdb-build.js';
import type { Segment } from '../../wire/scsi/copy-segments.js';
import { slice } from '../base/views.js';
import type { CopyContext, EndPoint } from './copy-context.js';
import type { Failure } from './copy-operation.js';

const nothing = () => {};

/** `release` gives the views back; it is called exactly once. */
export type DataDone = (failure: Failure | null, views: readonly Buffer[], release: () => void) => void;

/**
 * A row of bytes: what earlier segments left over, then bytes of the source, then zeros. Offsets count from its
 * beginning.
 */
export class VirtualData {
  constructor(
    private readonly context: CopyContext,
    private readonly segment: Segment,
    readonly source: EndPoint,
    readonly prefix: Buffer,
    /** Byte of the source where its part begins. */
    readonly sourceByte: number,
    readonly sourceBytes: number,
  ) {}

  /** The same, cut off after so many bytes: zeros follow. */
  first(bytes: number): VirtualData {
    const { context, segment, source, prefix, sourceByte } = this;
    const sourceBytes = Math.min(this.sourceBytes, Math.max(0, bytes - prefix.length));
    return new VirtualData(context, segment, source, prefix.subarray(0, bytes), sourceByte, sourceBytes);
  }

  /** Source byte of an offset and how many follow there; null: that offset is not of the source. */
  inSource(offset: number): { readonly byte: number; readonly bytes: number } | null {
    const into = offset - this.prefix.length;
    if (into < 0 || into >= this.sourceBytes) return null;
    return { byte: this.sourceByte + into, bytes: this.sourceBytes - into };
  }

  /** Bytes `from` to `to`; beyond the source's they are zeros, so only a few of these may be asked for. */
  read(from: number, to: number, done: DataDone): void {
    const before = this.prefix.subarray(Math.min(from, this.prefix.length), Math.min(to, this.prefix.length));
    const start = Math.max(from, this.prefix.length);
    const end = Math.min(to, this.prefix.length + this.sourceBytes);
    const bytes = Math.max(0, end - start);
    const after = Buffer.alloc(to - from - before.length - bytes);
    if (bytes === 0) {
      done(null, [before, after], nothing);
      return;
    }
    const { blockSize } = this.source.target;
    const first = this.sourceByte + start - this.prefix.length;
    const lba = Math.floor(first / blockSize);
    const blocks = Math.ceil((first + bytes) / blockSize) - lba;
    this.context.send(this.segment, this.source, { cdb: read16(lba, blocks) }, (failure, reply) => {
      if (reply === null) {
        done(failure, [], nothing);
        return;
      }
      const views = slice(reply.data, first - lba * blockSize, bytes);
      const parts = before.length + after.length === 0 ? views : [before, ...views, after];
      done(null, parts, reply.release);
    });
  }
}
