/** Runs `lunarray` in this process and keeps what it prints; one at a time. */
import { Readable } from 'node:stream';
import { main } from '../../target/cli/program.js';
import { collector } from './collector.js';
import type { Ran } from './run.js';

/** @param input standard input */
export async function lunarray(args: readonly string[], { input = '' } = {}): Promise<Ran> {
  const out = collector();
  const err = collector();
  const code = await main(args, { in: Readable.from([input]), out: out.stream, err: err.stream });
  return { code, stdout: out.bytes().toString(), stderr: err.bytes().toString() };
}
