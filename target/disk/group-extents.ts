/** The extents of several drives as those of their group. */
import { ExtentJoiner } from './extent-joiner.js';
import type { Geometry, Level, Span } from './levels.js';
import type { DriveExtent } from './types.js';

/** One drive's part of a range. */
export interface DriveStretches {
  readonly drive: number;
  readonly span: Span;
  /** From the start of the span on; may end before it does. */
  readonly extents: readonly DriveExtent[];
}

/**
 * Where all drives concerned are in the same state the stretch is found by arithmetic, however long it is; where
 * they are not, each stripe unit is a stretch of its own.
 * @returns at most `limit`; they end early if the drives' lists do
 */
export function groupExtents(
  level: Level,
  geometry: Geometry,
  parts: readonly DriveStretches[],
  offset: number,
  bytes: number,
  limit: number,
): DriveExtent[] {
  const cursors: (Cursor | undefined)[] = new Array(geometry.drives.length);
  let end = offset + bytes;
  for (const part of parts) {
    const cursor = new Cursor(level, geometry, part);
    cursors[part.drive] = cursor;
    if (!cursor.complete) end = Math.min(end, cursor.last);
  }
  const row = geometry.stripeBytes * geometry.drives.length;
  const list = new ExtentJoiner(offset, limit);
  for (let at = offset; at < end && !list.full; ) {
    let next = end;
    let allocated: boolean | null = null;
    let mixed = false;
    for (const cursor of cursors) {
      if (cursor === undefined || !cursor.seek(at)) continue;
      if (cursor.start > at) {
        next = Math.min(next, cursor.start);
        continue;
      }
      next = Math.min(next, cursor.end);
      if (allocated === null) allocated = cursor.allocated;
      else if (allocated !== cursor.allocated) mixed = true;
    }
    if (mixed) {
      next = Math.min(next, at + row);
      level.place(geometry, at, next - at, (drive, _offset, stretch) => list.add(stretch, cursors[drive]!.allocated));
    } else {
      list.add(next - at, allocated!);
    }
    at = next;
  }
  return list.extents;
}

/** Walks through one drive's extents, in positions of the group. */
class Cursor {
  readonly complete: boolean;
  /** Where the list ends. */
  readonly last: number;
  start = 0;
  end = 0;
  allocated = false;
  #index = -1;

  constructor(
    private readonly level: Level,
    private readonly geometry: Geometry,
    private readonly part: DriveStretches,
  ) {
    const last = part.extents.at(-1)!;
    this.complete = last.offset + last.bytes >= part.span.offset + part.span.bytes;
    this.last = this.#position(last.offset + last.bytes);
    this.#next();
  }

  /** Goes to the extent that holds the drive's first byte from `at` on; false: there is none. */
  seek(at: number): boolean {
    while (this.#index < this.part.extents.length && this.end <= at) this.#next();
    return this.#index < this.part.extents.length;
  }

  #next(): void {
    const extent = this.part.extents[++this.#index];
    if (extent === undefined) return;
    this.start = this.#position(extent.offset);
    this.end = this.#position(extent.offset + extent.bytes);
    this.allocated = extent.allocated;
  }

  #position(driveOffset: number): number {
    return this.level.position(this.geometry, this.part.drive, driveOffset);
  }
}
