/** Commands that wait behind a FORMAT UNIT which changes the protection information are those of the LU as it is then. */
import t from 'tap';
import { type CheckCondition, connect } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import { cdb } from '../unit/scsi-block/harness.js';

t.setTimeout(60_000);

t.test('from type 1 to none', async (t) => {
  const config = { cache: '16M', ldevs: [{ id: '00:00', capacity: '8M', protection: 1 as const }] };
  const array = await startArray({ dataDir: t.testdir(), config });
  const unit = await connect(array.luns[0]!.url, { reconnect: false });
  const queued = [
    [cdb(0x88, 0, 1), { dataIn: 512 }],
    [cdb(0x8f, 0, 4), {}],
    [cdb(0x8a, 0, 4, 0x60), { dataOut: Buffer.alloc(4 * 520, 1) }],
    [cdb(0x8b, 8, 1), { dataOut: Buffer.alloc(512, 2) }],
  ] as const;
  await unit.write(0, Buffer.alloc(512 * 64, 0x41));
  const format = unit.command(Buffer.from([0x04, 0, 0, 0, 0, 0]));
  const answers = queued.map(([command, data]) => unit.command(command, data).catch((error: CheckCondition) => error));
  t.match(await format, { status: 0 });
  const [read, verify, write, orwrite] = await Promise.all(answers);
  t.match(read, { status: 0, data: Buffer.alloc(512) });
  t.match(verify, { status: 0 });
  t.match(write, { sense: { key: 5, asc: 0x2400 } }, 'WRPROTECT, but nothing is protected now');
  t.match(orwrite, { status: 0 });
  t.ok((await unit.read(0, 8)).equals(Buffer.alloc(8 * 512)));
  t.ok((await unit.read(8, 1)).equals(Buffer.alloc(512, 2)));
  await unit.close();
  await array.stop();
});
