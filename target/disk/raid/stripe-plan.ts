/**
 * How a write to a stripe keeps its checks right. The stripe unit is cut into bands, in each of which a column is
 * written as a whole or not at all. For each band either the checks are made anew from all data (reconstruct-write)
 * or changed by the difference (read-modify-write): whichever reads fewer columns. A full stripe reads nothing.
 * Columns that cannot be read are put in terms of those that can; that too is part of the sums.
 */
import { native } from '../../../native/index.js';
import { addProduct, type Code, has, lowest, type Mask, type Recovery, type Sum } from './code.js';

/** New content of a stretch of a column, `at` bytes into its unit; null: zeros. */
export interface StripePiece {
  readonly column: number;
  readonly at: number;
  readonly end: number;
  readonly data: Buffer | null;
}

/** A stretch of a column to be read before checks can be made. */
export interface ColumnRange {
  readonly column: number;
  readonly at: number;
  end: number;
}

export interface OldRange extends ColumnRange {
  readonly data: Buffer;
}

/** New checks of one band as sums: by check, factors of old columns and of new ones. */
interface Method {
  /** Column numbers. */
  readonly checks: readonly number[];
  readonly old: readonly Sum[];
  readonly fresh: readonly Sum[];
  /** Old columns that a factor stands before. */
  readonly reads: Mask;
}

interface Band {
  readonly at: number;
  readonly end: number;
  /** By column: what is written there, if anything. */
  readonly pieces: readonly (StripePiece | undefined)[];
  readonly method: Method;
}

export interface StripePlan {
  readonly bands: readonly Band[];
  readonly reads: readonly ColumnRange[];
}

/** Finds plans; methods are remembered, as there are few. */
export class StripePlanner {
  readonly #methods = new Map<string, Method | null>();

  constructor(
    private readonly code: Code,
    private readonly recovery: Recovery,
  ) {}

  /**
   * @param pieces of data columns; none overlaps another
   * @param missing columns that have no drive
   * @param unreadable columns that cannot be read, `missing` among them
   * @returns null: the write cannot be kept, too much is missing
   */
  plan(pieces: readonly StripePiece[], missing: Mask, unreadable: Mask): StripePlan | null {
    const bands: Band[] = [];
    const reads: (ColumnRange | undefined)[] = [];
    const all: ColumnRange[] = [];
    const cuts = cutsOf(pieces);
    for (let i = 0; i + 1 < cuts.length; i++) {
      const at = cuts[i]!;
      const end = cuts[i + 1]!;
      const here: (StripePiece | undefined)[] = new Array(this.code.data);
      let written = 0;
      for (const piece of pieces) {
        if (piece.at > at || piece.end < end) continue;
        here[piece.column] = piece;
        written |= 1 << piece.column;
      }
      if (written === 0) continue;
      const method = this.#method(written, missing, unreadable);
      if (method === null) return null;
      bands.push({ at, end, pieces: here, method });
      for (let left = method.reads; left !== 0; left &= left - 1) {
        const column = lowest(left);
        const last = reads[column];
        if (last !== undefined && last.end === at) last.end = end;
        else {
          const read = { column, at, end };
          reads[column] = read;
          all.push(read);
        }
      }
    }
    return { bands, reads: all };
  }

  #method(written: Mask, missing: Mask, unreadable: Mask): Method | null {
    const key = `${written},${missing},${unreadable}`;
    let method = this.#methods.get(key);
    if (method === undefined) {
      method = this.#best(written, missing, unreadable);
      this.#methods.set(key, method);
    }
    return method;
  }

  #best(written: Mask, missing: Mask, unreadable: Mask): Method | null {
    // What is written to a column without a drive lives on in the others only.
    for (let left = written & missing; left !== 0; left &= left - 1) {
      if (this.recovery.sum(lowest(left), missing) === null) return null;
    }
    const ways = [this.#sums(written, missing, unreadable, false), this.#sums(written, missing, unreadable, true)];
    const possible = ways.filter((way) => way !== null);
    return possible.sort((a, b) => bitCount(a.reads) - bitCount(b.reads))[0] ?? null;
  }

  #sums(written: Mask, missing: Mask, unreadable: Mask, difference: boolean): Method | null {
    const { data, checks, factors } = this.code;
    const width = data + checks;
    const method = { checks: [] as number[], old: [] as Sum[], fresh: [] as Sum[], reads: 0 };
    for (let check = 0; check < checks; check++) {
      const own = factors[check]!;
      const affected = own.some((factor, column) => factor !== 0 && has(written, column));
      if (!affected || has(missing, data + check)) continue;
      const old = new Uint8Array(width);
      const fresh = new Uint8Array(width);
      if (difference) old[data + check] = 1;
      for (const [column, factor] of own.entries()) {
        if (has(written, column)) fresh[column] = factor;
        if (has(written, column) === difference) old[column] = factor;
      }
      const readable = this.#readable(old, unreadable);
      if (readable === null) return null;
      for (const [column, factor] of readable.entries()) if (factor !== 0) method.reads |= 1 << column;
      method.checks.push(data + check);
      method.old.push(readable);
      method.fresh.push(fresh);
    }
    return method;
  }

  /** The same sum without columns that cannot be read; null: one of them cannot be recovered. */
  #readable(sum: Sum, unreadable: Mask): Sum | null {
    const result = new Uint8Array(sum.length);
    for (const [column, factor] of sum.entries()) {
      if (factor === 0) continue;
      const terms = this.recovery.sum(column, unreadable);
      if (terms === null) return null;
      addProduct(result, terms, factor);
    }
    return result;
  }
}

/** New content of the checks. @param old what `plan.reads` asked for, in the same order */
export function newChecks(plan: StripePlan, old: readonly OldRange[]): StripePiece[] {
  const checks: StripePiece[] = [];
  for (const { at, end, pieces, method } of plan.bands) {
    const sources: Buffer[] = [];
    const factors: number[][] = method.checks.map(() => []);
    for (let left = method.reads; left !== 0; left &= left - 1) {
      const column = lowest(left);
      const range = old.find((each) => each.column === column && each.at <= at && each.end >= end)!;
      sources.push(range.data.subarray(at - range.at, end - range.at));
      for (const [i, list] of factors.entries()) list.push(method.old[i]![column]!);
    }
    for (const [column, piece] of pieces.entries()) {
      if (piece === undefined || piece.data === null) continue;
      sources.push(piece.data.subarray(at - piece.at, end - piece.at));
      for (const [i, list] of factors.entries()) list.push(method.fresh[i]![column]!);
    }
    const made = combined(sources, factors, end - at);
    for (const [i, column] of method.checks.entries()) checks.push({ column, at, end, data: made[i]! });
  }
  return checks;
}

/** Sums of sources; one that is a source alone is that source, not a copy; null for zeros. */
function combined(sources: readonly Buffer[], factors: readonly number[][], bytes: number): (Buffer | null)[] {
  const results: (Buffer | null)[] = [];
  const targets: Buffer[] = [];
  const rows: number[] = [];
  for (const list of factors) {
    const used = list.filter((factor) => factor !== 0).length;
    const copied = used === 1 ? list.indexOf(1) : -1;
    if (used === 0) results.push(null);
    else if (copied >= 0) results.push(sources[copied]!);
    else {
      const target = Buffer.allocUnsafeSlow(bytes);
      targets.push(target);
      results.push(target);
      rows.push(...list);
    }
  }
  if (targets.length > 0) native.combine(targets, sources, Uint8Array.from(rows));
  return results;
}

/** Where bands may begin and end, ascending. */
function cutsOf(pieces: readonly StripePiece[]): number[] {
  const cuts = new Set<number>();
  for (const { at, end } of pieces) {
    cuts.add(at);
    cuts.add(end);
  }
  return [...cuts].sort((a, b) => a - b);
}

export function bitCount(mask: Mask): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count++;
  return count;
}
