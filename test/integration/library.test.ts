/** startArray: arrays inside a process. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startArray } from '../../target/index.js';
import { checkout } from '../support/root.js';

t.setTimeout(120_000);
// Others' temporary directories are not ours to count.
process.env.TMPDIR = t.testdir();
const small = { cache: '16M' };

function scrape(url: string): Promise<string> {
  return new Promise((scraped, failed) => {
    get(url, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => scraped(text));
    }).on('error', failed);
  });
}

t.test('without options: a temporary directory that goes at the end, no listeners left', async (t) => {
  const signals = ['SIGTERM', 'SIGINT', 'uncaughtException'].map((event) => process.listenerCount(event));
  const array = await startArray();
  t.ok(array.dataDir.startsWith(tmpdir()));
  t.equal(array.luns.length, 12);
  t.equal(array.ports.length, 2);
  t.ok(array.ports.every(({ port }) => port > 0));
  t.equal(array.metricsUrl, null);
  t.same(
    ['SIGTERM', 'SIGINT', 'uncaughtException'].map((event) => process.listenerCount(event)),
    signals,
  );
  await Promise.all([array.stop(), array.stop()]);
  await array.stop();
  t.notOk(existsSync(array.dataDir));
});

t.test('volumes, faults and changes while it runs', async (t) => {
  const array = await startArray({
    config: {
      ...small,
      ldevs: [
        { id: '00:00', capacity: 2 ** 30 },
        { id: '00:01', capacity: '10T', blockSize: 4096 },
      ],
      ports: [{ id: 'CL1-A', listen: '127.0.0.1:0' }],
    },
    faults: [{ ldev: 0, op: 'read', effect: 'medium-error' }],
  });
  t.teardown(() => array.stop());
  t.match(array.luns, [
    { ldev: '00:00', capacity: '1G', kind: 'thin', lun: 0, hostGroup: 'CL1-A/default' },
    { ldev: '00:01', capacity: '10T', kind: 'thin', lun: 1 },
  ]);
  t.match(array.volumes.faults.list(), [{ ldev: 0, op: 'read', effect: 'medium-error' }]);
  array.volumes.expandLdev(0, { bytes: 2 * 2 ** 30 });
  t.equal(array.luns[0]?.capacity, '2G');
  t.throws(() => array.volumes.createLdev({ id: 0, bytes: 512 }), { code: 'ldev-exists' });
});

t.test('several at once in one process', async (t) => {
  const arrays = await Promise.all([0, 1, 2].map(() => startArray({ config: small })));
  t.equal(new Set(arrays.flatMap(({ ports }) => ports.map(({ port }) => port))).size, 6);
  t.equal(new Set(arrays.map(({ volumes }) => volumes.identity.serial)).size, 3);
  await Promise.all(arrays.map((array) => array.stop()));
});

t.test('a directory that is given is kept, and refused to a second array', async (t) => {
  const dataDir = join(t.testdir(), 'data');
  const first = await startArray({ dataDir, config: small });
  await t.rejects(startArray({ dataDir, config: small }), { name: 'ArrayError', code: 'data-in-use' });
  first.volumes.createLdev({ id: 0x99, bytes: 2 ** 30 });
  await first.stop();
  const notes: string[] = [];
  const second = await startArray({ dataDir, config: small, note: (line) => notes.push(line) });
  t.ok(second.volumes.ldev(0x99));
  t.same(notes, [], 'no differences to lists that are not in the configuration');
  await second.stop();
});

t.test('what it refuses leaves nothing behind', async (t) => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('lunarray-'));
  const wrong = { ldevs: [{ id: '00:00' }] } as never;
  await t.rejects(startArray({ config: wrong }), { code: 'bad-config', message: /ldevs\[0\]\.capacity: missing/ });
  await t.rejects(startArray({ listen: 'nowhere' }), { code: 'bad-config', message: /listen/ });
  await t.rejects(startArray({ faults: [{ op: 'read', effect: 'sunspots' }], config: small }), { code: 'bad-fault' });
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  await t.rejects(startArray({ listen: `127.0.0.1:${port}`, config: small }), { code: 'port-busy', message: /in use/ });
  await t.rejects(startArray({ http: `127.0.0.1:${port}`, config: small }), { code: 'port-busy' });
  server.close();
  t.same(
    readdirSync(tmpdir()).filter((name) => name.startsWith('lunarray-')),
    before,
  );
});

t.test('metrics', async (t) => {
  const array = await startArray({ config: small, http: '127.0.0.1:0' });
  t.teardown(() => array.stop());
  for (let scrapes = 0; scrapes < 2; scrapes++) {
    const text = await scrape(array.metricsUrl!);
    t.match(text, /^# TYPE lunarray_cha_arrivals_total counter$/m);
    t.match(text, /^lunarray_cha_arrivals_total\{port="CL1-A"\} 0$/m);
    t.match(text, /^lunarray_ldev_capacity_bytes\{ldev="00:03"\} 10995116277760$/m);
    t.match(text, /^lunarray_cache_slots\{state="dirty"\} 0$/m);
    t.match(text, /^lunarray_dka_depth\{adapter="DKA-1",queue="stage"\} 0$/m);
    t.match(text, /^lunarray_port_sessions\{port="CL2-A"\} 0$/m);
    for (const line of text.split('\n')) t.match(line, /^(#.*|lunarray_\w+(\{[^}]*\})? [-+0-9.e]+|)$/);
  }
});

t.test('the documented example prints what the documentation says', async (t) => {
  const example = readFileSync(join(checkout, 'docs/examples/library.mjs'), 'utf8');
  const documentation = readFileSync(join(checkout, 'docs/library.md'), 'utf8');
  const [, code, output] = /```js\n(.*?)```.*?```\n(.*?)```/s.exec(documentation)!;
  t.equal(code, example, 'docs/library.md shows docs/examples/library.mjs');
  if (!existsSync(join(checkout, 'dist/target/index.js'))) return t.comment('not run: nothing is built');
  const printed = execFileSync(process.execPath, [join(checkout, 'docs/examples/library.mjs')], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  t.equal(printed, output);
});
