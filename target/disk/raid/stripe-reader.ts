/** Reads of a redundant group: from the drives that hold the data, else out of the others. */
import { inParallel } from '../in-parallel.js';
import { totalBytes } from '../total-bytes.js';
import type { DriveDone } from '../types.js';
import { has } from './code.js';
import type { GroupCore } from './group-core.js';
import { mendColumn } from './mend-column.js';
import { StripeContent } from './stripe-content.js';

/** A stretch of one column, and where it goes. */
interface Stretch {
  readonly stripe: number;
  readonly column: number;
  readonly at: number;
  readonly end: number;
  readonly buffers: Buffer[];
}

/** Stretches adjacent on one drive. */
interface DriveRead {
  readonly position: number;
  readonly offset: number;
  end: number;
  readonly buffers: Buffer[];
  readonly stretches: Stretch[];
}

export class StripeReader {
  constructor(private readonly core: GroupCore) {}

  /** As `DriveIo.readNow`: from drives only, nothing is recovered for it. */
  readNow(offset: number, buffers: readonly Buffer[]): boolean {
    if (this.core.owed.size > 0) return false;
    const { unit } = this.core.parts.layout;
    const bytes = totalBytes(buffers);
    const row = Math.floor(offset / unit);
    // Most reads stay within a stripe unit: those need no parts.
    if (offset + bytes <= (row + 1) * unit) return this.#readUnit(row, offset - row * unit, buffers);
    for (const { stripe, column, at, buffers: own } of this.#stretches(offset, buffers)) {
      if (!this.#readUnit(stripe * this.core.parts.layout.code.data + column, at, own)) return false;
    }
    return true;
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    const { layout, members } = this.core.parts;
    const reads: DriveRead[] = [];
    const lost: Stretch[] = [];
    const latest: (DriveRead | undefined)[] = new Array(layout.drives);
    for (const stretch of this.#stretches(offset, buffers)) {
      const { stripe, column, at, end } = stretch;
      if (this.core.owed.has(stripe) || (!members.whole && has(members.missing(stripe), column))) {
        lost.push(stretch);
        continue;
      }
      const position = this.#source(stripe, column);
      const start = stripe * layout.unit + at;
      let read = latest[position];
      if (read === undefined || read.end !== start) {
        read = { position, offset: start, end: start, buffers: [], stretches: [] };
        latest[position] = read;
        reads.push(read);
      }
      read.end = start + end - at;
      read.buffers.push(...stretch.buffers);
      read.stretches.push(stretch);
    }
    const recover = (stretch: Stretch, ended: DriveDone) => this.#recover(stretch, ended);
    inParallel(
      [...reads, ...lost],
      (part, ended) => ('column' in part ? recover(part, ended) : this.#read(part, recover, ended)),
      done,
    );
  }

  #read(read: DriveRead, recover: (stretch: Stretch, ended: DriveDone) => void, done: DriveDone): void {
    const { members } = this.core.parts;
    const { drive } = members.list[read.position]!;
    drive.read(read.offset, read.buffers, (error) => {
      if (error === null) {
        done(null);
        return;
      }
      // What does not agree with its sum may just have been being written; it is read again with the stripe locked.
      if (error.kind !== 'corrupt') members.readFailed(read.position, drive, error);
      inParallel(read.stretches, recover, done);
    });
  }

  #readUnit(unit: number, at: number, buffers: readonly Buffer[]): boolean {
    const { layout, members } = this.core.parts;
    const { data } = layout.code;
    const stripe = Math.floor(unit / data);
    const column = unit - stripe * data;
    const position = this.#source(stripe, column);
    if (!members.whole && !members.has(position, stripe)) return false;
    return members.list[position]!.drive.readNow(stripe * layout.unit + at, buffers);
  }

  /** The drive to read a column from: of two copies one for each stripe, so that both drives have something to do. */
  #source(stripe: number, column: number): number {
    const { layout, members, suspects } = this.core.parts;
    const { mirrored, data } = layout.code;
    const copy = mirrored && stripe % 2 === 1 && members.whole && suspects.count === 0;
    return layout.driveOf(stripe, copy && !this.core.unfinished.has(stripe) ? data + column : column);
  }

  /** Tries the column's own drive once more, unless it is missing; then the others, and mends what was bad. */
  #recover({ stripe, column, at, end, buffers }: Stretch, done: DriveDone): void {
    const { core } = this;
    core.parts.locks.lockRange(stripe, stripe + 1, (unlock) => {
      const finish = (data: Buffer | null): void => {
        let from = 0;
        if (data !== null) for (const buffer of buffers) from += data.copy(buffer, 0, from);
        unlock();
        done(data === null ? core.lost(stripe) : null);
      };
      core.settle(stripe, (unsettled) => {
        if (core.owed.has(stripe)) {
          unlock();
          done(unsettled);
          return;
        }
        const content = new StripeContent(core, stripe, at, end);
        if (has(content.missing, column)) {
          if (unsettled !== null) finish(null);
          else content.solve(column, content, (data, lost) => finish(lost.length === 0 ? data : null));
          return;
        }
        content.load(1 << column, () => {
          const end = () => finish(content.bad(column).length === 0 ? content.data(column) : null);
          if (unsettled !== null || content.bad(column).length === 0) end();
          else mendColumn(content, column, true, end);
        });
      });
    });
  }

  #stretches(offset: number, buffers: readonly Buffer[]): Stretch[] {
    const stretches: Stretch[] = [];
    let at = offset;
    for (const buffer of buffers) {
      let used = 0;
      this.core.parts.layout.place(at, buffer.length, (stripe, column, inUnit, length) => {
        const part = length === buffer.length ? buffer : buffer.subarray(used, used + length);
        used += length;
        const last = stretches.at(-1);
        if (last?.stripe === stripe && last.column === column) {
          last.buffers.push(part);
          (last as { end: number }).end = inUnit + length;
        } else {
          stretches.push({ stripe, column, at: inUnit, end: inUnit + length, buffers: [part] });
        }
      });
      at += buffer.length;
    }
    return stretches;
  }
}
