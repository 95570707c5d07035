/** `lunarray serve` as a process of its own, for tests and benchmarks that kill it or measure it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { binary } from './programs.js';

export interface ReadyLine {
  /** `iscsi://host:port/iqn/lun` */
  readonly url: string;
  readonly ldev: string;
  readonly capacity: string;
  readonly kind: string;
}

export interface ServedArray {
  readonly pid: number;
  readonly ready: readonly ReadyLine[];
  /** Everything it printed so far. */
  output(): string;
  /** Sends the signal and waits for the end; the exit code, null after a signal. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

const readyPattern = /^ready (iscsi:\/\/\S+) +(\S+) +(\S+(?: [KMGTP]i?B)?) +(\S+)/gm;

/**
 * Starts it and waits until it has printed its ready lines (the line to try next follows them).
 * @param extra options of `lunarray serve`
 * @param runtime options of Node
 * @param env beside this process's own
 */
export function serve(
  data: string,
  extra: readonly string[] = [],
  runtime: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ServedArray> {
  const [program, ...first] = binary('target/cli/lunarray');
  const args = [...runtime, ...first, 'serve', '--data', data, '--listen', '127.0.0.1:0', '--http', 'off', ...extra];
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`not ready after 30 s: ${text}`)), 30_000);
    const early = (code: number | null) => reject(new Error(`ended with ${code} before it was ready: ${text}`));
    child.once('exit', early);
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk;
      const ready = [...text.matchAll(readyPattern)];
      const last = ready.at(-1);
      // The lines come in one piece; what follows the last of them is the line to try next.
      if (!last || !text.slice(last.index + last[0].length).includes('\n')) return;
      clearTimeout(limit);
      child.off('exit', early);
      resolve({
        pid: child.pid!,
        ready: ready.map(([, url, ldev, capacity, kind]) => ({
          url: url!,
          ldev: ldev!,
          capacity: capacity!,
          kind: kind!,
        })),
        output: () => text,
        end: (signal = 'SIGTERM') => end(child, signal),
      });
    });
  });
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    const limit = setTimeout(() => child.kill('SIGKILL'), 10_000);
    child.once('exit', (code) => {
      clearTimeout(limit);
      resolve(code);
    });
    child.kill(signal);
  });
}
