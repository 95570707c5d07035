/**
 * Buffers of the error history (vendor specific): what they are lists of differs, how is the same.
 *
 *   0–3 how many · 4–7 how many were dropped before · 8–15 reserved · entries, each beginning with its bytes less one (2)
 */
export const HISTORY_HEAD_BYTES = 16;

export function encodeHistory(entries: readonly Buffer[], dropped: number): Buffer {
  const head = Buffer.alloc(HISTORY_HEAD_BYTES);
  head.writeUInt32BE(entries.length, 0);
  head.writeUInt32BE(dropped >>> 0, 4);
  return Buffer.concat([head, ...entries]);
}

/** Takes one apart, as far as it goes. @param least bytes that an entry has */
export function decodeHistory<T>(
  data: Buffer,
  least: number,
  decode: (entry: Buffer) => T,
): { readonly dropped: number; readonly entries: T[] } {
  const entries: T[] = [];
  if (data.length < HISTORY_HEAD_BYTES) return { dropped: 0, entries };
  for (let at = HISTORY_HEAD_BYTES; at + least <= data.length; ) {
    const bytes = data.readUInt16BE(at) + 1;
    if (bytes < least || at + bytes > data.length) break;
    entries.push(decode(data.subarray(at, at + bytes)));
    at += bytes;
  }
  return { dropped: data.readUInt32BE(4), entries };
}
