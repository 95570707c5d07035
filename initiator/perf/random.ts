/** Seeded randomness for load: the same seed gives the same addresses and data. */

const WORD = 2 ** 32;

/** xoshiro128** (Blackman and Vigna), state filled from the seed by splitmix32. */
export class SeededRandom {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    let state = seed >>> 0;
    const next = () => {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next();
  }

  /** Uniform 32-bit integer. */
  word(): number {
    const scaled = Math.imul(this.b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** Uniform integer from 0 to below `limit`, which is at most 2^53. */
  below(limit: number): number {
    if (limit <= WORD) return Math.floor((this.word() / WORD) * limit);
    return (this.word() * 2 ** 21 + (this.word() >>> 11)) % limit;
  }

  /** Random bytes, for write data that neither compresses nor deduplicates. */
  fill(buffer: Buffer): Buffer {
    for (let at = 0; at < buffer.length; at += 4) {
      const value = this.word();
      for (let index = 0; index < 4 && at + index < buffer.length; index += 1)
        buffer[at + index] = value >>> (index * 8);
    }
    return buffer;
  }
}
