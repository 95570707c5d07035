/** Fault rules of commands and connections, as a host meets them. */
import t, { type Test } from 'tap';
import {
  CheckCondition,
  ClosedError,
  ConnectionLostError,
  connect,
  type LogicalUnit,
  type SessionOptions,
  StatusError,
} from '../../initiator/index.js';
import { startArray } from '../../target/index.js';
import { Status } from '../../wire/scsi/status.js';

t.setTimeout(60_000);

const array = await startArray({
  polling: 0,
  config: {
    cache: '16M',
    ldevs: [
      { id: '00:00', capacity: '1G' },
      { id: '00:01', capacity: '1G' },
    ],
    ports: [
      { id: 'CL1-A', listen: '127.0.0.1:0' },
      { id: 'CL2-A', listen: '127.0.0.1:0' },
    ],
  },
});
t.teardown(() => array.stop());
const { faults } = array.volumes;
t.beforeEach(() => faults.clear());

const host = 'iqn.2026-11.example.test:host';
const TEST_UNIT_READY = Buffer.alloc(6);
const READ_CAPACITY_16 = Buffer.from('9e100000000000000000000000200000', 'hex');

async function login(t: Test, options: SessionOptions = {}, path = 0): Promise<LogicalUnit> {
  const unit = await connect(array.luns[path]!.url, { initiatorName: host, ...options });
  t.teardown(() => unit.close().catch(() => {}));
  return unit;
}

/** Status and sense of a command, as one text. */
async function outcome(command: Promise<unknown>): Promise<string> {
  try {
    await command;
    return 'good';
  } catch (error) {
    if (error instanceof CheckCondition) {
      return `${error.sense.key.toString(16)}/${error.sense.asc.toString(16).padStart(4, '0')}`;
    }
    if (error instanceof StatusError) return `status ${error.status}`;
    if (error instanceof ConnectionLostError) return 'connection lost';
    if (error instanceof ClosedError) return 'closed';
    throw error;
  }
}

const block = (byte: number) => Buffer.alloc(512, byte);

t.test('commands without blocks: status or sense, by name, code or service action', async (t) => {
  const unit = await login(t);
  const effects: [string, string][] = [
    ['busy', `status ${Status.busy}`],
    ['task-set-full', `status ${Status.taskSetFull}`],
    ['reservation-conflict', `status ${Status.reservationConflict}`],
    ['2/4/1', '2/0401'],
    ['b/47/3', 'b/4703'],
    ['becoming-ready', '2/0401'],
  ];
  for (const [effect, expected] of effects) {
    const { id } = faults.add({ command: 'TEST UNIT READY', effect });
    t.equal(await outcome(unit.command(TEST_UNIT_READY)), expected, effect);
    faults.remove(id);
  }
  faults.add({ command: '9e/10', effect: '5/24/0' });
  t.equal(await outcome(unit.command(READ_CAPACITY_16, { dataIn: 32 })), '5/2400');
  t.equal(await outcome(unit.command(TEST_UNIT_READY)), 'good');
  await unit.getLbaStatus(0);
  t.match(faults.list(), [{ hits: 1, fired: 1 }], 'another service action is another command');
});

t.test('sense in descriptor format where the host asks for it', async (t) => {
  const unit = await login(t);
  const modes = await unit.modeSense(0x0a);
  const control = Buffer.concat([Buffer.alloc(8), modes.subarray(-12)]);
  const select = (dSense: number) => {
    control[8 + 2] = (control[8 + 2]! & ~0x04) | dSense;
    return unit.command(Buffer.from('55100000000000001400', 'hex'), { dataOut: control });
  };
  await select(0x04);
  faults.add({ command: 'TEST UNIT READY', effect: '4/44/0' });
  const error = await unit.command(TEST_UNIT_READY).catch((each) => each);
  t.match(error, { sense: { key: 4, asc: 0x4400 } });
  t.equal(error.senseData[0], 0x72);
  faults.clear();
  await select(0);
});

t.test('the n-th alone; a unit attention stays pending behind a rule', async (t) => {
  const unit = await login(t);
  await unit.readCapacity();
  faults.add({ command: '00h', skip: 1, limit: 1, effect: '4/44/0' });
  array.volumes.expandLdev(0, { bytes: 2 * 2 ** 30 });
  const outcomes = [];
  for (let n = 0; n < 4; n++) outcomes.push(await outcome(unit.command(TEST_UNIT_READY)));
  t.same(outcomes, ['6/2a09', '4/4400', 'good', 'good']);
  faults.clear();
  faults.add({ command: 'any', limit: 1, effect: 'busy' });
  array.volumes.expandLdev(0, { bytes: 3 * 2 ** 30 });
  t.equal(await outcome(unit.command(TEST_UNIT_READY)), `status ${Status.busy}`);
  t.equal(await outcome(unit.command(TEST_UNIT_READY)), '6/2a09');
});

t.test('by LBA, initiator, port and LDEV', async (t) => {
  const one = await login(t);
  const other = await login(t, { initiatorName: 'iqn.2026-11.example.test:other' });
  const second = await login(
    t,
    {},
    array.luns.findIndex((lun) => lun.port === 'CL2-A' && lun.ldev === '00:00'),
  );
  const neighbour = await login(
    t,
    {},
    array.luns.findIndex((lun) => lun.ldev === '00:01'),
  );
  faults.add({
    command: 'READ',
    ldev: 0,
    port: 'CL1-A',
    initiator: host,
    lba: 100,
    blocks: 10,
    effect: 'medium-error',
  });
  t.equal(await outcome(one.read(109, 4)), '3/1100');
  t.equal(await outcome(one.read(110, 4)), 'good');
  t.equal(await outcome(one.command(TEST_UNIT_READY)), 'good');
  for (const unit of [other, second, neighbour]) t.equal(await outcome(unit.read(100, 1)), 'good');
  t.match(faults.list(), [{ hits: 1, fired: 1 }]);
});

t.test('a delayed command is aborted like any other', async (t) => {
  const unit = await login(t, { commandTimeoutMs: 0 });
  faults.add({ command: 'any', limit: 1, delayMs: 3_000_000 });
  const delayed = outcome(unit.command(TEST_UNIT_READY));
  t.equal(await outcome(unit.command(TEST_UNIT_READY)), 'good', 'others go on');
  await unit.session.manage('logicalUnitReset', unit.address);
  t.equal(await outcome(unit.command(TEST_UNIT_READY)), '6/2903');
  await unit.close();
  t.equal(await delayed, 'closed', 'it was never answered');
});

t.test('the connection is dropped before or after the command', async (t) => {
  const unit = await login(t);
  const lba = 1000;
  await unit.write(lba, block(1));
  faults.add({ command: 'COMPARE AND WRITE', limit: 1, connection: 'drop-before' });
  t.equal(await outcome(unit.compareAndWrite(lba, block(1), block(2))), 'connection lost');
  t.same(await unit.read(lba, 1), block(1), 'not carried out');
  faults.add({ command: 'COMPARE AND WRITE', skip: 0, limit: 1, connection: 'drop-after' });
  t.equal(await outcome(unit.compareAndWrite(lba, block(1), block(3))), 'connection lost');
  t.same(await unit.read(lba, 1), block(3), 'carried out');
  t.equal(await outcome(unit.compareAndWrite(lba, block(3), block(4))), 'good');
});

t.test('a host that reconnects loses nothing that was acknowledged', async (t) => {
  const unit = await login(t, { headerDigest: 'CRC32C', dataDigest: 'CRC32C' });
  const kinds = ['drop-before', 'drop-after', 'corrupt-header-digest'] as const;
  for (const [seed, connection] of kinds.entries()) {
    faults.add({ command: 'WRITE', connection, probability: 0.05, seed, limit: 4 });
  }
  const from = 4096;
  const writes = Array.from({ length: 200 }, (_, n) => unit.write(from + n, block(n)));
  await Promise.all(writes);
  t.ok(faults.list().some(({ fired }) => fired > 0));
  faults.clear();
  const data = await unit.read(from, 200);
  for (let n = 0; n < 200; n++) t.same(data.subarray(n * 512, (n + 1) * 512), block(n));
});

t.test('digests of answers: the host notices, and asks again', async (t) => {
  const unit = await login(t, { headerDigest: 'CRC32C', dataDigest: 'CRC32C' });
  await unit.write(2000, block(7));
  let lost = 0;
  unit.session.on('disconnected', () => lost++);
  for (const connection of ['corrupt-header-digest', 'corrupt-data-digest'] as const) {
    const { id } = faults.add({ command: 'READ', limit: 1, connection });
    t.same(await unit.read(2000, 1), block(7), connection);
    t.match(faults.list(), [{ fired: 1 }]);
    faults.remove(id);
  }
  t.ok(lost > 0);
});

t.test('without digests nothing is corrupted', async (t) => {
  const unit = await login(t, { headerDigest: 'None', dataDigest: 'None' });
  faults.add({ command: 'READ', connection: 'corrupt-data-digest' });
  t.same(await unit.read(3000, 1), block(0));
});

t.test('a stall ends by itself, or with the connection', async (t) => {
  const unit = await login(t, { pingIntervalMs: 0 });
  for (const connection of ['stall-before', 'stall-after'] as const) {
    faults.add({ id: connection, command: 'WRITE', limit: 1, connection, stallMs: 60 });
    const begun = performance.now();
    const written = unit.write(5000, block(9));
    // Of the same connection: it waits as well.
    const read = unit.read(6000, 1);
    await Promise.all([written, read]);
    t.ok(performance.now() - begun >= 59, connection);
    t.same(await unit.read(5000, 1), block(9));
  }
  const impatient = await login(t, { pingIntervalMs: 50 });
  let lost = 0;
  impatient.session.on('disconnected', () => lost++);
  faults.add({ command: 'WRITE', limit: 1, connection: 'stall-before' });
  await impatient.write(5001, block(8));
  t.equal(lost, 1);
  t.same(await impatient.read(5001, 1), block(8));
});

t.test('blocks lost until written, also without the rule', async (t) => {
  const unit = await login(t);
  await unit.write(7000, Buffer.alloc(8 * 512, 5));
  faults.add({ op: 'read', lba: 7002, blocks: 2, limit: 1, effect: 'medium-error-until-written' });
  t.equal(await outcome(unit.read(7000, 8)), '3/1100');
  faults.clear();
  t.equal(await outcome(unit.read(7000, 8)), '3/1100');
  t.equal(await outcome(unit.read(7000, 2)), 'good');
  await unit.write(7002, block(6));
  t.equal(await outcome(unit.read(7002, 1)), 'good');
  t.equal(await outcome(unit.read(7003, 1)), '3/1100', 'block by block');
  await unit.unmap([{ lba: 7003, blocks: 1 }]);
  t.equal(await outcome(unit.read(7000, 8)), 'good');
});
