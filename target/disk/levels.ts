import type { DriveIo } from './types.js';

/** Where the bytes of a parity group lie: `stripeBytes` on one drive, then as many on the next. */
export interface Geometry {
  readonly drives: readonly DriveIo[];
  readonly stripeBytes: number;
}

/** Called for one stretch of a group's range: `bytes` from `driveOffset` on, on drive number `drive`. */
export type Visit = (drive: number, driveOffset: number, bytes: number) => void;

/**
 * A RAID level. Levels that keep copies or parity will visit several drives for one stretch when writing and
 * choose one when reading; the group then needs to tell `place` which of the two it is.
 */
export interface Level {
  /** Bytes that the group offers. */
  capacity(geometry: Geometry): number;
  /** Visits the stretches of a range in ascending order. Those on one drive follow one another without a gap. */
  place(geometry: Geometry, offset: number, bytes: number, visit: Visit): void;
  /** What one drive has of a range of the group: one range as well; null: nothing. Takes no longer for a long one. */
  span(geometry: Geometry, drive: number, offset: number, bytes: number): Span | null;
  /** Where in the group a byte of a drive stands; the inverse of `place`, ascending with `driveOffset`. */
  position(geometry: Geometry, drive: number, driveOffset: number): number;
}

/** A range of a drive. */
export interface Span {
  readonly offset: number;
  readonly bytes: number;
}

/** Drives one after the other. */
const plain: Level = {
  capacity: ({ drives }) => drives.reduce((sum, drive) => sum + drive.bytes, 0),
  place({ drives }, offset, bytes, visit) {
    let at = offset;
    let left = bytes;
    for (let drive = 0; drive < drives.length && left > 0; drive++) {
      const size = drives[drive]!.bytes;
      if (at < size) {
        const step = Math.min(left, size - at);
        visit(drive, at, step);
        left -= step;
        at = 0;
      } else {
        at -= size;
      }
    }
  },
  span({ drives }, drive, offset, bytes) {
    const base = startOf(drives, drive);
    const start = Math.max(offset, base);
    const end = Math.min(offset + bytes, base + drives[drive]!.bytes);
    return start < end ? { offset: start - base, bytes: end - start } : null;
  },
  position: ({ drives }, drive, driveOffset) => startOf(drives, drive) + driveOffset,
};

function startOf(drives: readonly DriveIo[], drive: number): number {
  let start = 0;
  for (let before = 0; before < drive; before++) start += drives[before]!.bytes;
  return start;
}

/** Stripe units dealt out in turn; every drive gives as many as the smallest has. */
const raid0: Level = {
  capacity({ drives, stripeBytes }) {
    const smallest = Math.min(...drives.map((drive) => drive.bytes));
    return Math.floor(smallest / stripeBytes) * stripeBytes * drives.length;
  },
  place({ drives, stripeBytes }, offset, bytes, visit) {
    const end = offset + bytes;
    for (let at = offset; at < end; ) {
      const unit = Math.floor(at / stripeBytes);
      const inUnit = at - unit * stripeBytes;
      const step = Math.min(end - at, stripeBytes - inUnit);
      visit(unit % drives.length, Math.floor(unit / drives.length) * stripeBytes + inUnit, step);
      at += step;
    }
  },
  span({ drives, stripeBytes }, drive, offset, bytes) {
    const count = drives.length;
    const end = offset + bytes;
    const firstUnit = Math.floor(offset / stripeBytes);
    const lastUnit = Math.ceil(end / stripeBytes) - 1;
    // The first and the last unit that are the drive's own.
    const first = firstUnit + ((drive - (firstUnit % count) + count) % count);
    const last = lastUnit - (((lastUnit % count) - drive + count) % count);
    if (first > last) return null;
    const start = Math.floor(first / count) * stripeBytes + (first === firstUnit ? offset - first * stripeBytes : 0);
    const stop = Math.floor(last / count) * stripeBytes + (last === lastUnit ? end - last * stripeBytes : stripeBytes);
    return { offset: start, bytes: stop - start };
  },
  position({ drives, stripeBytes }, drive, driveOffset) {
    const row = Math.floor(driveOffset / stripeBytes);
    return (row * drives.length + drive) * stripeBytes + (driveOffset - row * stripeBytes);
  },
};

export const levels: Readonly<Record<'plain' | 'raid0', Level>> = { plain, raid0 };
