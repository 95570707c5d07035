import type { DriveExtent, DriveIo } from './types.js';

/** The first allocated stretch of a range, at least its beginning; null: there is none. */
export function firstAllocated(drive: Pick<DriveIo, 'extents'>, offset: number, bytes: number): DriveExtent | null {
  const end = offset + bytes;
  for (let at = offset; at < end; ) {
    const extents = drive.extents(at, end - at, 2);
    const found = extents.find((extent) => extent.allocated);
    if (found !== undefined) return found;
    const last = extents.at(-1)!;
    at = last.offset + last.bytes;
  }
  return null;
}
