/** Collects what is written to a stream. */
import { PassThrough } from 'node:stream';

export function collector(): { readonly stream: PassThrough; bytes(): Buffer } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, bytes: () => Buffer.concat(chunks) };
}
