/** Starts of an array with RAID 5 whose shared memory is missing or has another size, after a kill. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { connect, type LogicalUnit } from '../../initiator/index.js';
import { currentBootId } from '../../target/base/boot-id.js';
import { UnderWay } from '../../target/disk/raid/under-way.js';
import { startArray } from '../../target/index.js';
import { serve } from '../support/serve.js';

t.setTimeout(120_000);
const capacity = '64M';
const config = {
  cache: '16M',
  drives: ['a', 'b', 'c', 'd'].map((id) => ({ id, capacity })),
  parityGroups: [{ id: '1-1', level: 'raid5', drives: ['a', 'b', 'c', 'd'] }],
  pools: [{ id: 'RAID', parityGroups: ['1-1'] }],
  ldevs: [{ id: '00:00', capacity: '64M', pool: 'RAID' }],
};
const folder = t.testdir({ 'config.json': JSON.stringify(config) });
const killed = join(folder, 'killed');
const pattern = Buffer.alloc(2 ** 20, 0x5a);

t.before(async () => {
  const array = await serve(killed, ['--config', join(folder, 'config.json')]);
  const unit = await connect(array.ready[0]!.url, { reconnect: false });
  await unit.write(0, pattern);
  await unit.synchronizeCache();
  await unit.write(pattern.length / 512, pattern);
  await unit.close();
  await array.end('SIGKILL');
});

let copies = 0;
function copy(): string {
  const dir = join(folder, `copy${copies++}`);
  execFileSync('cp', ['-a', '--sparse=always', killed, dir], { timeout: 30_000 });
  return dir;
}

for (const [what, change] of [
  ['missing', (path: string) => rmSync(path)],
  ['of another size', (path: string) => truncateSync(path, statSync(path).size / 2)],
  ['as it was', () => {}],
] as const) {
  t.test(`what was under way is ${what}: the array starts, with everything that was acknowledged`, async (t) => {
    const dataDir = copy();
    const path = join(dataDir, 'under-way-1.mem');
    const { size } = statSync(path);
    change(path);
    const array = await startArray({ dataDir });
    const unit = await connect(array.luns[0]!.url);
    t.ok((await unit.read(0, (2 * pattern.length) / 512)).equals(Buffer.concat([pattern, pattern])));
    await unit.close();
    await array.stop();
    t.equal(statSync(path).size, size);
  });
}

t.test('a stripe map that is missing or of another size is refused', async (t) => {
  for (const change of [(path: string) => rmSync(path), (path: string) => truncateSync(path, 8192)]) {
    const dataDir = copy();
    change(join(dataDir, 'stripes-1.mem'));
    await t.rejects(startArray({ dataDir }), { code: 'data-unusable', message: /stripes-1\.mem .*Put it back/ });
  }
});

t.test('what was under way long ago is not written over what came since', async (t) => {
  const dataDir = copy();
  const path = join(dataDir, 'under-way-1.mem');
  const data = Buffer.alloc(2 ** 16, 0xee);
  const stale = readFileSync(path);
  const underWay = new UnderWay({ buffer: stale, commit() {}, sync() {}, close() {} }, currentBootId());
  underWay.open(false, currentBootId());
  underWay.begin([{ drive: 0, offset: 0, bytes: data.length, buffers: [data], lost: false }]);
  const stop = async (run: (unit: LogicalUnit) => Promise<unknown>) => {
    const array = await startArray({ dataDir });
    const unit = await connect(array.luns[0]!.url);
    await run(unit);
    await unit.close();
    await array.stop();
  };
  await stop((unit) => unit.synchronizeCache());
  // A map whose bits have gone, as after some seconds without writes.
  const map = readFileSync(join(dataDir, 'stripes-1.mem'));
  writeFileSync(join(dataDir, 'stripes-1.mem'), map.fill(0, 4096, 8192));
  writeFileSync(path, stale);
  await stop(async (unit) => t.ok((await unit.read(0, 2048)).equals(pattern)));
});
