/** GF(2⁸) with polynomial 11Dh and generator 2, as RAID 6 uses it, and the twin of the addon's `combine`. */

const FIELD = 256;
const POLYNOMIAL = 0x11d;

const powers = new Uint8Array(2 * FIELD);
const logarithms = new Uint8Array(FIELD);
for (let exponent = 0, value = 1; exponent < FIELD - 1; exponent++) {
  powers[exponent] = value;
  powers[exponent + FIELD - 1] = value;
  logarithms[value] = exponent;
  value = value < 128 ? value << 1 : (value << 1) ^ POLYNOMIAL;
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : powers[logarithms[a]! + logarithms[b]!]!;
}

/** @param a not 0 */
export function inverse(a: number): number {
  return powers[FIELD - 1 - logarithms[a]!]!;
}

/** 2 to this power, 0 … 254. */
export function power(exponent: number): number {
  return powers[exponent]!;
}

/** Products of all bytes with one factor, made when first needed. */
const rows: (Uint8Array | undefined)[] = new Array(FIELD);

function products(factor: number): Uint8Array {
  let row = rows[factor];
  if (row === undefined) {
    row = Uint8Array.from({ length: FIELD }, (_, value) => multiply(factor, value));
    rows[factor] = row;
  }
  return row;
}

/** As `NativeFunctions.combine`. */
export function combineTypeScript(
  targets: readonly Uint8Array[],
  sources: readonly Uint8Array[],
  factors: Uint8Array,
): void {
  for (const [index, target] of targets.entries()) {
    // The target may be one of the sources: it is written last.
    const sum = new Uint8Array(target.length);
    for (const [k, source] of sources.entries()) {
      const factor = factors[index * sources.length + k]!;
      if (factor !== 0) add(sum, source, products(factor));
    }
    target.set(sum);
  }
}

function add(sum: Uint8Array, source: Uint8Array, row: Uint8Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! ^= row[source[i]!]!;
}
