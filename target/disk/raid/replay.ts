/** What shared memory holds of an unclean end is done again, in order. */
import { inSeries } from '../in-series.js';
import type { DriveDone } from '../types.js';
import type { GroupCore } from './group-core.js';
import type { StripeLayout } from './layout.js';
import type { LoggedWrite } from './write-records.js';

/** Stripes that a write touches: the first, and the one after the last. */
export function stripesOf({ offset, bytes }: LoggedWrite, unit: number): readonly [number, number] {
  return [Math.floor(offset / unit), Math.ceil((offset + bytes) / unit)];
}

/** A write to a drive of the group, all of it in stripes of these ranges, which ascend. */
export function isWithin(
  write: LoggedWrite,
  { drives, unit }: Pick<StripeLayout, 'drives' | 'unit'>,
  ranges: readonly { readonly first: number; readonly end: number }[],
): boolean {
  const [first, end] = stripesOf(write, unit);
  let next = first;
  for (const range of ranges) if (range.first <= next && next < range.end) next = range.end;
  return write.drive < drives && next >= end;
}

/** Nothing else is under way. What cannot be done is kept as unfinished. */
export function replay(core: GroupCore, entries: readonly (readonly LoggedWrite[])[], done: () => void): void {
  const { layout, members, suspects } = core.parts;
  const touchesUnfinished = (write: LoggedWrite): boolean => {
    const [first, end] = stripesOf(write, layout.unit);
    for (let stripe = first; stripe < end; stripe++) if (core.unfinished.has(stripe)) return true;
    return false;
  };
  /** The array answered for it before it died, or may have. */
  const keep = (entry: readonly LoggedWrite[]): void => {
    core.keepUnfinished(entry);
    for (const write of entry) {
      const [first, end] = stripesOf(write, layout.unit);
      for (let stripe = first; stripe < end; stripe++) core.owed.add(stripe);
    }
  };
  const again = (entry: readonly LoggedWrite[], ended: DriveDone): void => {
    // What comes after something that failed has to come after it later too.
    if (entry.some(touchesUnfinished)) {
      keep(entry);
      ended(null);
      return;
    }
    core.issue(entry, (error) => {
      if (error !== null) keep(entry);
      else if (!members.whole) {
        // Of a whole group they may be a part only of what was under way: its other checks are made anew.
        for (const write of entry) suspects.removeRange(...stripesOf(write, layout.unit));
      }
      ended(null);
    });
  };
  inSeries(entries, again, done);
}
