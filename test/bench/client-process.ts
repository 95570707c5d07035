/** Runs client.ts in a process of its own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { binary } from '../support/programs.js';
import type { ClientLoad, ClientResult } from './client.js';

const exec = promisify(execFile);

export async function client(load: ClientLoad): Promise<ClientResult> {
  const [program, ...first] = binary('test/bench/client');
  const { stdout } = await exec(program, [...first, JSON.stringify(load)], { timeout: 120_000, maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as ClientResult;
}
