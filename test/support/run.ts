/** Runs another program to its end, with a time limit; never throws for its exit code. An interrupt kills it, and rejects when it is gone. */
import { spawn } from 'node:child_process';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(
  program: string,
  args: readonly string[],
  limitMs = 60_000,
  interrupted?: AbortSignal,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
      signal: interrupted,
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    let interruption: Error | null = null;
    child.once('error', (error) => {
      if (error.name === 'AbortError') interruption = error;
      else reject(error);
    });
    child.once('close', (code) => {
      if (interruption !== null) reject(interruption);
      else resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
  });
}
