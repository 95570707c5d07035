/** `lunctl` as a process: outputs that cannot be written, arrays that go away, what the process list shows. */
import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type LunArray, startArray } from '../../target/array.js';
import { binary } from '../support/programs.js';
import { run } from '../support/run.js';
import { serve } from '../support/serve.js';

t.setTimeout(120_000);
const [program, ...first] = binary('initiator/cli/lunctl');
const lunctl = (...args: string[]) => run(program, [...first, ...args]);

async function array(t: Test): Promise<{ array: LunArray; url: string }> {
  const running = await startArray({ config: { cache: '16M', ldevs: [{ id: '00:00', capacity: '64M' }] } });
  t.teardown(() => running.stop());
  return { array: running, url: running.luns[0]!.url };
}

/** With standard output into `path`. */
function into(path: string, ...args: string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(program, [...first, ...args], { stdio: ['ignore', openSync(path, 'w'), 'pipe'] });
  let stderr = '';
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stderr })));
}

t.test('a destination that is full: its name, one line, exit code 5', async (t) => {
  const { url } = await array(t);
  for (const length of ['512', '4k', '8m']) {
    const { code, stderr } = await lunctl('read', '--no-holes', '--length', length, url, '/dev/full');
    t.equal(code, 5, stderr);
    t.equal(stderr, "lunctl: ENOSPC: no space left on device, write '/dev/full'\n");
  }
  for (const command of [
    ['inq', url],
    ['read', '--length', '1m', url],
  ]) {
    const { code, stderr } = await into('/dev/full', ...command);
    t.equal(code, 5);
    t.match(stderr, /^lunctl: standard output cannot be written \(ENOSPC[^\n]*\)\n$/);
  }
});

t.test('files that cannot be used are named', async (t) => {
  const { url } = await array(t);
  const folder = t.testdir();
  for (const command of ['write', 'verify', 'read']) {
    const { code, stderr } = await lunctl(command, url, folder);
    t.equal(code, 5);
    t.match(stderr, /^lunctl: [^\n]*EISDIR[^\n]*\n$/);
    t.ok(stderr.includes(`'${folder}'`), stderr);
  }
});

t.test('messages that cannot be written do not change the exit code', async () => {
  const child = spawn(program, [...first, 'inq', 'iscsi://127.0.0.1:1/iqn.a/0'], {
    stdio: ['ignore', 'ignore', openSync('/dev/full', 'w')],
  });
  t.equal(await new Promise((resolve) => child.once('exit', resolve)), 3);
});

t.test('an array that goes away for good in the middle of a copy', async (t) => {
  const served = await serve(join(t.testdir(), 'data'));
  t.teardown(() => served.end('SIGKILL'));
  const { url } = served.ready[1]!;
  const child = spawn(program, [...first, 'write', '--no-reconnect', '--no-detect-zeros', url, '/dev/zero'], {
    stdio: 'pipe',
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  while (!served.output().includes(' login: ')) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await served.end('SIGKILL');
  t.equal(await ended, 1);
  t.match(stderr, /^lunctl: [^\n]*whether it was carried out is unknown\)\n$/);
});

t.test('the process list does not show the secret', async (t) => {
  const secret = 'a-secret-of-20-bytes';
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  const connected = new Promise((resolve) => server.once('connection', resolve));
  const child = spawn(program, [...first, 'inq', `iscsi://me%${secret}@127.0.0.1:${port}/iqn.a/0`], {
    stdio: 'ignore',
  });
  t.teardown(() => child.kill('SIGKILL'));
  await connected;
  t.notMatch(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1'), secret);
});
