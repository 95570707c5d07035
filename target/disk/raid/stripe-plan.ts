/**
 * How a write to a stripe keeps its checks right. The stripe unit is cut into bands, in each of which a column is
 * written as a whole or not at all. For each band either the checks are made anew from all data (reconstruct-write)
 * or changed by the difference (read-modify-write): whichever reads fewer columns. A full stripe reads nothing.
 * Columns that cannot be read are put in terms of those that can; that too is part of the sums. A check for which that
 * cannot be done is lost, and only there: what it stood for could not be recovered before either.
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

/** How one check of a band is made: factors of old columns and of new ones. */
interface CheckMethod {
  readonly old: Sum;
  readonly fresh: Sum;
}

/** New checks of one band as sums: by check, factors of old columns and of new ones. */
interface Method {
  /** Column numbers. */
  readonly checks: readonly number[];
  readonly old: readonly Sum[];
  readonly fresh: readonly Sum[];
  /** Old columns that a factor stands before. */
  readonly reads: Mask;
  /** Checks that cannot be made. */
  readonly lost: Mask;
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
  /** Of checks: what they hold there would be wrong from now on. */
  readonly lost: readonly ColumnRange[];
}

/** Methods remembered, somewhat more than a kilobyte each; few are in use at a time. */
const MAX_METHODS = 4096;

/** Finds plans. */
export class StripePlanner {
  readonly #methods = new Map<string, Method | null>();

  constructor(
    private readonly code: Code,
    private readonly recovery: Recovery,
  ) {}

  /**
   * @param pieces of data columns; none overlaps another
   * @param missing columns that have no drive
   * @param bad what else cannot be read
   * @param mayLose checks can be lost; else a write that would need that cannot be kept
   * @returns null: the write cannot be kept, too much is missing
   */
  plan(
    pieces: readonly StripePiece[],
    missing: Mask,
    bad: readonly ColumnRange[],
    mayLose: boolean,
  ): StripePlan | null {
    const bands: Band[] = [];
    const reads: (ColumnRange | undefined)[] = [];
    const all: ColumnRange[] = [];
    const lost: ColumnRange[] = [];
    const cuts = cutsOf([...pieces, ...bad]);
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
      let unreadable = missing;
      for (const range of bad) if (range.at <= at && range.end >= end) unreadable |= 1 << range.column;
      const method = this.#method(written, missing, unreadable, mayLose);
      if (method === null) return null;
      bands.push({ at, end, pieces: here, method });
      for (let left = method.lost; left !== 0; left &= left - 1) lost.push({ column: lowest(left), at, end });
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
    return { bands, reads: all, lost };
  }

  #method(written: Mask, missing: Mask, unreadable: Mask, mayLose: boolean): Method | null {
    const key = `${written},${missing},${unreadable},${mayLose}`;
    let method = this.#methods.get(key);
    if (method === undefined) {
      method =
        this.#best(written, missing, unreadable) ?? (mayLose ? this.#losing(written, missing, unreadable) : null);
      if (this.#methods.size === MAX_METHODS) this.#methods.clear();
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

  /** Null: a check cannot be made this way. */
  #sums(written: Mask, missing: Mask, unreadable: Mask, difference: boolean): Method | null {
    const checks = this.#affected(written, missing);
    const made = checks.map((check) => this.#check(check, written, unreadable, difference));
    return made.every((method) => method !== null) ? methodOf(checks, made, 0) : null;
  }

  /** Each check by whichever way it can be made at all. */
  #losing(written: Mask, missing: Mask, unreadable: Mask): Method | null {
    const checks: number[] = [];
    const made: CheckMethod[] = [];
    let lost: Mask = 0;
    for (const check of this.#affected(written, missing)) {
      const method = this.#check(check, written, unreadable, false) ?? this.#check(check, written, unreadable, true);
      if (method === null) lost |= 1 << check;
      else {
        checks.push(check);
        made.push(method);
      }
    }
    const after = missing | (unreadable & ~written) | lost;
    for (let left = written & missing; left !== 0; left &= left - 1) {
      if (this.recovery.sum(lowest(left), after) === null) return null;
    }
    return methodOf(checks, made, lost);
  }

  /** Columns of the checks that have a drive and depend on what is written. */
  #affected(written: Mask, missing: Mask): number[] {
    const { data, factors } = this.code;
    return factors.flatMap((own, check) => {
      const affected = own.some((factor, column) => factor !== 0 && has(written, column));
      return affected && !has(missing, data + check) ? [data + check] : [];
    });
  }

  #check(check: number, written: Mask, unreadable: Mask, difference: boolean): CheckMethod | null {
    const { data, checks, factors } = this.code;
    const old = new Uint8Array(data + checks);
    const fresh = new Uint8Array(data + checks);
    if (difference) old[check] = 1;
    for (const [column, factor] of factors[check - data]!.entries()) {
      if (has(written, column)) fresh[column] = factor;
      if (has(written, column) === difference) old[column] = factor;
    }
    const readable = this.#readable(old, unreadable);
    return readable && { old: readable, fresh };
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

function methodOf(checks: readonly number[], made: readonly CheckMethod[], lost: Mask): Method {
  let reads: Mask = 0;
  for (const { old } of made) {
    for (const [column, factor] of old.entries()) if (factor !== 0) reads |= 1 << column;
  }
  return { checks, old: made.map(({ old }) => old), fresh: made.map(({ fresh }) => fresh), reads, lost };
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
function cutsOf(pieces: readonly { readonly at: number; readonly end: number }[]): number[] {
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
