/** Calls of the control endpoint from the subcommands. */
import { type RequestOptions, request } from 'node:http';
import { resolve } from 'node:path';
import { controlSocketPath } from '../svp/control/socket-path.js';
import { ArrayError } from '../svp/errors.js';

const TIMEOUT_MS = 30_000;
/** Far above any real answer; keeps a mistaken socket from filling memory. */
const ANSWER_LIMIT = 64 * 2 ** 20;

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request; resolves with the parsed answer. Throws ArrayError `not-running` or `refused`. */
export async function call<Reply>(dataDir: string, method: string, path: string, body?: unknown): Promise<Reply> {
  const answer = await exchange(dataDir, method, path, body);
  const parsed = answer.body === '' ? undefined : parse(dataDir, answer.body);
  if (answer.status >= 400) throw new ArrayError('refused', String(parsed?.message ?? `HTTP ${answer.status}`));
  return parsed as Reply;
}

/** As `call`, for answers that are not JSON. */
export async function callText(dataDir: string, path: string): Promise<string> {
  const answer = await exchange(dataDir, 'GET', path, undefined);
  if (answer.status >= 400) throw new ArrayError('refused', `HTTP ${answer.status}`);
  return answer.body;
}

interface Outgoing {
  readonly options: RequestOptions;
  readonly content: Buffer | undefined;
}

/** A request to the array's socket. Throws ArrayError `not-running`. */
export function outgoing(dataDir: string, method: string, path: string, body: unknown): Outgoing {
  const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers: Record<string, string | number> =
    content === undefined ? {} : { 'content-type': 'application/json', 'content-length': content.length };
  try {
    return { options: { socketPath: controlSocketPath(dataDir), method, path, headers }, content };
  } catch (error) {
    throw callError(dataDir, error as NodeJS.ErrnoException);
  }
}

async function exchange(dataDir: string, method: string, path: string, body: unknown): Promise<Answer> {
  const { options, content } = outgoing(dataDir, method, path, body);
  return new Promise((done, failed) => {
    const call = request({ ...options, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > ANSWER_LIMIT) response.destroy(new ArrayError('refused', 'the answer is too long'));
      });
      response.on('error', (error) => failed(callError(dataDir, error)));
      response.on('end', () =>
        done({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    call.on('timeout', () => call.destroy(new ArrayError('refused', 'the array does not answer')));
    call.on('error', (error: NodeJS.ErrnoException) => failed(callError(dataDir, error)));
    call.end(content);
  });
}

export function parse(dataDir: string, body: string) {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw noArray(dataDir, error as Error);
  }
}

const NOT_THERE = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);
const NOT_ALLOWED = new Set(['EACCES', 'EPERM']);
const BROKEN_OFF = new Set(['ECONNRESET', 'EPIPE']);

export function callError(dataDir: string, error: NodeJS.ErrnoException): Error {
  if (error instanceof ArrayError) return error;
  const { code = '' } = error;
  if (NOT_THERE.has(code)) {
    return new ArrayError(
      'not-running',
      `no array runs on ${resolve(dataDir)}. Start one with "lunarray serve --data ${dataDir}", or name its directory with --data.`,
    );
  }
  if (NOT_ALLOWED.has(code)) {
    return new ArrayError(
      'not-running',
      `the array on ${resolve(dataDir)} belongs to another user. Run the command as that user.`,
    );
  }
  if (BROKEN_OFF.has(code)) {
    return new ArrayError(
      'refused',
      `the array on ${resolve(dataDir)} broke off: it is being stopped, or has too many such requests at a time. Whether it did what it was asked to is unknown.`,
    );
  }
  return noArray(dataDir, error);
}

function noArray(dataDir: string, error: Error): ArrayError {
  const reason = error.message.split('\n', 1)[0];
  return new ArrayError('refused', `what answers at ${resolve(dataDir, 'control.sock')} is no array (${reason}).`);
}
