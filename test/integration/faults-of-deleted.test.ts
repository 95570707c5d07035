/** Fault rules of a configuration whose LDEV is not there: refused at the first start, left out with a warning later. */
import t from 'tap';
import { stderrLog } from '../../target/base/log.js';
import { startArray } from '../../target/index.js';
import { lunarray } from '../support/programs.js';

t.setTimeout(60_000);
const ldevs = [
  { id: '00:00', capacity: '8M' },
  { id: '00:01', capacity: '8M' },
];
const hostGroups = [{ port: 'CL1-A', name: 'default', luns: { 0: '00:00' } }];
const config = { cache: '16M', ldevs, hostGroups, faults: [{ ldev: '00:01', op: 'read' as const, sense: 'busy' }] };

t.test('an LDEV that was deleted', async (t) => {
  const dataDir = t.testdir();
  const first = await startArray({ dataDir, config, control: true });
  t.equal((await lunarray(['ldev', 'delete', '00:01', '--data', dataDir])).code, 0);
  await first.stop();
  const warnings: string[] = [];
  const log = { ...stderrLog, info() {}, warn: (line: string) => void warnings.push(line) };
  const again = await startArray({ dataDir, config, log });
  t.match(warnings, [/faults\[0\]: there is no LDEV 00:01.*left out/]);
  await again.stop();
});

t.test('one that was never there', async (t) => {
  const faults = [{ ldev: '00:07', op: 'read' as const, sense: 'busy' }];
  const start = startArray({ dataDir: t.testdir(), config: { ...config, faults } });
  await t.rejects(start, { code: 'bad-config', message: /faults\[0\]: there is no LDEV 00:07/ });
});
