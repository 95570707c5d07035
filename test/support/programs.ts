/** Our own binaries as command lines; from dist/ as built, from sources through tsx. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Ran } from './run.js';

const fromSources = import.meta.url.endsWith('.ts');

/** Program and first arguments. */
export function binary(
  path:
    | 'target/cli/lunarray'
    | 'initiator/cli/lunctl'
    | 'test/bench/bare-responder'
    | 'test/bench/client'
    | 'test/conformance/main',
): readonly [string, ...string[]] {
  const file = fileURLToPath(new URL(`../../${path}.${fromSources ? 'ts' : 'js'}`, import.meta.url));
  return fromSources ? [process.execPath, '--import', 'tsx', file] : [process.execPath, file];
}

/** Runs `lunarray` to its end. */
export function lunarray(
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string } = {},
): Promise<Ran> {
  const [program, ...first] = binary('target/cli/lunarray');
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...first, ...args], { stdio: 'pipe', cwd: options.cwd });
    let stdout = '';
    let stderr = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), 30_000);
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code, stdout, stderr });
    });
  });
}
