/**
 * Redundancy as linear algebra over GF(2⁸): a stripe has data columns, then check columns, each check a sum of
 * products of data columns. Mirrors, parity and double parity are three tables of factors; what is lost is solved for.
 */
import { inverse, multiply, power } from '../../../native/parity.js';

export type RedundantLevel = 'raid1+0' | 'raid5' | 'raid6';

/** A set of columns, or of drives: bit n stands for number n. */
export type Mask = number;

/** A column as a sum of others: factors by column, 0 where it takes no part. */
export type Sum = Uint8Array;

export interface Code {
  readonly data: number;
  readonly checks: number;
  /** By check, by data column. */
  readonly factors: readonly Uint8Array[];
  /** Each check is a copy of one data column. */
  readonly mirrored: boolean;
}

interface Shape {
  /** How many drives there may be. */
  readonly minimum: number;
  readonly maximum: number;
  readonly multiple: number;
  checks(drives: number): number;
  factor(check: number, data: number): number;
}

export const shapes: Readonly<Record<RedundantLevel, Shape>> = {
  'raid1+0': {
    minimum: 2,
    maximum: 16,
    multiple: 2,
    checks: (drives) => drives / 2,
    factor: (check, data) => Number(check === data),
  },
  raid5: { minimum: 3, maximum: 16, multiple: 1, checks: () => 1, factor: () => 1 },
  // P and Q as in Linux's md: the sum of the data, and that of the data times 2 to the power of the column.
  raid6: { minimum: 4, maximum: 16, multiple: 1, checks: () => 2, factor: (check, data) => power(check * data) },
};

/** @throws RangeError when the level has no such number of drives */
export function createCode(level: RedundantLevel, drives: number): Code {
  const shape = shapes[level];
  if (!(drives >= shape.minimum && drives <= shape.maximum && drives % shape.multiple === 0)) {
    throw new RangeError(`${level} of ${drives} drives`);
  }
  const checks = shape.checks(drives);
  const data = drives - checks;
  const factors = Array.from({ length: checks }, (_, check) =>
    Uint8Array.from({ length: data }, (_, column) => shape.factor(check, column)),
  );
  return { data, checks, factors, mirrored: level === 'raid1+0' };
}

/** Solves for lost columns; remembers what it found. */
export class Recovery {
  readonly #known = new Map<Mask, readonly (Sum | null)[]>();

  constructor(readonly code: Code) {}

  /** A column in terms of those not in `lost`; null: it cannot be recovered. */
  sum(column: number, lost: Mask): Sum | null {
    return this.#sums(lost)[column]!;
  }

  /** Whether every column can be recovered. */
  complete(lost: Mask): boolean {
    return this.#sums(lost).every((sum) => sum !== null);
  }

  #sums(lost: Mask): readonly (Sum | null)[] {
    let sums = this.#known.get(lost);
    if (sums === undefined) {
      sums = solve(this.code, lost);
      this.#known.set(lost, sums);
    }
    return sums;
  }
}

/** By column. Gauss and Jordan's elimination; each equation carries its right side as a sum of present columns. */
function solve(code: Code, lost: Mask): (Sum | null)[] {
  const { data, checks, factors } = code;
  const width = data + checks;
  const unknown = range(data).filter((column) => has(lost, column));
  const equations = range(checks)
    .filter((check) => !has(lost, data + check))
    .map((check) => {
      const right = new Uint8Array(width);
      right[data + check] = 1;
      for (const column of range(data)) if (!has(lost, column)) right[column] = factors[check]![column]!;
      return { left: unknown.map((column) => factors[check]![column]!), right };
    });
  let row = 0;
  for (const index of unknown.keys()) {
    const pivot = equations.findIndex(({ left }, at) => at >= row && left[index] !== 0);
    if (pivot < 0) continue;
    [equations[row], equations[pivot]] = [equations[pivot]!, equations[row]!];
    const own = equations[row]!;
    const factor = inverse(own.left[index]!);
    own.left = own.left.map((value) => multiply(value, factor));
    own.right = own.right.map((value) => multiply(value, factor));
    for (const other of equations) {
      const times = other === own ? 0 : other.left[index]!;
      if (times === 0) continue;
      other.left = other.left.map((value, at) => value ^ multiply(times, own.left[at]!));
      addProduct(other.right, own.right, times);
    }
    row++;
  }
  const sums: (Sum | null)[] = range(width).map((column) => (has(lost, column) ? null : only(column, width)));
  for (const { left, right } of equations) {
    const found = left.findIndex((value) => value !== 0);
    if (found >= 0 && left.every((value, at) => at === found || value === 0)) sums[unknown[found]!] = right;
  }
  for (const check of range(checks)) {
    if (has(lost, data + check)) sums[data + check] = sumOf(sums, factors[check]!, width);
  }
  return sums;
}

/** A check out of its data columns; null if one that it needs is lost. */
function sumOf(sums: readonly (Sum | null)[], factors: Uint8Array, width: number): Sum | null {
  const total = new Uint8Array(width);
  for (const [column, factor] of factors.entries()) {
    if (factor === 0) continue;
    const sum = sums[column]!;
    if (sum === null) return null;
    addProduct(total, sum, factor);
  }
  return total;
}

export function addProduct(to: Uint8Array, sum: Uint8Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i]! ^= multiply(sum[i]!, factor);
}

/** Number of the lowest member of a set that is not empty. */
export function lowest(mask: Mask): number {
  return 31 - Math.clz32(mask & -mask);
}

export function has(mask: Mask, index: number): boolean {
  return (mask & (1 << index)) !== 0;
}

function only(column: number, width: number): Sum {
  const sum = new Uint8Array(width);
  sum[column] = 1;
  return sum;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
