/**
 * Where the columns of a stripe stand. A stripe is one stripe unit of each drive, at the same offset on all. Columns
 * are numbered data first, then checks.
 *
 * Parity rotates left-symmetrically (Linux md's default): P starts on the last drive and moves one to the left with
 * each stripe, Q stands to its right, data begins to the right of those and goes round. So adjacent data units stand
 * on adjacent drives, and a sequential read keeps all drives busy. Mirrors do not rotate: column c is on drives 2c and
 * 2c + 1.
 */
import { type Code, lowest, type Mask } from './code.js';

/** A stretch of one stripe unit: `at` bytes into the unit. */
export type VisitUnit = (stripe: number, column: number, at: number, bytes: number) => void;

export class StripeLayout {
  readonly drives: number;
  /** Of data in one stripe. */
  readonly stripeBytes: number;

  /** @param unit bytes of a stripe unit */
  constructor(
    readonly code: Code,
    readonly unit: number,
    readonly stripes: number,
  ) {
    this.drives = code.data + code.checks;
    this.stripeBytes = unit * code.data;
  }

  /** Bytes that hosts can use. */
  get bytes(): number {
    return this.stripes * this.stripeBytes;
  }

  driveOf(stripe: number, column: number): number {
    const { data, checks, mirrored } = this.code;
    if (mirrored) return column < data ? 2 * column : 2 * (column - data) + 1;
    const parity = this.drives - 1 - (stripe % this.drives);
    return (parity + (column < data ? checks + column : column - data)) % this.drives;
  }

  columnOf(stripe: number, drive: number): number {
    const { data, checks, mirrored } = this.code;
    if (mirrored) return drive % 2 === 0 ? drive / 2 : data + (drive - 1) / 2;
    const parity = this.drives - 1 - (stripe % this.drives);
    const after = (drive - parity + this.drives) % this.drives;
    return after < checks ? data + after : after - checks;
  }

  /** Which columns of a stripe these drives hold. */
  columns(stripe: number, drives: Mask): Mask {
    let columns = 0;
    for (let left = drives; left !== 0; left &= left - 1) {
      columns |= 1 << this.columnOf(stripe, lowest(left));
    }
    return columns;
  }

  /** The stretches of a range of the group, ascending. */
  place(offset: number, bytes: number, visit: VisitUnit): void {
    const end = offset + bytes;
    for (let at = offset; at < end; ) {
      const unit = Math.floor(at / this.unit);
      const inUnit = at - unit * this.unit;
      const step = Math.min(end - at, this.unit - inUnit);
      visit(Math.floor(unit / this.code.data), unit % this.code.data, inUnit, step);
      at += step;
    }
  }
}
