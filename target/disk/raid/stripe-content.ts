import { native } from '../../../native/index.js';
import { inParallel } from '../in-parallel.js';
import { has, lowest, type Mask } from './code.js';
import type { GroupCore } from './group-core.js';

/**
 * Why a stretch of a column is not what it should be: `unreadable`, its drive gives an error; `corrupt`, the drive gave
 * something else; `lost`, it was given up before.
 */
export type BadKind = 'unreadable' | 'corrupt' | 'lost';

/** In bytes of the unit. */
export interface Stretch {
  readonly at: number;
  readonly end: number;
}

export interface BadStretch extends Stretch {
  readonly kind: BadKind;
  /** It is not the place: the drive as a whole gives errors. */
  readonly gone: boolean;
}

/** The same of all columns of a locked stripe, read as far as is needed. */
export class StripeContent {
  /** Columns that have no drive, or that one holds nothing of use in. */
  readonly missing: Mask;
  #loaded: Mask = 0;
  readonly #data: (Buffer | undefined)[] = [];
  readonly #bad: (readonly BadStretch[])[];

  /** @param at bytes into the stripe unit, as `end` */
  constructor(
    readonly core: GroupCore,
    readonly stripe: number,
    readonly at: number,
    readonly end: number,
  ) {
    this.missing = core.parts.members.missing(stripe);
    this.#bad = Array.from({ length: core.parts.layout.drives }, () => []);
  }

  /** Reads columns that have not been read. */
  load(columns: Mask, done: () => void): void {
    const wanted: number[] = [];
    for (let left = columns & ~this.#loaded & ~this.missing; left !== 0; left &= left - 1) wanted.push(lowest(left));
    const read = (column: number, ended: (error: null) => void): void => {
      const data = Buffer.allocUnsafe(this.end - this.at);
      this.#data[column] = data;
      this.core.readColumn(this.stripe, column, this.at, data, (bad) => {
        this.#loaded |= 1 << column;
        this.#bad[column] = bad;
        ended(null);
      });
    };
    inParallel(wanted, read, done);
  }

  loaded(column: number): boolean {
    return has(this.#loaded, column);
  }

  /** What was read of a column, by stretch of the unit; where it is bad it may be anything. */
  data(column: number, { at, end }: Stretch = this): Buffer {
    return this.#data[column]!.subarray(at - this.at, end - this.at);
  }

  /** Known so far. */
  bad(column: number): readonly BadStretch[] {
    return this.#bad[column]!;
  }

  /** A drive gives errors wherever it is asked. */
  get gone(): boolean {
    return this.#bad.some((list) => list.some(({ gone }) => gone));
  }

  /** A stretch of a column has become good: its content is put in place. */
  mended(column: number, stretch: Stretch, data: Buffer): void {
    data.copy(this.data(column, stretch));
    this.#bad[column] = this.#bad[column]!.flatMap((bad) => [
      ...(bad.at < stretch.at ? [{ ...bad, end: Math.min(bad.end, stretch.at) }] : []),
      ...(bad.end > stretch.end ? [{ ...bad, at: Math.max(bad.at, stretch.end) }] : []),
    ]);
  }

  /** Cut where the columns that cannot be used change; those without a drive are among them. */
  segments({ at, end }: Stretch = this): (Stretch & { readonly without: Mask })[] {
    const cuts = new Set([at, end]);
    for (const bad of this.#bad.flat()) {
      for (const cut of [bad.at, bad.end]) if (cut > at && cut < end) cuts.add(cut);
    }
    const sorted = [...cuts].sort((a, b) => a - b);
    return sorted.slice(0, -1).map((from, index) => {
      const to = sorted[index + 1]!;
      let without = this.missing;
      for (const [column, list] of this.#bad.entries()) {
        if (list.some((bad) => bad.at <= from && bad.end >= to)) without |= 1 << column;
      }
      return { at: from, end: to, without };
    });
  }

  /**
   * Works a stretch of a column out of the others, which are read as far as needed.
   * @param done hears what cannot be, which is zeros in `data`
   */
  solve(column: number, stretch: Stretch, done: (data: Buffer, lost: readonly Stretch[]) => void): void {
    const { recovery } = this.core.parts;
    const segments = this.segments(stretch).map(({ at, end, without }) => {
      return { at, end, sum: recovery.sum(column, without | (1 << column)) };
    });
    let needed: Mask = 0;
    for (const { sum } of segments) {
      for (const [from, factor] of sum?.entries() ?? []) if (factor !== 0) needed |= 1 << from;
    }
    if ((needed & ~this.#loaded) !== 0) {
      this.load(needed, () => this.solve(column, stretch, done));
      return;
    }
    const data = Buffer.alloc(stretch.end - stretch.at);
    const lost: Stretch[] = [];
    for (const { at, end, sum } of segments) {
      if (sum === null) {
        lost.push({ at, end });
        continue;
      }
      const sources = [...sum.keys()].filter((from) => sum[from] !== 0);
      native.combine(
        [data.subarray(at - stretch.at, end - stretch.at)],
        sources.map((from) => this.data(from, { at, end })),
        Uint8Array.from(sources, (from) => sum[from]!),
      );
    }
    done(data, lost);
  }
}
