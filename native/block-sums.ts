/** The twin of the addon's `blockSums`. */
import { crc32cTypeScript } from './crc32c.js';

const BLOCK_BYTES = 512;

/** As `NativeFunctions.blockSums`. */
export function blockSumsTypeScript(parts: readonly Uint8Array[], first: number, sums: Uint32Array): void {
  const joined = new Uint8Array(BLOCK_BYTES);
  let filled = 0;
  let index = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      const step = Math.min(BLOCK_BYTES - filled, part.length - at);
      const piece = part.subarray(at, at + step);
      at += step;
      if (step === BLOCK_BYTES) {
        sums[index] = sumOf(piece, first + index++);
        continue;
      }
      joined.set(piece, filled);
      filled += step;
      if (filled < BLOCK_BYTES) continue;
      sums[index] = sumOf(joined, first + index++);
      filled = 0;
    }
  }
}

function sumOf(block: Uint8Array, number: number): number {
  if (block.every((byte) => byte === 0)) return 0;
  const seed = (number ^ Math.imul(Math.floor(number / 2 ** 32), 0x9e3779b1)) >>> 0;
  const crc = crc32cTypeScript(block, seed);
  return crc < 2 ? crc + 2 : crc;
}
