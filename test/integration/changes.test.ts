/** What a host that is logged in notices of changes to the array. */
import t from 'tap';
import { CheckCondition, connect, type LogicalUnit, type Session } from '../../initiator/index.js';
import { startArray } from '../../target/index.js';

t.setTimeout(60_000);

const array = await startArray({
  config: {
    cache: '16M',
    ldevs: [
      { id: '00:00', capacity: '1G' },
      { id: '00:01', capacity: '1G' },
    ],
    ports: [{ id: 'CL1-A', listen: '127.0.0.1:0' }],
  },
});
t.teardown(() => array.stop());
const { volumes } = array;
const group = volumes.hostGroup('CL1-A', 'default')!;

async function login(name: string): Promise<LogicalUnit> {
  const unit = await connect(array.luns[0]!.url, { initiatorName: name, reconnect: false });
  t.teardown(() => unit.close().catch(() => {}));
  return unit;
}

/** Sense key and additional sense code of a command that ends with CHECK CONDITION. */
async function sense(command: Promise<unknown>): Promise<string> {
  try {
    await command;
    return 'none';
  } catch (error) {
    if (!(error instanceof CheckCondition)) throw error;
    return `${error.sense.key.toString(16)}/${error.sense.asc.toString(16).padStart(4, '0')}`;
  }
}

/** Of the next command. */
const attention = (unit: LogicalUnit) => sense(unit.command(Buffer.alloc(6)));

function ended(session: Session): Promise<boolean> {
  if (session.state === 'closed') return Promise.resolve(true);
  return new Promise((end) => {
    const limit = setTimeout(() => end(false), 5_000);
    session.once('closed', () => {
      clearTimeout(limit);
      end(true);
    });
  });
}

t.test('expansion: CAPACITY DATA HAS CHANGED, once, on each nexus', async (t) => {
  const one = await login('iqn.2026-11.example.test:one');
  const two = await login('iqn.2026-11.example.test:two');
  t.equal((await one.readCapacity()).blocks, 2 ** 21);
  volumes.expandLdev(0, { bytes: 2 * 2 ** 30 });
  t.equal(await attention(one), '6/2a09');
  t.equal(await attention(one), 'none');
  t.equal(await attention(two), '6/2a09');
  t.equal((await one.readCapacity()).blocks, 2 ** 22);
});

t.test('mapping and unmapping: REPORTED LUNS DATA HAS CHANGED; the LUN comes and goes', async (t) => {
  const unit = await login('iqn.2026-11.example.test:one');
  volumes.createLdev({ id: 0x20, bytes: 2 ** 30 });
  volumes.mapLun(group.id, 9, 0x20);
  t.equal(await attention(unit), '6/3f0e');
  t.same(await unit.reportLuns(), [0, 1, 9]);
  volumes.unmapLun(group.id, 9);
  t.equal(await attention(unit), '6/3f0e');
  t.same(await unit.reportLuns(), [0, 1]);
  await volumes.deleteLdev(0x20);
});

t.test('a LUN outside the host group does not exist', async (t) => {
  const other = volumes.createHostGroup({ port: 'CL1-A', name: 'other', initiators: ['iqn.2026-11.example.test:one'] });
  volumes.mapLun(other.id, 0, 1);
  const url = array.luns.find((lun) => lun.hostGroup === 'CL1-A/other')!.url;
  const unit = await connect(url, { initiatorName: 'iqn.2026-11.example.test:one', reconnect: false });
  t.same(await unit.reportLuns(), [0]);
  t.equal(await sense(connect(url.replace(/0$/, '1'), { initiatorName: 'iqn.2026-11.example.test:one' })), '5/2500');
  await t.rejects(connect(url, { initiatorName: 'iqn.2026-11.example.test:two' }), { code: 'login-failed' });

  volumes.removeInitiator(other.id, 'iqn.2026-11.example.test:one');
  t.ok(await ended(unit.session), 'who is admitted no more is logged out');
  volumes.deleteHostGroup(other.id);
});

t.test('deleting a host group ends its sessions', async (t) => {
  const other = volumes.createHostGroup({ port: 'CL1-A', name: 'gone', initiators: ['*'] });
  volumes.mapLun(other.id, 0, 1);
  const unit = await connect(array.luns.find((lun) => lun.hostGroup === 'CL1-A/gone')!.url, { reconnect: false });
  volumes.deleteHostGroup(other.id);
  t.ok(await ended(unit.session));
});

t.test('fault rules act at once and are counted', async (t) => {
  const unit = await login('iqn.2026-11.example.test:one');
  const rule = volumes.faults.add({ ldev: 0, op: 'read', lba: 100, effect: 'medium-error' });
  await unit.read(0, 100);
  t.equal(await sense(unit.read(96, 8)), '3/1100');
  t.match(volumes.faults.list(), [{ hits: 1, fired: 1 }]);
  volumes.faults.remove(rule.id);
  await unit.read(96, 8);
});

t.test('read-only LDEVs refuse writes', async (t) => {
  const unit = await login('iqn.2026-11.example.test:one');
  await unit.readCapacity();
  volumes.changeLdev(0, { readOnly: true });
  t.equal(await sense(unit.write(0, Buffer.alloc(512))), '7/2700');
  volumes.changeLdev(0, { readOnly: false });
  await unit.write(0, Buffer.alloc(512));
});

t.test('stop ends the sessions', async (t) => {
  const unit = await login('iqn.2026-11.example.test:one');
  const end = ended(unit.session);
  await array.stop();
  t.ok(await end);
});
