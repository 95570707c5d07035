import { ExtentJoiner } from '../extent-joiner.js';
import type { DriveExtent, DriveIo } from '../types.js';
import { BLOCK_BYTES, PAGE_BLOCKS, ZERO } from './checksummed.js';
import type { SumPages } from './sum-pages.js';

/** Pages of sums looked at in one call: then the range is told in part, so that nobody waits long. */
const MAX_PAGES = 256;
/** Bytes of data whose sums are in one page. */
const SUMMED_BYTES = PAGE_BLOCKS * BLOCK_BYTES;

/**
 * What `data` has allocated, and those of its holes whose sums say that there is something: what a write put there did not
 * reach the drive, or a loss of power took it back, and whoever reads it has it made anew from the other drives. Where the
 * sums are not at hand they count as saying so.
 * @returns at most `limit`; may end before the range does
 */
export function summedExtents(
  data: Pick<DriveIo, 'extents'>,
  sums: SumPages,
  offset: number,
  bytes: number,
  limit = Number.POSITIVE_INFINITY,
): readonly DriveExtent[] {
  const list = new ExtentJoiner(offset, limit);
  let left = MAX_PAGES;
  for (const extent of data.extents(offset, bytes, limit)) {
    const end = extent.offset + extent.bytes;
    if (extent.allocated) list.add(extent.bytes, true);
    for (let at = extent.offset; at < end && !extent.allocated && !list.full; ) {
      const empty = sums.emptyUpTo(Math.floor(at / SUMMED_BYTES), Math.ceil(end / SUMMED_BYTES)) * SUMMED_BYTES;
      const next = Math.min(end, empty > at ? empty : (Math.floor(at / SUMMED_BYTES) + 1) * SUMMED_BYTES);
      if (empty > at) list.add(next - at, false);
      else if (left-- === 0) return list.extents;
      else addSummed(list, sums, at, next);
      at = next;
    }
    if (list.full) break;
  }
  return list.extents;
}

/** A hole within one page of sums. */
function addSummed(list: ExtentJoiner, sums: SumPages, at: number, end: number): void {
  const first = at / BLOCK_BYTES;
  const page = sums.holdNow(first);
  if (page === null) {
    list.add(end - at, true);
    return;
  }
  const start = page.number * PAGE_BLOCKS;
  for (const sum of page.words.subarray(first - start, end / BLOCK_BYTES - start)) list.add(BLOCK_BYTES, sum !== ZERO);
  sums.release(page);
}
