/** ROD tokens on a whole array: what they keep outlives FORMAT UNIT, and nothing of it outlives SANITIZE, in any file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createToken, writeToken } from '../../initiator/copy/tokens.js';
import { CheckCondition, connect } from '../../initiator/index.js';
import { filesWith } from '../support/files-with.js';
import { lunarray } from '../support/programs.js';
import { serve } from '../support/serve.js';

t.setTimeout(120_000);

const MARK = Buffer.from('lunarray token test: this must not be found');
const CAPACITY = 32 * 2 ** 20;
const BLOCK_ERASE = Buffer.from([0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0]);
const FORMAT_UNIT = Buffer.from([0x04, 0, 0, 0, 0, 0]);

t.test('format, growth, sanitize', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lunarray-tokens-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const config = join(directory, 'array.json');
  const data = join(directory, 'data');
  const ldevs = ['00:00', '00:01'].map((id) => ({ id, capacity: CAPACITY }));
  writeFileSync(config, JSON.stringify({ cache: '16M', drives: [{ id: 'a', capacity: '1G' }], ldevs }));
  const array = await serve(data, ['--config', config]);
  t.teardown(() => array.end());
  const open = async (name: string) => {
    const unit = await connect(array.ready.find(({ ldev }) => ldev === name)!.url);
    t.teardown(() => unit.close().catch(() => {}));
    await unit.readCapacity();
    return unit;
  };
  const [source, other] = [await open('00:00'), await open('00:01')];
  const marked = Buffer.alloc(128 * 1024, MARK);
  const range = { lba: 0, blocks: 256 };
  const options = { offset: 0, deleteToken: false, progress: () => {} };
  const refusal = (token: Buffer) =>
    writeToken(other, token, range, options).then(
      () => null,
      (error: unknown) => (error instanceof CheckCondition ? error.sense : error),
    );

  await source.write(0, marked);
  const token = await createToken(source, range, 0);
  await source.execute(FORMAT_UNIT);
  t.ok((await source.read(0, 256)).equals(Buffer.alloc(marked.length)));
  await writeToken(other, token, range, options);
  t.ok((await other.read(0, 256)).equals(marked), 'formatted, and still there for the token');

  await source.write(0, marked);
  const grown = await createToken(source, range, 0);
  await lunarray(['ldev', 'expand', '--data', data, '00:00', '--capacity', '64M']);
  t.match(await refusal(grown), { asc: 0x2306 }, 'TOKEN REVOKED');
  await source.testUnitReady().catch(() => {});

  const last = await createToken(source, range, 0);
  await source.write(0, Buffer.alloc(marked.length, 1));
  await source.synchronizeCache(0, 0);
  t.not(filesWith(data, MARK).length, 0);
  for (const unit of [other, source]) await unit.execute(BLOCK_ERASE);
  t.match(await refusal(last), { asc: 0x2308 }, 'TOKEN CANCELLED');
  t.same(filesWith(data, MARK), [], 'nothing that was kept is left');
});
