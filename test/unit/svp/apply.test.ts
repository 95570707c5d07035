import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { silentLog } from '../../../target/base/log.js';
import { Cache } from '../../../target/cache/cache.js';
import { compareConfig } from '../../../target/svp/apply.js';
import { checkConfig } from '../../../target/svp/config.js';
import { DataDirectory } from '../../../target/svp/data-directory.js';
import { completeConfig } from '../../../target/svp/default-config.js';
import { closeStorage, openStorage, openStore } from '../../../target/svp/storage.js';
import { checkout } from '../../support/root.js';

const CACHE = { bytes: Cache.memoryBytes(16 * 2 ** 20), settled: false };
const example = checkConfig(JSON.parse(readFileSync(join(checkout, 'docs/examples/config.json'), 'utf8')), 'example');

t.test('the example is applied once and then agrees', async (t) => {
  const directory = DataDirectory.open(join(t.testdir(), 'data'));
  const store = openStore(directory);
  const storage = await openStorage(directory, store, CACHE, completeConfig(example), silentLog);
  const { volumes } = storage;
  t.ok(storage.first);
  t.same(
    volumes.ldevs().map((ldev) => [ldev.id, ldev.blocks * ldev.blockSize, ldev.pool, ldev.blockSize, ldev.readOnly]),
    [
      [0x00, 100 * 2 ** 30, 'CAPACITY', 512, false],
      [0x01, 20 * 2 ** 30, 'FAST', 4096, false],
      [0x02, 2 ** 30, 'CAPACITY', 512, true],
      [0x10, 48 * 2 ** 20, 'CAPACITY', 512, false],
    ],
  );
  t.equal(volumes.ldev(0x10)?.attribute, 'command-device');
  const group = volumes.hostGroup('CL2-A', 'database')!;
  t.match(group, { target: 'iqn.2026-11.com.example:database', auth: 'chap', initiators: ['*'] });
  t.same(
    [...group.luns],
    [
      [0, 1],
      [1, 16],
    ],
  );
  t.same(volumes.users()[0]?.hostGroups, [group.id]);
  t.same(compareConfig(volumes, example), [], 'nothing differs');

  volumes.expandLdev(0, { bytes: 200 * 2 ** 30 });
  volumes.createLdev({ id: 0x77, bytes: 2 ** 30, pool: 'FAST' });
  volumes.unmapLun(group.id, 1);
  volumes.setSecret('dbhost', 'initiator', 'another-secret-2');
  const lines = compareConfig(volumes, example).sort();
  t.match(lines, [
    'LDEV 00:00: capacity is 200G in the array, 100G in the configuration',
    'LDEV 00:77 is in the array, not in the configuration',
    'LUN path CL2-A/database/1 is in the configuration, not in the array',
    'user dbhost (initiator): the secrets differ',
  ]);
  t.notMatch(lines.join(), /secret-/, 'no secret shows');
  t.same(compareConfig(volumes, {}), [], 'lists left out are not compared');
  await closeStorage(storage);

  const again = await openStorage(directory, store, CACHE, completeConfig(example), silentLog);
  t.notOk(again.first, 'not applied again');
  t.equal(again.volumes.ldev(0x77)?.blocks, 2 ** 21);
  await closeStorage(again);
  store.close();
});

t.test('the rebuild rate, and copying back', async (t) => {
  const directory = DataDirectory.open(join(t.testdir(), 'data'));
  const store = openStore(directory);
  const config = checkConfig({ rebuildRate: '50M' }, 'x');
  const storage = await openStorage(directory, store, CACHE, completeConfig(config), silentLog);
  const { settings } = storage.volumes.drives;
  t.equal(settings.rebuildRate, 50 * 2 ** 20);
  t.same(compareConfig(storage.volumes, config), []);
  settings.change({ rebuildRate: null });
  t.same(compareConfig(storage.volumes, config), ['rebuilds: rate is max in the array, 50M in the configuration']);
  t.same(compareConfig(storage.volumes, { rebuildRate: 'max' }), []);
  t.same(compareConfig(storage.volumes, {}), []);
  settings.change({ copyBack: false });
  t.same(compareConfig(storage.volumes, { copyBack: true }), [
    'copying back: setting is false in the array, true in the configuration',
  ]);
  for (const rebuildRate of ['1K', 'slow', 0]) {
    t.throws(() => checkConfig({ rebuildRate }, 'x'), { code: 'bad-config', message: /rebuildRate/ });
  }
  await closeStorage(storage);
  store.close();
});

t.test('a configuration that cannot be applied leaves nothing that hinders the next', async (t) => {
  const directory = DataDirectory.open(join(t.testdir(), 'data'));
  const store = openStore(directory);
  const wrong = completeConfig(
    checkConfig({ drives: [{ id: 'D', capacity: '1G' }], ldevs: [{ id: '00:00', capacity: '2G', thin: false }] }, 'x'),
  );
  await t.rejects(openStorage(directory, store, CACHE, wrong, silentLog), { code: 'bad-config' });
  const right = completeConfig(checkConfig({ drives: [{ id: 'D', capacity: '4G' }] }, 'x'));
  const storage = await openStorage(directory, store, CACHE, right, silentLog);
  t.ok(storage.first);
  t.equal(storage.volumes.parityGroups()[0]?.bytes, 4 * 2 ** 30);
  await closeStorage(storage);
  store.close();
});

t.test('a directory with drives and no config.db is refused', async (t) => {
  const directory = DataDirectory.open(join(t.testdir(), 'data'));
  mkdirSync(directory.file('drives/HDD000'));
  t.throws(() => openStore(directory), { code: 'data-unusable', message: /config\.db/ });
});

t.test('a directory has one array at a time', async (t) => {
  const directory = DataDirectory.open(join(t.testdir(), 'data'));
  const store = openStore(directory);
  t.throws(() => openStore(DataDirectory.open(directory.path)), {
    code: 'data-in-use',
    message: new RegExp(`process ${process.pid}`),
  });
  store.close();
  openStore(directory).close();
});
