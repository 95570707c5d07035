/** SANITIZE on a whole array: a kill delays it and no more, and nothing of the data is left in any file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { connect, type LogicalUnit } from '../../initiator/index.js';
import { filesWith } from '../support/files-with.js';
import { serve } from '../support/serve.js';

t.setTimeout(120_000);

const MARK = Buffer.from('lunarray sanitize test: this must not be found');
const OTHER = Buffer.from('lunarray sanitize test: this must stay');
const CAPACITY = 32 * 2 ** 20;
const BLOCK_ERASE = Buffer.from([0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0]);

const directory = mkdtempSync(join(tmpdir(), 'lunarray-sanitize-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const config = join(directory, 'array.json');
const data = join(directory, 'data');
const drives = [1, 2, 3].map((number) => ({ id: `d${number}`, capacity: '96M' }));

writeFileSync(
  config,
  JSON.stringify({
    cache: '16M',
    sanitizeRate: '16M',
    drives,
    parityGroups: [{ id: '1-1', level: 'raid5', drives: drives.map(({ id }) => id) }],
    pools: [{ id: 'POOL0', parityGroups: ['1-1'] }],
    ldevs: [
      { id: '00:00', capacity: CAPACITY },
      { id: '00:01', capacity: CAPACITY },
    ],
    ports: [{ id: 'CL1-A', listen: '127.0.0.1:0' }],
    hostGroups: [{ port: 'CL1-A', name: 'default', luns: { 0: '00:00', 1: '00:01' } }],
  }),
);

const SANITIZING = { sense: { key: 2, asc: 0x041b } };

/** What a read fails with. */
const refusal = (unit: LogicalUnit): Promise<unknown> =>
  unit.read(0, 1).then(
    () => null,
    (error: unknown) => error,
  );

const start = () => serve(data, ['--config', config]);

t.test('an overwrite that a kill interrupts goes on; an erasure leaves nothing', async (t) => {
  let array = await start();
  let unit = await connect(array.ready[0]!.url, { reconnect: false });
  const other = await connect(array.ready[1]!.url, { reconnect: false });
  await other.write(0, Buffer.alloc(512, OTHER));
  const blocks = Buffer.alloc(2 ** 20, MARK);
  for (let lba = 0; lba < 8192; lba += 2048) await unit.write(lba, blocks);
  await unit.write(0, Buffer.alloc(4096, MARK));
  t.ok(filesWith(data, MARK).includes('cache.mem'));

  const list = Buffer.concat([Buffer.from([1, 0, 0, 4]), Buffer.from('done')]);
  await unit.command(Buffer.from([0x48, 0x81, 0, 0, 0, 0, 0, 0, list.length, 0]), { dataOut: [list] });
  t.match(await refusal(unit), SANITIZING);
  await array.end('SIGKILL');
  array = await start();
  unit = await connect(array.ready[0]!.url, { reconnect: false });
  t.match(await refusal(unit), SANITIZING, 'it goes on');
  while ((await refusal(unit)) !== null) await new Promise((later) => setTimeout(later, 100));
  t.ok(Buffer.from(await unit.read(0, 1)).equals(Buffer.alloc(512, 'done')));
  t.same(filesWith(data, MARK), [], 'neither in the cache nor on the drives, parity included');

  await unit.write(0, blocks);
  await unit.write(0, Buffer.alloc(4096, MARK));
  // What has been destaged has gone through the memory of the parity group.
  await unit.synchronizeCache();
  await unit.command(BLOCK_ERASE);
  t.same(filesWith(data, MARK), []);
  t.ok(Buffer.from(await unit.read(0, 1)).equals(Buffer.alloc(512)));
  const kept = await connect(array.ready[1]!.url, { reconnect: false });
  t.ok(Buffer.from(await kept.read(0, 1)).equals(Buffer.alloc(512, OTHER)), 'of this LDEV only');
  await array.end('SIGKILL');
});
