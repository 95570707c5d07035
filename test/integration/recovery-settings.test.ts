/** `errorRecoveryLevel` and `maxConnections` of the configuration: what logins may agree on at most. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { startArray } from '../../target/array.js';
import { configProblems } from '../../target/svp/config.js';
import { Host } from '../unit/iscsi-target/host.js';

t.test('followed at each start with them, kept over one without, two and four at first', async (t) => {
  const dataDir = join(mkdtempSync(join(tmpdir(), 'lunarray-')), 'data');
  t.teardown(() => rmSync(join(dataDir, '..'), { recursive: true }));
  for (const [config, level, connections] of [
    [{ cache: '16M' }, '2', '4'],
    [{ errorRecoveryLevel: 0, maxConnections: 1 }, '0', '1'],
    [{}, '0', '1'],
    [{ errorRecoveryLevel: 1, maxConnections: 3 }, '1', '3'],
  ] as const) {
    const array = await startArray({ dataDir, config, polling: 0 });
    const host = await Host.connect(array.ports[0]!.port);
    await host.login({
      InitiatorName: 'iqn.2026-01.org.example:host',
      TargetName: array.luns[0]!.url.split('/')[3]!,
      ErrorRecoveryLevel: '2',
      MaxConnections: '16',
    });
    t.equal(host.answers.get('ErrorRecoveryLevel'), level);
    t.equal(host.answers.get('MaxConnections'), connections);
    host.destroy();
    await array.stop();
  }
});

t.test('values that there are not', async (t) => {
  for (const wrong of [
    { errorRecoveryLevel: 3 },
    { errorRecoveryLevel: -1 },
    { maxConnections: 0 },
    { maxConnections: 5 },
  ]) {
    t.match(configProblems(wrong), [{ path: Object.keys(wrong)[0] }]);
  }
});
