import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { SimulatedClock } from '../../../target/base/clock.js';
import { seededRandom } from '../../../target/base/random.js';
import { migrations } from '../../../target/volumes/schema.js';
import { ConfigStore } from '../../../target/volumes/store.js';
import { codeOf } from './fixture.js';

function directory(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'lunarray-store-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const open = (dir: string, seed = 1) =>
  ConfigStore.open(dir, { clock: new SimulatedClock(1_700_000_000_000), random: seededRandom(seed) });

const ldev = {
  id: 26,
  label: '',
  attribute: 'ordinary',
  pool: 'pool',
  blockSize: 512,
  physicalBlockSize: 512,
  blocks: 8,
  thin: true,
  readOnly: false,
  removable: false,
  tape: false,
  protection: 0,
  tier: null,
} as const;

t.test('identity is made once', async (t) => {
  const dir = directory(t);
  const store = open(dir);
  t.match(store.identity.serial, /^\d{8}$/);
  t.equal(store.identity.iqn, `iqn.2026-11.example.lunarray:${store.identity.serial}`);
  t.equal(store.identity.created, 1_700_000_000_000);
  store.close();
  const again = open(dir, 2);
  t.same(again.identity, store.identity);
  again.close();
});

t.test('a second array on the directory is refused, from this process and from another', async (t) => {
  const dir = directory(t);
  const store = open(dir);
  t.throws(() => open(dir), { code: 'in-use', message: /another array runs/ });
  const script = `import('better-sqlite3').then(({ default: Database }) => {
    const db = new Database(${JSON.stringify(join(dir, 'config.db'))}, { timeout: 0 });
    try { db.prepare('SELECT * FROM array').all(); console.log('open'); } catch (error) { console.log(error.code); }
  })`;
  const other = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.match(other.stdout, /^SQLITE_BUSY/, 'the refused attempt did not drop the lock');
  store.close();
  open(dir).close();
});

t.test('nobody else may read the secrets', async (t) => {
  const dir = directory(t);
  const store = open(dir);
  store.transaction(() => store.storage.insertPool('p'));
  for (const file of ['config.db', 'config.db-wal']) {
    t.ok(existsSync(join(dir, file)));
    t.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file);
  }
  store.close();
});

t.test('a newer version and a file that is no database are refused by name', async (t) => {
  const dir = directory(t);
  open(dir).close();
  const db = new Database(join(dir, 'config.db'));
  db.prepare("INSERT INTO migrations VALUES (999, 'later')").run();
  db.close();
  t.throws(() => open(dir), { code: 'too-new', message: /999/ });
  const other = directory(t);
  writeFileSync(join(other, 'config.db'), 'x'.repeat(8192));
  t.equal(
    codeOf(() => open(other)),
    'damaged',
  );
});

t.test('a database of the first version is brought up to date', async (t) => {
  const dir = directory(t);
  const db = new Database(join(dir, 'config.db'));
  db.exec('CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied TEXT NOT NULL) STRICT');
  db.exec(migrations[0]!);
  db.exec("INSERT INTO migrations VALUES (1, 'then'); INSERT INTO pools VALUES ('pool')");
  const insert = db.prepare("INSERT INTO ldevs VALUES (?, ?, '', 'ordinary', 'pool', ?, 8, 1, 0, 0)");
  insert.run(1, 26, 512);
  insert.run(2, 27, 4096);
  db.close();
  const store = open(dir);
  t.match(store.storage.ldevs(), [
    { id: 26, blockSize: 512, physicalBlockSize: 512 },
    { id: 27, blockSize: 4096, physicalBlockSize: 4096 },
  ]);
  store.close();
});

t.test('a transaction that throws leaves nothing', async (t) => {
  const store = open(directory(t));
  t.throws(() =>
    store.transaction(() => {
      store.storage.insertPool('p');
      throw new Error('no');
    }),
  );
  t.same(store.storage.pools(), []);
  store.close();
});

t.test('a full disk: refused by name, nothing changed', async (t) => {
  const store = open(directory(t));
  const { db } = store as unknown as { db: Database.Database };
  db.pragma('max_page_count = 1');
  const fill = () => {
    for (let n = 0; n < 1000; n++) store.storage.insertPool(`pool-${n}`.padEnd(500, 'x'));
  };
  t.equal(
    codeOf(() => store.transaction(fill)),
    'not-saved',
  );
  t.same(store.storage.pools(), []);
  store.close();
});

t.test('uids are never used again', async (t) => {
  const dir = directory(t);
  const store = open(dir);
  store.storage.insertPool('pool');
  const first = store.storage.insertLdev(ldev);
  store.storage.deleteLdev(first);
  store.close();
  const again = open(dir);
  t.ok(again.storage.insertLdev(ldev) > first);
  again.close();
});

t.test('what logical units save is there after a restart, and goes with the LDEV', async (t) => {
  const dir = directory(t);
  const store = open(dir);
  store.storage.insertPool('pool');
  const uid = store.storage.insertLdev(ldev);
  t.equal(store.units.reservations(26), null);
  const saved = {
    generation: 7,
    type: 5,
    registrations: [
      { initiatorPort: 'a,i,0x1', targetPort: 'iqn.t', relativeId: 1, key: 0xfedcba9876543210n, holder: true },
      { initiatorPort: 'b,i,0x2', targetPort: 'iqn.t', relativeId: 2, key: 1n, holder: false },
    ],
  };
  store.units.saveReservations(26, saved);
  store.units.saveModePages(26, [{ page: 8, subpage: 0, bytes: Buffer.from([1, 2, 3]) }]);
  store.units.saveModePages(26, [
    { page: 8, subpage: 0, bytes: Buffer.from([4]) },
    { page: 10, subpage: 1, bytes: Buffer.from([5]) },
  ]);
  store.units.saveModePages(99, [{ page: 8, subpage: 0, bytes: Buffer.from([9]) }]);
  store.close();
  const again = open(dir);
  t.same(again.units.reservations(26), saved);
  t.same(again.units.modePages(26), [
    { page: 8, subpage: 0, bytes: Buffer.from([4]) },
    { page: 10, subpage: 1, bytes: Buffer.from([5]) },
  ]);
  t.same(again.units.modePages(99), [], 'no such LDEV: nothing saved');
  again.units.saveIdentifyingInformation(26, 2, Buffer.from('old'));
  again.units.saveIdentifyingInformation(26, 2, Buffer.from('new'));
  t.same(again.units.identifyingInformation(26, 2), Buffer.from('new'));
  t.equal(again.units.identifyingInformation(26, 0).length, 0);
  again.units.saveReservations(26, { generation: 8, type: null, registrations: [] });
  t.same(again.units.reservations(26), { generation: 8, type: null, registrations: [] });
  again.units.saveReservations(26, null);
  t.equal(again.units.reservations(26), null);
  again.units.saveReservations(26, saved);
  again.storage.deleteLdev(uid);
  t.equal(again.units.reservations(26), null);
  t.same(again.units.modePages(26), []);
  t.equal(again.units.identifyingInformation(26, 2).length, 0);
  again.close();
});

t.test('a secret that was changed or removed is nowhere in the directory once the store is closed', async (t) => {
  const dir = directory(t);
  const store = open(dir);
  const secrets = ['first-secret-of-20-b', 'second-secret-of-20b', 'third-secret-of-20-b'];
  store.transaction(() =>
    store.paths.insertUser({ name: 'a', role: 'initiator', secret: secrets[0]!, hostGroups: [] }),
  );
  store.transaction(() => store.paths.insertUser({ name: 'b', role: 'target', secret: secrets[1]!, hostGroups: [] }));
  store.transaction(() => store.paths.setSecret('a', 'initiator', secrets[2]!));
  store.transaction(() => store.paths.deleteUser('b', 'target'));
  store.close();
  const files = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'latin1'));
  t.same(
    secrets.map((secret) => files.some((text) => text.includes(secret))),
    [false, false, true],
  );
});
