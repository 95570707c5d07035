/** Bytes `from` to `from + bytes` of a list of buffers, as views. The list holds at least that much. */
export function slice(list: readonly Buffer[], from: number, bytes: number): readonly Buffer[] {
  const views: Buffer[] = [];
  let at = 0;
  let left = bytes;
  for (const buffer of list) {
    if (left === 0) break;
    const start = Math.max(0, from - at);
    if (start < buffer.length) {
      const view = buffer.subarray(start, Math.min(buffer.length, start + left));
      views.push(view);
      left -= view.length;
    }
    at += buffer.length;
  }
  return views;
}
