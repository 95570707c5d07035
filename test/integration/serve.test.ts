/** `lunarray serve` as a process: what it prints, how it refuses, how it ends. */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { binary, lunarray as lunarrayProcess } from '../support/programs.js';
import { run } from '../support/run.js';
import { lunarray } from '../support/run-lunarray.js';
import { serve } from '../support/serve.js';

t.setTimeout(120_000);

t.test('a first start without a configuration, SIGTERM, a second start', async (t) => {
  const data = join(t.testdir(), 'data');
  const array = await serve(data);
  t.teardown(() => array.end('SIGKILL'));
  const ports = new Set(array.ready.map(({ url }) => new URL(url.replace('iscsi:', 'http:')).port));
  t.equal(ports.size, 2, 'two ports');
  t.same(
    array.ready.slice(0, 6).map(({ ldev, capacity, kind }) => `${ldev} ${capacity} ${kind}`),
    [
      '00:00 1G thin',
      '00:01 10G thin',
      '00:02 100G thin',
      '00:03 10T thin',
      '00:04 1G thin',
      '00:10 48M command-device',
    ],
  );
  t.match(array.ready[0]!.url, /^iscsi:\/\/127\.0\.0\.1:\d+\/iqn\.[^/]+\/0$/);
  t.match(array.output(), /^next: npx lunctl inq iscsi:/m);
  t.equal(statSync(join(data, 'control.sock')).mode & 0o777, 0o600);
  t.equal(statSync(data).mode & 0o777, 0o700);
  t.ok(statSync(join(data, 'drives/HDD000')).blocks < 1024, 'drives take no space');

  const started = Date.now();
  t.equal(await array.end('SIGTERM'), 0);
  t.ok(Date.now() - started < 5000, 'within five seconds');
  t.notOk(existsSync(join(data, 'control.sock')));

  const again = await serve(data);
  t.notMatch(again.output(), /differs|recovered/);
  t.same(
    again.ready.map(({ ldev }) => ldev),
    array.ready.map(({ ldev }) => ldev),
  );
  t.equal(await again.end('SIGINT'), 0);
});

t.test('after SIGKILL the directory is free, the stale socket no hindrance', async (t) => {
  const data = join(t.testdir(), 'data');
  const array = await serve(data);
  await array.end('SIGKILL');
  t.ok(existsSync(join(data, 'control.sock')), 'it was left behind');
  const again = await serve(data);
  t.equal(await again.end(), 0);
});

t.test('an array on the same directory is refused, with who has it', async (t) => {
  const data = join(t.testdir(), 'data');
  const array = await serve(data);
  t.teardown(() => array.end());
  const second = await lunarray(['serve', '--data', data, '--listen', '127.0.0.1:0', '--http', 'off']);
  t.equal(second.code, 6);
  t.match(second.stderr, new RegExp(`^lunarray: another array runs on .*process ${array.pid}.*--data`));
  t.equal(second.stderr.trim().split('\n').length, 1);
  t.equal((await lunarray(['status', '--data', data])).code, 0, 'the first one is well');
});

t.test('a busy port is refused', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  const data = join(t.testdir(), 'data');
  for (const option of ['--listen', '--http']) {
    const other = option === '--listen' ? ['--http', 'off'] : ['--listen', '127.0.0.1:0'];
    const { code, stderr } = await lunarray(['serve', '--data', data, ...other, option, `127.0.0.1:${port}`]);
    t.equal(code, 4, option);
    t.match(stderr, new RegExp(`^lunarray: .*127.0.0.1:${port} is in use .*${option}`));
    t.equal(stderr.trim().split('\n').length, 1);
  }
  const after = await serve(data);
  t.equal(await after.end(), 0, 'the directory can be used afterwards');
});

t.test('an address that is not of this machine is refused', async (t) => {
  const data = join(t.testdir(), 'data');
  const { code, stderr } = await lunarray(['serve', '--data', data, '--http', 'off', '--listen', '192.0.2.1:0']);
  t.equal(code, 4);
  t.match(stderr, /192\.0\.2\.1:0 is no address of this machine/);
});

t.test('a data directory that cannot be used is refused', async (t) => {
  const dir = t.testdir({ file: 'text', shut: {} });
  const cases: [string, string][] = [['a file', join(dir, 'file')]];
  if (process.getuid?.() !== 0) {
    chmodSync(join(dir, 'shut'), 0o500);
    cases.push(['an unwritable one', join(dir, 'shut/data')]);
  } else cases.push(['where none can be made', '/proc/lunarray']);
  for (const [name, data] of cases) {
    const { code, stderr } = await lunarray(['serve', '--data', data, '--listen', '127.0.0.1:0', '--http', 'off']);
    t.equal(code, 5, name);
    t.match(stderr, /^lunarray: cannot use the data directory .*--data/);
    t.equal(stderr.trim().split('\n').length, 1);
  }
});

/** A small file system of its own, where namespaces of users are allowed. */
const canMount = spawnSync('unshare', ['-rm', 'true'], { timeout: 10_000 }).status === 0;

t.test('a full disk is refused, before anything is promised', { skip: !canMount && 'cannot mount' }, async (t) => {
  const mount = t.testdir();
  const [program, ...first] = binary('target/cli/lunarray');
  const command = [
    program,
    ...first,
    'serve',
    '--data',
    join(mount, 'data'),
    '--listen',
    '127.0.0.1:0',
    '--http',
    'off',
  ];
  const script = 'mount -t tmpfs -o size=64m lunarray "$0" && exec "$@"';
  const { code, stderr } = await run('unshare', ['-rm', 'sh', '-c', script, mount, ...command], 30_000);
  t.equal(code, 7);
  t.match(stderr, /^lunarray: the disk under .* is full .*--data/);
  t.equal(stderr.trim().split('\n').length, 1);
});

t.test('configuration files', async (t) => {
  const dir = t.testdir({
    'wrong.json': '{"ldevs":[{"id":"00:00","capcity":"1G"}]}',
    'broken.json': '{"ldevs":',
    'good.json': JSON.stringify({ ldevs: [{ id: '01:00', capacity: '2G', label: 'first' }] }),
    'changed.json': JSON.stringify({ ldevs: [{ id: '01:00', capacity: '4G' }], polling: 0 }),
  });
  const data = join(dir, 'data');
  const start = (file: string) =>
    lunarray(['serve', '--data', data, '--listen', '127.0.0.1:0', '--http', 'off', '--config', join(dir, file)]);
  const wrong = await start('wrong.json');
  t.equal(wrong.code, 3);
  t.match(wrong.stderr, /wrong\.json: ldevs\[0\]\.capcity: unknown field/);
  t.match(await start('broken.json'), { code: 3, stderr: /is not JSON/ });
  t.match(await start('absent.json'), { code: 3, stderr: /ENOENT/ });
  t.notOk(existsSync(data), 'nothing was made');

  const first = await serve(data, ['--config', join(dir, 'good.json')]);
  t.same(
    first.ready.map(({ ldev, capacity }) => [ldev, capacity]),
    [
      ['01:00', '2G'],
      ['01:00', '2G'],
    ],
  );
  t.equal(await first.end(), 0);
  const later = await serve(data, ['--config', join(dir, 'changed.json')]);
  t.match(later.output(), /^differs: LDEV 01:00: capacity is 2G in the array, 4G in the configuration$/m);
  t.equal(await later.end(), 0);
});

t.test('the cache can be given another size', async (t) => {
  const dir = t.testdir({ 'small.json': '{"cache":"16M"}', 'large.json': '{"cache":"32M"}' });
  const data = join(dir, 'data');
  for (const [file, bytes] of [
    ['small.json', 16],
    ['large.json', 32],
    ['small.json', 16],
  ] as const) {
    const array = await serve(data, ['--config', join(dir, file)]);
    const size = statSync(join(data, 'cache.mem')).size;
    t.ok(size >= bytes * 2 ** 20 && size < bytes * 1.2 * 2 ** 20, `${file}: ${size}`);
    t.equal(await array.end(), 0);
  }
});

t.test('usage', async (t) => {
  t.match(await lunarray(['serve', '--listen', 'nowhere']), { code: 2, stderr: /--listen.*HOST:PORT/s });
  t.match(await lunarray(['serve', '--capture-files', '2']), { code: 2, stderr: /give --capture FILE/ });
  t.match(await lunarray(['serve', '--frobnicate']), { code: 2, stderr: /--frobnicate/ });
  t.match(await lunarrayProcess(['frobnicate']), { code: 2, stderr: /frobnicate/ });
  t.match(await lunarray(['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ });
  t.match(await lunarray(['--help']), { code: 0, stdout: /serve/ });
  t.match(await lunarray(['status', '--data', join(t.testdir(), 'none')]), {
    code: 8,
    stderr: /no array runs on .*serve --data/,
  });
});

t.test('a path too long for a socket address works', async (t) => {
  const data = join(t.testdir(), 'x'.repeat(120), 'data');
  mkdirSync(data, { recursive: true });
  const array = await serve(data);
  t.match(await lunarray(['status', '--data', data]), { code: 0 });
  t.equal(await array.end(), 0);
  t.notOk(readdirSync(data).includes('control.sock'));
});
