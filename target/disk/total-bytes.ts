/** Of a list of buffers. */
export function totalBytes(buffers: readonly Buffer[]): number {
  let bytes = 0;
  for (let i = 0; i < buffers.length; i++) bytes += buffers[i]!.length;
  return bytes;
}
