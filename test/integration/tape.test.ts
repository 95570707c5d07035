/** A virtual tape over iSCSI: made, mapped, written; what was acknowledged is there after kill -9. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { CheckCondition, connect, type LogicalUnit } from '../../initiator/index.js';
import { lunarray } from '../support/programs.js';
import { serve } from '../support/serve.js';
import { lunctl } from '../unit/lunctl/run-lunctl.js';

t.setTimeout(120_000);

const REWIND = [0x01, 0, 0, 0, 0, 0];
const transfer = (opcode: number, bytes: number) => [opcode, 0, bytes >> 16, (bytes >> 8) & 0xff, bytes & 0xff, 0];
const blockOf = (index: number) => Buffer.alloc(1000 + 7919 * index, index + 1);
const BLOCKS = 40;

async function send(unit: LogicalUnit, cdb: readonly number[], data: { dataOut?: Buffer; dataIn?: number } = {}) {
  return unit.command(Buffer.from(cdb), data);
}

function senseOf(command: Promise<unknown>) {
  return command.then(
    () => null,
    (error: unknown) => (error instanceof CheckCondition ? error.sense : error),
  );
}

t.test('write, kill, read', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lunarray-tape-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const config = join(directory, 'array.json');
  const data = join(directory, 'data');
  const ldevs = [{ id: '00:00', capacity: '64M', tape: true }];
  writeFileSync(config, JSON.stringify({ cache: '16M', drives: [{ id: 'a', capacity: '1G' }], ldevs }));
  let array = await serve(data, ['--config', config]);
  t.teardown(() => array.end());
  let unit = await connect(array.ready.find(({ ldev }) => ldev === '00:00')!.url);
  t.match(await unit.inquiry(), { deviceType: 1, removable: true, product: 'VIRTUAL TAPE' });
  t.match((await lunarray(['ldev', 'list', '--data', data])).stdout, /00:00 .*thin tape/);
  t.match((await lunarray(['ldev', 'create', '--tape', '--capacity', '1M', '--data', data])).stdout, /thin tape/);
  const refused = await lunarray([
    'ldev',
    'create',
    '--tape',
    '--block-size',
    '4096',
    '--capacity',
    '1M',
    '--data',
    data,
  ]);
  t.match(refused.stderr, /a virtual tape has no block size/);

  for (let i = 0; i < BLOCKS; i++) {
    const dataOut = blockOf(i);
    await send(unit, transfer(0x0a, dataOut.length), { dataOut });
    if (i === 20) await send(unit, [0x10, 0, 0, 0, 1, 0]);
  }
  await array.end('SIGKILL');
  await unit.close().catch(() => {});

  array = await serve(data, ['--config', config]);
  unit = await connect(array.ready.find(({ ldev }) => ldev === '00:00')!.url);
  t.teardown(() => unit.close().catch(() => {}));
  const read = (dataIn: number) => send(unit, transfer(0x08, dataIn), { dataIn });
  for (let i = 0; i < BLOCKS; i++) {
    const expected = blockOf(i);
    t.ok((await read(expected.length)).data.equals(expected), `block ${i}`);
    if (i === 20) t.match(await senseOf(read(512)), { asc: 0x0001, filemark: true, information: 512 });
  }
  t.match(await senseOf(read(512)), { key: 8, asc: 0x0005 });
  await send(unit, REWIND);
  t.match(await senseOf(read(600)), { ili: true, information: 2 ** 32 - 400 });
  t.match(array.output(), /recovered/);

  const { url } = array.ready.find(({ ldev }) => ldev === '00:00')!;
  await send(unit, [0x11, 0x03, 0, 0, 0, 0]);
  const stream = Buffer.concat(Array.from({ length: 20 }, (_, index) => blockOf(index)));
  t.equal((await lunctl(['tape', 'write', url], Readable.from([stream]))).code, 0);
  await array.end('SIGKILL');
  await unit.close().catch(() => {});
  array = await serve(data, ['--config', config]);
  const again = array.ready.find(({ ldev }) => ldev === '00:00')!.url;
  t.equal((await lunctl(['tape', 'seek', again, `${BLOCKS + 1}`])).code, 0);
  t.ok((await lunctl(['tape', 'read', again])).bytes.equals(stream), 'what lunctl wrote');
});
