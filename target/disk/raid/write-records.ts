/**
 * Writes of single drives as bytes in shared memory: for each a descriptor of 24 bytes (u32 drive, u32 kind, f64 offset,
 * f64 bytes), then the data of those that have some, in the same order. Little endian.
 */

/** Bytes of one. */
export const DESCRIPTOR = 24;

/** One drive's part: data at an offset, or (null) `bytes` of zeros, unless lost. */
export interface LoggedWrite {
  /** Position in the group. */
  readonly drive: number;
  readonly offset: number;
  readonly bytes: number;
  readonly buffers: readonly Buffer[] | null;
  /** Neither: what the range holds is marked as lost. */
  readonly lost: boolean;
}

/** What a descriptor's kind says. */
const ZEROS = 0;
const FILLED = 1;
const LOST = 2;

/** What `putWrites` takes up, in bytes. */
export function bytesOfWrites(writes: readonly LoggedWrite[]): { readonly descriptors: number; readonly data: number } {
  const data = writes.reduce((sum, { bytes, buffers }) => sum + (buffers === null ? 0 : bytes), 0);
  return { descriptors: writes.length * DESCRIPTOR, data };
}

export function putWrites(writes: readonly LoggedWrite[], into: Buffer): void {
  let at = 0;
  for (const { drive, offset, bytes, buffers, lost } of writes) {
    into.writeUInt32LE(drive, at);
    into.writeUInt32LE(lost ? LOST : buffers === null ? ZEROS : FILLED, at + 4);
    into.writeDoubleLE(offset, at + 8);
    into.writeDoubleLE(bytes, at + 16);
    at += DESCRIPTOR;
  }
  for (const { buffers } of writes) {
    for (const buffer of buffers ?? []) at += buffer.copy(into, at);
  }
}

/** What was put, as copies: the memory may be used again before they are written. @param descriptors in bytes */
export function takeWrites(from: Buffer, descriptors: number): LoggedWrite[] {
  const writes: LoggedWrite[] = [];
  let data = descriptors;
  for (let at = 0; at < descriptors; at += DESCRIPTOR) {
    const kind = from.readUInt32LE(at + 4);
    const bytes = from.readDoubleLE(at + 16);
    const filled = kind === FILLED;
    writes.push({
      drive: from.readUInt32LE(at),
      offset: from.readDoubleLE(at + 8),
      bytes,
      buffers: filled ? [Buffer.from(from.subarray(data, data + bytes))] : null,
      lost: kind === LOST,
    });
    if (filled) data += bytes;
  }
  return writes;
}
