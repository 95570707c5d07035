import { CopyLimits } from './copy-limits.js';
import type { CopyOperation, Issuer } from './copy-operation.js';

/** Collects what a segment holds for the application client: the last bytes of a stretch of its data, in any order. */
export class HeldPart {
  private readonly bytes: Buffer;
  private readonly first: number;

  /** @param from, to the stretch of data that is held, as offsets */
  constructor(
    private readonly from: number,
    private readonly to: number,
  ) {
    this.first = Math.max(from, to - CopyLimits.heldBytes);
    this.bytes = Buffer.alloc(to - this.first);
  }

  /** Data that stands at an offset; what is never told of is zeros. */
  add(offset: number, views: readonly Buffer[]): void {
    let at = offset;
    for (const view of views) {
      const start = Math.max(at, this.first);
      const end = Math.min(at + view.length, this.to);
      if (start < end) view.copy(this.bytes, start - this.first, start - at, end - at);
      at += view.length;
    }
  }

  giveTo(operation: CopyOperation<Issuer>): void {
    operation.hold(this.bytes, this.to - this.from);
  }
}
