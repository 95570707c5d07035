/**
 * Header and data digests (RFC 7143 13.1): CRC32C over the segment with its padding, stored with its least
 * significant byte first.
 */
import { native } from '../../native/index.js';

const PADDING = [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(2), Buffer.alloc(3)] as const;

/** The zero bytes that pad a segment of `bytes` to a 4-byte boundary. */
export function paddingBytes(bytes: number): Buffer {
  return PADDING[-bytes & 3]!;
}

/** Digest of one run of bytes whose length is a multiple of 4: BHS and AHS. */
export function headerDigest(bhs: Uint8Array, ahs: Uint8Array | null): number {
  const crc = native.crc32c(bhs);
  return ahs === null ? crc : native.crc32c(ahs, crc);
}

/** Digest of a data segment in parts, its padding taken as zeros. */
export function dataDigest(parts: readonly Uint8Array[], bytes: number): number {
  let crc = 0;
  for (let i = 0; i < parts.length; i++) crc = native.crc32c(parts[i]!, crc);
  return (bytes & 3) === 0 ? crc : native.crc32c(paddingBytes(bytes), crc);
}

export function writeDigest(to: Buffer, at: number, digest: number): void {
  to.writeUInt32LE(digest, at);
}

export function readDigest(from: Buffer, at: number): number {
  return from.readUInt32LE(at);
}
