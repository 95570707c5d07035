/** Which parts of a redundant group hold data, from what its drives say. */
import { ExtentJoiner } from '../extent-joiner.js';
import type { DriveExtent, DriveIo } from '../types.js';
import type { Mask } from './code.js';
import { has } from './code.js';
import type { StripeLayout } from './layout.js';
import type { Members } from './members.js';

/** Steps of one call: a fragmented range is told in part, so that nobody waits long. */
const MAX_STEPS = 4096;
/** Extents asked of a drive at a time. */
const AHEAD = 8;

/**
 * Where all drives agree the stretch is found by arithmetic. A column whose drive is missing is taken to hold data
 * where another of its stripe does: if none does, it holds zeros.
 * @returns at most `limit`; may end before the range does
 */
export function redundantExtents(
  layout: StripeLayout,
  members: Members,
  offset: number,
  bytes: number,
  limit: number,
): DriveExtent[] {
  const { unit, code } = layout;
  const end = offset + bytes;
  const last = Math.ceil(end / layout.stripeBytes) * unit;
  const cursors = members.list.map(({ drive }) => new Cursor(drive, last));
  const list = new ExtentJoiner(offset, limit);
  for (let at = offset, steps = 0; at < end && !list.full && steps < MAX_STEPS; steps++) {
    const row = Math.floor(at / unit);
    const stripe = Math.floor(row / code.data);
    const inUnit = at - row * unit;
    const whole = inUnit === 0 && row % code.data === 0;
    const agreed = whole ? agreement(cursors, members, layout, stripe) : null;
    let next: number;
    let allocated: boolean;
    if (agreed !== null) {
      next = Math.min(end, agreed.end * layout.stripeBytes);
      allocated = agreed.allocated;
    } else {
      const state = columnState(cursors, members, layout, stripe, row % code.data, inUnit);
      next = Math.min(end, row * unit + state.end);
      allocated = state.allocated;
    }
    list.add(next - at, allocated);
    at = next;
  }
  return list.extents;
}

/** Whole stripes from `stripe` on in which all drives are in the same state; null: not even this one. */
function agreement(cursors: readonly Cursor[], members: Members, layout: StripeLayout, stripe: number) {
  let end = Number.POSITIVE_INFINITY;
  let allocated: boolean | null = null;
  for (const [position, cursor] of cursors.entries()) {
    if (members.list[position]!.state !== 'good') continue;
    const state = cursor.seek(stripe * layout.unit);
    if (allocated !== null && state.allocated !== allocated) return null;
    allocated = state.allocated;
    end = Math.min(end, Math.floor(state.end / layout.unit));
  }
  return allocated === null || end <= stripe ? null : { end, allocated };
}

/** State of a column from `inUnit` on, and up to where in the unit that goes. */
function columnState(
  cursors: readonly Cursor[],
  members: Members,
  layout: StripeLayout,
  stripe: number,
  column: number,
  inUnit: number,
): { readonly end: number; readonly allocated: boolean } {
  const missing: Mask = members.missing(stripe);
  const base = stripe * layout.unit;
  let end = layout.unit;
  let allocated = false;
  for (let other = 0; other < layout.drives; other++) {
    if (has(missing, column) ? has(missing, other) : other !== column) continue;
    const state = cursors[layout.driveOf(stripe, other)]!.seek(base + inUnit);
    end = Math.min(end, state.end - base);
    allocated ||= state.allocated;
  }
  // With nobody to ask, nobody shall take data for absent.
  return { end, allocated: allocated || missing === 2 ** layout.drives - 1 };
}

/** Goes through one drive's extents, ascending. */
class Cursor {
  #extents: readonly DriveExtent[] = [];
  #index = 0;

  constructor(
    private readonly drive: DriveIo,
    private readonly last: number,
  ) {}

  /** State at a place, and where it ends or at least goes to. */
  seek(at: number): { readonly end: number; readonly allocated: boolean } {
    while (true) {
      const extent = this.#extents[this.#index];
      if (extent === undefined) {
        this.#extents = this.drive.extents(at, this.last - at, AHEAD);
        this.#index = 0;
      } else if (at >= extent.offset + extent.bytes) {
        this.#index++;
      } else if (at < extent.offset) {
        this.#extents = [];
      } else {
        return { end: extent.offset + extent.bytes, allocated: extent.allocated };
      }
    }
  }
}
