/** Sizes, counts and durations as people type and read them. */

/** A command line that cannot be carried out as given. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/**
 * Parses `4096`, `4k`, `1.5GiB`, `0x1000`: bytes, with powers of 1024.
 * @throws UsageError
 */
export function parseSize(text: string, what = 'size'): number {
  if (/^0x[0-9a-f]+$/i.test(text)) return safe(Number(text), text, what);
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (!match) throw new UsageError(`${what} "${text}" is not a number of bytes such as 4096, 64k or 1.5g`);
  return safe(Number(match[1]) * FACTORS[match[2]!.toLowerCase()]!, text, what);
}

/**
 * Parses a whole number, decimal or 0x hexadecimal, within limits.
 * @throws UsageError
 */
export function parseNumber(text: string, what: string, low = 0, high = Number.MAX_SAFE_INTEGER): number {
  const value = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= low && value <= high)) {
    const range = high === Number.MAX_SAFE_INTEGER ? `of ${low} or more` : `from ${low} to ${high}`;
    throw new UsageError(`${what} "${text}" is not a whole number ${range}`);
  }
  return value;
}

/**
 * Parses a duration: `10`, `10s`, `500ms`, `2m`, `1h`. Returns milliseconds.
 * @throws UsageError
 */
export function parseDuration(text: string, what = 'time'): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text);
  if (!match) throw new UsageError(`${what} "${text}" is not a duration such as 10s, 500ms or 2m`);
  const factor = { ms: 1, s: 1000, '': 1000, m: 60000, h: 3600000 }[match[2] as 'ms' | 's' | '' | 'm' | 'h'];
  return Number(match[1]) * factor;
}

function safe(value: number, text: string, what: string): number {
  if (!Number.isSafeInteger(value)) throw new UsageError(`${what} "${text}" is not a whole number of bytes`);
  return value;
}
