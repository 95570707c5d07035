import { randomBytes } from 'node:crypto';

/** A source of randomness; seeded in tests. */
export interface Random {
  /** Uniform integer in 0 … below − 1. */
  below(limit: number): number;
  bytes(count: number): Buffer;
}

/** One of them, each equally likely. */
export const pick = <T>(random: Random, from: readonly T[]): T => from[random.below(from.length)]!;

const TWO_32 = 2 ** 32;

/** The machine's cryptographic source: for challenges, identifiers and keys. */
export const systemRandom: Random = {
  below: (limit) => uniform(limit, () => randomBytes(4).readUInt32LE(0)),
  bytes: (count) => randomBytes(count),
};

/**
 * The same numbers for the same seed: xoshiro128** (Blackman and Vigna, 2018), its state mixed from the seed as MurmurHash3
 * finishes its hashes.
 * Not for secrets.
 */
export function seededRandom(seed: number): Random {
  const state = Uint32Array.from({ length: 4 }, (_, index) => mix(seed + (index + 1) * 0x9e3779b9));
  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(state[1]!, 5), 7), 9) >>> 0;
    const shifted = state[1]! << 9;
    state[2]! ^= state[0]!;
    state[3]! ^= state[1]!;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= shifted;
    state[3] = rotate(state[3]!, 11);
    return result;
  };
  return {
    below: (limit) => uniform(limit, next),
    bytes(count) {
      const out = Buffer.alloc(count);
      for (let at = 0; at < count; at += 4) {
        const word = next();
        for (let i = 0; i < 4 && at + i < count; i++) out[at + i] = word >>> (8 * i);
      }
      return out;
    },
  };
}

/** Every value equally likely: those of the incomplete last multiple of `limit` are drawn again. */
function uniform(limit: number, word: () => number): number {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`below: ${limit}`);
  const wide = limit > TWO_32;
  const span = wide ? 2 ** 53 : TWO_32;
  const usable = span - (span % limit);
  for (;;) {
    const value = wide ? (word() & 0x1fffff) * TWO_32 + word() : word();
    if (value < usable) return value % limit;
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function mix(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
