/** Streams of the control endpoint: one JSON object a line, for as long as the reader wants. */
import { type IncomingMessage, request } from 'node:http';
import { ArrayError } from '../svp/errors.js';
import { callError, outgoing, parse } from './client.js';

/** Far above any real line; keeps a mistaken socket from filling memory. */
const LINE_LIMIT = 2 ** 20;

/**
 * Calls `take` with each line until the array ends the stream or `take` returns false.
 * @throws ArrayError `not-running` or `refused`
 */
export async function follow<Line>(
  dataDir: string,
  path: string,
  body: unknown,
  take: (line: Line) => boolean,
): Promise<void> {
  const response = await open(dataDir, path, body);
  try {
    for await (const line of linesOf(response)) {
      const value = parse(dataDir, line);
      if (response.statusCode !== 200) throw new ArrayError('refused', String(value.message));
      if (!take(value)) break;
    }
  } catch (error) {
    throw callError(dataDir, error as NodeJS.ErrnoException);
  } finally {
    response.destroy();
  }
}

function open(dataDir: string, path: string, body: unknown): Promise<IncomingMessage> {
  const { options, content } = outgoing(dataDir, 'POST', path, body);
  return new Promise((answered, failed) => {
    request(options, answered)
      .on('error', (error) => failed(callError(dataDir, error)))
      .end(content);
  });
}

async function* linesOf(response: IncomingMessage): AsyncIterable<string> {
  let rest = '';
  for await (const text of response.setEncoding('utf8')) {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    if (rest.length > LINE_LIMIT) throw new ArrayError('refused', 'a line of the answer is too long');
    yield* lines;
  }
  if (rest !== '') yield rest;
}
