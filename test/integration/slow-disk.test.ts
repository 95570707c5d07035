/**
 * The end of an array whose drives take long: within the time that docs/operations.md names. A preloaded library makes
 * writes and syncs of the drives' files slow, as no rule of the array can.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { connect, type LogicalUnit } from '../../initiator/index.js';
import { nativeKind } from '../../native/index.js';
import { binary } from '../support/programs.js';

t.setTimeout(120_000);

const SLOW = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
static void wait_for(int fd, const char* name) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  if (strstr(path, "/drives/") == NULL) return;
  const double seconds = atof(getenv(name));
  struct timespec left = {(time_t)seconds, (long)((seconds - (long)seconds) * 1e9)};
  while (nanosleep(&left, &left)) {}
}
#define WRAP(name, ...) static ssize_t (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)
int fdatasync(int fd) { WRAP("fdatasync", int); wait_for(fd, "SLOW_SYNC"); return (int)real(fd); }
ssize_t pwritev(int fd, const struct iovec* v, int n, off_t at) {
  WRAP("pwritev", int, const struct iovec*, int, off_t); wait_for(fd, "SLOW_WRITE"); return real(fd, v, n, at);
}
ssize_t pwritev64(int fd, const struct iovec* v, int n, off_t at) {
  WRAP("pwritev64", int, const struct iovec*, int, off_t); wait_for(fd, "SLOW_WRITE"); return real(fd, v, n, at);
}
`;

const folder = t.testdir();
const library = join(folder, 'slow.so');
const compiled = spawnSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', library, '-ldl'], { input: SLOW });
const skip =
  (compiled.status !== 0 && 'no C compiler') ||
  (nativeKind === 'typescript' && 'the twin has to wait for what it gave to the thread pool');

interface Slow {
  readonly url: string;
  /** Exit code, null after a signal. */
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

function serveSlowly(data: string, writeSeconds: number, syncSeconds: number): Promise<Slow> {
  const [program, ...first] = binary('target/cli/lunarray');
  const args = [...first, 'serve', '--data', data, '--listen', '127.0.0.1:0', '--http', 'off'];
  const env = {
    ...process.env,
    LD_PRELOAD: library,
    // A library cannot slow down what the kernel does by itself; test/unit/native/ring.test.ts ends a process with that.
    LUNARRAY_IO: 'threads',
    SLOW_WRITE: String(writeSeconds),
    SLOW_SYNC: String(syncSeconds),
  };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return new Promise((resolve) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const [, url] = /^ready (\S+).*\n/m.exec(text) ?? [];
      if (url !== undefined) resolve({ url, ended, kill: (signal) => void child.kill(signal) });
    });
  });
}

const BLOCKS = 128;
const WRITES = 512;
const pattern = (index: number) => Buffer.alloc(BLOCKS * 512, 1 + (index % 255));

/** 32 MiB that the array has told are safe. */
async function dirty(url: string): Promise<LogicalUnit> {
  const unit = await connect(url, { reconnect: false });
  for (let index = 0; index < WRITES; index++) await unit.write(index * 2 * BLOCKS, pattern(index));
  return unit;
}

const cases: readonly (readonly [string, number, number, readonly NodeJS.Signals[], number])[] = [
  ['drives that sync in 7 s', 0, 7, ['SIGTERM'], 0],
  ['drives that write in 1 s', 1, 0, ['SIGTERM'], 0],
  ['a terminal that is closed', 0, 0, ['SIGHUP'], 0],
  ['a second signal', 1, 7, ['SIGTERM', 'SIGTERM'], 1],
];

for (const [name, write, sync, signals, code] of cases) {
  t.test(`${name}: ends in time, with ${code}`, { skip }, async (t) => {
    const data = join(t.testdir(), 'data');
    const array = await serveSlowly(data, write, sync);
    const unit = await dirty(array.url);
    const asked = Date.now();
    for (const signal of signals) {
      array.kill(signal);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    t.equal(await array.ended, code);
    const took = Date.now() - asked;
    t.ok(took < (signals.length > 1 ? 2_000 : 5_500), `${took} ms`);
    await unit.close();

    const again = await serveSlowly(data, 0, 0);
    const reader = await connect(again.url);
    let wrong = 0;
    for (let index = 0; index < WRITES; index++) {
      if (!(await reader.read(index * 2 * BLOCKS, BLOCKS)).equals(pattern(index))) wrong++;
    }
    t.equal(wrong, 0, 'what was acknowledged is there');
    await reader.close();
    again.kill('SIGTERM');
    t.equal(await again.ended, 0);
  });
}
