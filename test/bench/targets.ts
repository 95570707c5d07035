/** The two systems under comparison, each a process of its own with one 1 GiB LU, fully written once. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from '../support/programs.js';
import { run } from '../support/run.js';
import { serve } from '../support/serve.js';

export interface Target {
  readonly name: string;
  /** URL of the LU, as libiscsi writes it. */
  readonly url: string;
  readonly pid: number;
  /** Processor seconds (user and system) used so far. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

export const luBytes = 1024 ** 3;

export interface Lunarray extends Target {
  /** Of the first LU, one for each port. */
  readonly urls: readonly string[];
  /** Its data directory, through which it is administered. */
  readonly data: string;
  /** Everything it printed so far. */
  output(): string;
}

export interface LunarrayShape {
  /** tgt has the page cache, which takes what memory there is. */
  readonly cache: string;
  /** Number of LDEVs of 1 GiB; one when left out. */
  readonly ldevs?: number;
  /** Options of Node. */
  readonly runtime?: readonly string[];
  /** More of the configuration file: drives, parity groups. */
  readonly config?: object;
}

/** Starts this checkout's array in a directory of its own. */
export async function startLunarray({
  cache,
  ldevs = 1,
  runtime = [],
  config: more,
}: LunarrayShape): Promise<Lunarray> {
  const data = mkdtempSync(join(tmpdir(), 'lunarray-bench-'));
  const config = join(data, 'bench.json');
  const listed = Array.from({ length: ldevs }, (_, index) => ({ id: ldevId(index), capacity: '1G' }));
  writeFileSync(config, JSON.stringify({ cache, ldevs: listed, ...more }));
  const array = await serve(data, ['--config', config], runtime);
  const urls = array.ready.filter(({ ldev }) => ldev === ldevId(0)).map(({ url }) => url);
  return {
    name: 'lunarray',
    url: urls[0]!,
    urls,
    data,
    output: () => array.output(),
    pid: array.pid,
    cpuSeconds: () => processSeconds(array.pid),
    stop: async () => {
      await array.end();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** `CU:LDEV` */
function ldevId(index: number): string {
  const hex = index.toString(16).padStart(4, '0').toUpperCase();
  return `${hex.slice(0, 2)}:${hex.slice(2)}`;
}

/** Starts the bare responder, which answers READs of one length with canned bytes. */
export async function startBare(blockBytes: number): Promise<Target> {
  const [program, ...first] = binary('test/bench/bare-responder');
  const child = spawn(program, [...first, String(blockBytes)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the bare responder ended with ${code}`)));
    child.stdout.once('data', (line: Buffer) => resolve(line.toString().trim().split(' ')[1]!));
  });
  return {
    name: 'bare',
    url: `iscsi://127.0.0.1:${port}/iqn.2026-11.example.bare:disk/0`,
    pid: child.pid!,
    cpuSeconds: () => processSeconds(child.pid!),
    stop: () => killed(child),
  };
}

/** Starts `tgtd` over a sparse file; null where it is not installed. */
export async function startTgt(): Promise<Target | null> {
  const data = mkdtempSync(join(tmpdir(), 'tgt-bench-'));
  const image = join(data, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, luBytes);
  const port = await freePort();
  const control = String(20000 + (port % 10000));
  const child = spawn('tgtd', ['-f', '-C', control, '--iscsi', `portal=127.0.0.1:${port}`], { stdio: 'ignore' });
  const started = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    setTimeout(() => resolve(child.exitCode === null), 1500);
  });
  if (!started) return null;
  const iqn = 'iqn.2026-11.example.tgt:disk';
  const admin = (...args: string[]) => execFileSync('tgtadm', ['-C', control, '--lld', 'iscsi', ...args]);
  admin('--mode', 'target', '--op', 'new', '--tid', '1', '-T', iqn);
  admin('--mode', 'logicalunit', '--op', 'new', '--tid', '1', '--lun', '1', '-b', image);
  admin('--mode', 'target', '--op', 'bind', '--tid', '1', '-I', 'ALL');
  return {
    name: 'tgt',
    url: `iscsi://127.0.0.1:${port}/${iqn}/1`,
    pid: child.pid!,
    cpuSeconds: () => processSeconds(child.pid!),
    stop: async () => {
      await killed(child);
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/**
 * Waits until a target does nothing any more by itself, bringing in its memory or writing back what it was given: it
 * has used next to no processor time for a second, as whoever looks from outside sees it.
 */
export async function quiet(target: Target): Promise<void> {
  const limit = performance.now() + 120_000;
  for (let last = target.cpuSeconds(), still = 0; still < 4 && performance.now() < limit; ) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = target.cpuSeconds();
    // Two ticks of the kernel's count.
    still = now - last <= 0.02 ? still + 1 : 0;
    last = now;
  }
}

/** Writes the first `mebibytes` MiB of the LU, so that data is read and not holes, and waits until that is over. */
export async function fill(target: Target, mebibytes = 1024): Promise<void> {
  const count = String(mebibytes);
  const shape = ['-f', 'raw', '-t', 'none', '-c', count, '-d', '4', '-s', '1M', '--pattern=165', '-w'];
  await run('qemu-img', ['bench', ...shape, `--flush-interval=${count}`, target.url], 120_000);
  await quiet(target);
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** utime + stime of /proc/PID/stat; ticks are 1/100 s on Linux. */
export function processSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
