/**
 * Starts on a data directory of which something is missing or damaged: each is refused with the way out, or goes on
 * and says what does not work; none loses data without a word.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { connect, discover } from '../../initiator/index.js';
import { stderrLog } from '../../target/base/log.js';
import { type ArrayOptions, startArray } from '../../target/index.js';
import { lunarray } from '../support/programs.js';
import { type ServedArray, serve } from '../support/serve.js';

t.setTimeout(180_000);
const config = { cache: '16M', ldevs: [{ id: '00:00', capacity: '1G' }] };
const pattern = Buffer.alloc(64 * 512, 0xa5);
const folder = t.testdir({ 'config.json': JSON.stringify(config) });

async function withUnit<T>(url: string, use: (unit: Awaited<ReturnType<typeof connect>>) => Promise<T>): Promise<T> {
  const unit = await connect(url, { reconnect: false });
  try {
    return await use(unit);
  } finally {
    await unit.close();
  }
}

/** Two templates: stopped cleanly, and killed with acknowledged data in the cache only. */
const clean = join(folder, 'clean');
const killed = join(folder, 'killed');

async function makeTemplates(): Promise<void> {
  const first: ServedArray = await serve(clean, ['--config', join(folder, 'config.json')]);
  await withUnit(first.ready[0]!.url, (unit) => unit.write(0, pattern));
  await first.end();
  const second = await serve(clean);
  // What was killed before it destaged: the copy is made while the write is in the cache only.
  await withUnit(second.ready[0]!.url, (unit) => unit.write(1000, pattern));
  copy(clean, killed);
  rmSync(join(killed, 'control.sock'), { force: true });
  await second.end();
}

/** With holes as holes: drives are far larger than the disk. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', '--sparse=always', from, to], { timeout: 30_000 });
}

let copies = 0;
function copyOf(template: string): string {
  const dir = join(folder, `copy${copies++}`);
  copy(template, dir);
  return dir;
}

async function refused(t: Test, dataDir: string, message: RegExp, options: ArrayOptions = {}): Promise<void> {
  const error = await startArray({ dataDir, ...options }).then(
    async (array) => {
      await array.stop();
      return null;
    },
    (error) => error,
  );
  t.match(error, { name: 'ArrayError', code: 'data-unusable', message });
  t.notMatch(error?.message ?? '', /\n/);
}

/** Both writes are there. */
async function whole(t: Test, dataDir: string, lbas: readonly number[]): Promise<void> {
  const array = await startArray({ dataDir });
  await withUnit(array.luns[0]!.url, async (unit) => {
    for (const lba of lbas) t.ok((await unit.read(lba, 64)).equals(pattern), `LBA ${lba}`);
  });
  await array.stop();
}

t.before(makeTemplates);

t.test('the copies themselves', async (t) => {
  await whole(t, copyOf(clean), [0, 1000]);
  const notes: string[] = [];
  const array = await startArray({ dataDir: copyOf(killed), note: (line) => notes.push(line) });
  await array.stop();
  t.match(notes, [/recovered/]);
  await whole(t, copyOf(killed), [0, 1000]);
});

t.test('cache.mem cut short', async (t) => {
  for (const bytes of [16 * 2 ** 20, 300_000, 5000]) {
    const dir = copyOf(killed);
    truncateSync(join(dir, 'cache.mem'), bytes);
    await refused(t, dir, /cache\.mem: .*(cut short|has no room).*back/);
    t.equal(statSync(join(dir, 'cache.mem')).size, bytes, 'left as it was');
  }
});

t.test('cache.mem missing', async (t) => {
  const dir = copyOf(killed);
  rmSync(join(dir, 'cache.mem'));
  await refused(t, dir, /cache\.mem is missing.*back/);
  writeFileSync(join(dir, 'cache.mem'), '');
  await whole(t, dir, [0]);
  const after = copyOf(clean);
  rmSync(join(after, 'cache.mem'));
  await whole(t, after, [0, 1000]);
});

t.test('cache.mem of something else, of another version, of another array', async (t) => {
  const noise = copyOf(killed);
  writeFileSync(join(noise, 'cache.mem'), Buffer.alloc(statSync(join(noise, 'cache.mem')).size, 'noise'));
  await refused(t, noise, /cache\.mem: .*not a cache memory.*back/);

  const newer = copyOf(killed);
  const memory = readFileSync(join(newer, 'cache.mem'));
  memory.writeInt32LE(99, 4);
  writeFileSync(join(newer, 'cache.mem'), memory);
  await refused(t, newer, /cache\.mem: .*version 99/);

  const other = join(folder, 'other');
  await (await startArray({ dataDir: other, config })).stop();
  copyFileSync(join(killed, 'cache.mem'), join(other, 'cache.mem'));
  await refused(t, other, /cache\.mem: .*array \d{8}/);
});

t.test('config.db missing, emptied, damaged, newer', async (t) => {
  for (const [change, message] of [
    [(path: string) => rmSync(path), /no config\.db/],
    [(path: string) => truncateSync(path, 0), /no config\.db|config\.db.*empty/],
    [(path: string) => writeFileSync(path, Buffer.alloc(65536, 'noise')), /config\.db is damaged/],
    [
      (path: string) => {
        const db = new Database(path);
        db.prepare("INSERT INTO migrations VALUES (9999, 'later')").run();
        db.close();
      },
      /schema version 9999/,
    ],
  ] as const) {
    const dir = copyOf(clean);
    rmSync(join(dir, 'config.db-wal'), { force: true });
    change(join(dir, 'config.db'));
    await refused(t, dir, message);
    t.ok(existsSync(join(dir, 'regions-1.mem')), 'nothing else was touched');
  }
  const dir = copyOf(clean);
  rmSync(join(dir, 'config.db'));
  rmSync(join(dir, 'drives'), { recursive: true });
  await refused(t, dir, /no config\.db/);
});

t.test('the shared memory of regions missing, cut short, emptied, of another array', async (t) => {
  for (const change of [
    (path: string) => rmSync(path),
    (path: string) => truncateSync(path, 8192),
    (path: string) => truncateSync(path, 0),
  ]) {
    const dir = copyOf(clean);
    change(join(dir, 'regions-1.mem'));
    await refused(t, dir, /regions-1\.mem .*back/);
  }
  const dir = copyOf(clean);
  copyFileSync(join(folder, 'other', 'regions-1.mem'), join(dir, 'regions-1.mem'));
  await refused(t, dir, /regions-1.*belongs to another array/);
});

t.test('a drive missing or cut short: the array starts, says so, and its LDEVs fail as hardware', async (t) => {
  for (const [change, message] of [
    [(path: string) => rmSync(path), /HDD000.*ENOENT/],
    [(path: string) => truncateSync(path, 2 ** 30), /HDD000.*1073741824 bytes instead of/],
  ] as const) {
    const dataDir = copyOf(clean);
    const kept = join(folder, 'HDD000');
    copy(join(clean, 'drives/HDD000'), kept);
    change(join(dataDir, 'drives/HDD000'));
    const lines: string[] = [];
    const log = { ...stderrLog, error: (line: string) => void lines.push(line), warn() {}, info() {} };
    const array = await startArray({ dataDir, log });
    t.match(lines, [message]);
    await withUnit(array.luns[0]!.url, async (unit) => {
      const error = await unit.read(0, 8).catch((error) => error);
      t.match(error, { sense: { key: 4 } });
      await unit.write(5000, pattern).catch(() => {});
    });
    await array.stop();
    renameSync(kept, join(dataDir, 'drives/HDD000'));
    await whole(t, dataDir, [0, 1000]);
  }
});

t.test('another cache size and a kill in between', async (t) => {
  const dataDir = copyOf(killed);
  await whole(t, dataDir, []);
  // settings.json from before the change, cache.mem from after it, both ways.
  for (const [from, to] of [
    ['16M', '32M'],
    ['32M', '16M'],
  ] as const) {
    const before = readFileSync(join(dataDir, 'settings.json'));
    const array = await startArray({ dataDir, config: { ...config, cache: to } });
    await array.stop();
    writeFileSync(join(dataDir, 'settings.json'), before);
    t.match(before.toString(), String(Number.parseInt(from, 10) * 2 ** 20));
    await whole(t, dataDir, [0, 1000]);
    writeFileSync(join(dataDir, 'settings.json'), '{"cacheBytes":');
    await (await startArray({ dataDir, config: { ...config, cache: to } })).stop();
  }
});

t.test('settings.json damaged: said, and discovery shows nothing without CHAP', async (t) => {
  const dataDir = copyOf(clean);
  writeFileSync(join(dataDir, 'settings.json'), '{"cacheBytes":');
  const warnings: string[] = [];
  const log = { ...stderrLog, warn: (line: string) => void warnings.push(line), info() {} };
  const array = await startArray({ dataDir, log, config });
  t.match(warnings, [/settings\.json is damaged/]);
  const [port] = array.ports;
  const discovery = discover(`iscsi://${port!.host}:${port!.port}`, { reconnect: false });
  await t.rejects(discovery, { name: 'LoginError' });
  await array.stop();
});

t.test('one line and the exit code', async (t) => {
  const dir = copyOf(killed);
  truncateSync(join(dir, 'cache.mem'), 300_000);
  const { code, stderr } = await lunarray(['serve', '--data', dir, '--listen', '127.0.0.1:0', '--http', 'off']);
  t.equal(code, 5);
  t.match(stderr, /^lunarray: .*cache\.mem/);
  t.equal(stderr.trim().split('\n').length, 1);
});
