/** What drives make when joined, and how much memory that survives it takes. */
import { checkStripeUnit } from '../stripe-unit.js';
import type { DriveIo } from '../types.js';
import { createCode, type RedundantLevel } from './code.js';
import { StripeLayout } from './layout.js';
import { mapLayout } from './stripe-map.js';
import { underWayBytes } from './under-way.js';

export interface RedundantShape {
  readonly name: string;
  readonly level: RedundantLevel;
  readonly drives: readonly DriveIo[];
  /** Stripe unit, a multiple of 16 KiB. */
  readonly stripeBytes: number;
}

/** Bytes of what such a group may have under way; 0: of its level that is not kept. */
export function underWayMemoryBytes(shape: RedundantShape): number {
  const { layout, geometry, logged } = layoutOf(shape);
  // Each stripe is under way once at most, and its descriptors do not take more than it does.
  const most = 2 * layout.stripes * layout.unit * layout.drives;
  return logged ? underWayBytes(Math.min(mapLayout(geometry, true).logBytes, most)) : 0;
}

/** Bytes of the stripe map and redo log of such a group. @throws RangeError as `RedundantGroup.open` */
export function redundantMemoryBytes(shape: RedundantShape): number {
  const { geometry, logged } = layoutOf(shape);
  return mapLayout(geometry, logged).bytes;
}

/** @throws RangeError as `RedundantGroup.open` */
export function layoutOf({ name, level, drives, stripeBytes }: RedundantShape) {
  checkStripeUnit(name, stripeBytes);
  const code = createCode(level, drives.length);
  const stripes = Math.floor(Math.min(...drives.map((drive) => drive.bytes)) / stripeBytes);
  const layout = new StripeLayout(code, stripeBytes, stripes);
  return { layout, geometry: { stripes, unit: layout.unit, drives: layout.drives }, logged: !code.mirrored };
}
