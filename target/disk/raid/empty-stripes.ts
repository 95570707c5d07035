import type { GroupCore } from './group-core.js';

/** Looked at in one go. */
const LOOK_BYTES = 256 * 2 ** 20;

/** Stripes from `first` on in which no drive holds anything, those being rebuilt included; not all there may be. */
export function emptyStripes(core: GroupCore, first: number): number {
  const { layout, members, suspects } = core.parts;
  if (suspects.count > 0 || core.unfinished.size > 0) return 0;
  const offset = first * layout.unit;
  const bytes = Math.min((layout.stripes - first) * layout.unit, LOOK_BYTES);
  let empty = bytes;
  for (const { drive, state } of members.list) {
    if (state === 'failed') continue;
    const [extent] = drive.extents(offset, bytes, 1);
    empty = Math.min(empty, extent!.allocated ? 0 : extent!.bytes);
  }
  return Math.floor(empty / layout.unit);
}
