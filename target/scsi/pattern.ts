/** A pattern over many blocks: one tile, referred to again and again. */

const TILE_BYTES = 64 * 1024;

/** The pattern (null: zeros), a block of it, repeated over a whole tile. */
export function tileOf(pattern: Buffer | null, blockSize: number): Buffer {
  return pattern === null ? Buffer.alloc(TILE_BYTES) : Buffer.alloc(TILE_BYTES, pattern.subarray(0, blockSize));
}

/** As many bytes of it, without a copy. */
export function repeated(tile: Buffer, bytes: number): readonly Buffer[] {
  const list = new Array<Buffer>(Math.floor(bytes / tile.length)).fill(tile);
  const rest = bytes % tile.length;
  if (rest !== 0) list.push(tile.subarray(0, rest));
  return list;
}
