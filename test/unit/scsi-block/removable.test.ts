/** PREVENT ALLOW MEDIUM REMOVAL, and START STOP UNIT with LOEJ and POWER CONDITION, on a removable logical unit. */
import t from 'tap';
import { CommandTable, Reservation, reservationPolicy } from '../../../target/scsi/command-table.js';
import { blockCommandsOf } from '../../../target/scsi/handlers/block/index.js';
import { inCdb, Rig } from '../scsi-primary/rig.js';
import { Status } from './harness.js';

const startStop = (byte4: number, immed = 0) => [0x1b, immed, 0, 0, byte4, 0];
const EJECT = startStop(0x02);
const LOAD = startStop(0x03);
const prevent = (value: number) => [0x1e, 0, 0, 0, value, 0];
const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];
const NO_MEDIUM = { name: 'medium-not-present', key: 2, asc: 0x3a00 };
const PREVENTED = { name: 'removal-prevented', key: 5, asc: 0x5302 };

function removable() {
  const rig = new Rig({ removable: true });
  return { rig, a: rig.host('a'), b: rig.host('b', { port: 1 }) };
}

t.test('INQUIRY tells RMB, of removable ones only', async (t) => {
  const inquiry = [0x12, 0, 0, 0, 36, 0];
  t.equal(removable().a.run(inquiry).data[1], 0x80);
  t.equal(new Rig().host('a').run(inquiry).data[1], 0x00);
});

t.test('ejected: nothing that needs the medium runs until it is loaded; other nexuses are told', async (t) => {
  const { rig, a, b } = removable();
  t.equal(a.run(EJECT).status, Status.good);
  t.same(rig.layer.calls, ['flush 0+0'], 'the cache goes to the medium first');
  const refused = [
    TEST_UNIT_READY,
    [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0],
    [0x2f, 0, 0, 0, 0, 0, 0, 0, 1, 0],
    [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    startStop(0x01),
    startStop(0x00),
  ];
  for (const cdb of refused) t.match(a.run(cdb).sense, NO_MEDIUM);
  t.match(a.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], Buffer.alloc(512)).sense, NO_MEDIUM);
  t.same([...a.run([0x03, 0, 0, 0, 18, 0]).data.subarray(12, 14)], [0x3a, 0x00], 'REQUEST SENSE tells why');
  t.equal(a.run([0x12, 0, 0, 0, 36, 0]).status, Status.good);
  t.equal(b.run(EJECT).status, Status.good, 'what is out stays out');

  t.equal(a.run(LOAD).status, Status.good);
  t.same(a.attentions(), [], 'not the one that loaded it');
  t.same(b.attentions(), ['medium-may-have-changed']);
  t.equal(b.run([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]).status, Status.good);
  t.equal(a.run(LOAD).status, Status.good);
  t.same(b.attentions(), [], 'loading what is loaded changes nothing');
});

t.test('a failed flush leaves the medium in; with IMMED it is out at once', async (t) => {
  const { rig, a } = removable();
  rig.layer.failNext = { kind: 'no-space', cause: 'disk full' };
  t.match(a.run(EJECT).sense, { name: 'no-space' });
  t.ok(rig.unit.medium!.present);
  rig.layer.held = [];
  const task = a.start(Buffer.from(startStop(0x02, 1)));
  t.ok(task.finished);
  t.notOk(rig.unit.medium!.present);
});

t.test('stopping flushes, and does no more', async (t) => {
  const { rig, a } = removable();
  for (const cdb of [startStop(0x00), startStop(0x00, 1), startStop(0x04)]) {
    t.equal(a.run(cdb).status, Status.good);
    t.equal(a.run(TEST_UNIT_READY).status, Status.good);
  }
  t.same(rig.layer.calls, ['flush 0+0', 'flush 0+0'], 'not with NO_FLUSH');
});

t.test('prevention by any nexus keeps the tray where it is', async (t) => {
  const { a, b } = removable();
  a.run(prevent(1));
  b.run(prevent(1));
  t.match(a.run(EJECT).sense, PREVENTED);
  a.run(prevent(0));
  t.match(a.run(EJECT).sense, PREVENTED, 'the other one still prevents it');
  t.equal(a.run(TEST_UNIT_READY).status, Status.good);
  b.run(prevent(0));
  t.equal(a.run(EJECT).status, Status.good);
  b.run(prevent(1));
  t.match(a.run(LOAD).sense, PREVENTED);
  b.run(prevent(0));
  t.equal(a.run(LOAD).status, Status.good);
});

t.test('allowing removal flushes first, and fails if that does', async (t) => {
  const { rig, a } = removable();
  a.run(prevent(0));
  t.same(rig.layer.calls, [], 'nothing was prevented');
  a.run(prevent(1));
  rig.layer.failNext = { kind: 'no-space', cause: 'disk full' };
  t.match(a.run(prevent(0)).sense, { name: 'no-space' });
  t.match(a.run(EJECT).sense, PREVENTED);
});

t.test('logout, nexus loss and resets end prevention; none of them loads the medium', async (t) => {
  const endings: Record<string, (host: ReturnType<Rig['host']>) => void> = {
    logout: (host) => host.logout(),
    'i-t-nexus-reset': (host) => host.manage('i-t-nexus-reset'),
    'logical-unit-reset': (host) => host.manage('logical-unit-reset'),
    'target-warm-reset': (host) => host.manage('target-warm-reset'),
    'target-cold-reset': (host) => host.manage('target-cold-reset'),
  };
  for (const [name, end] of Object.entries(endings)) {
    const { rig, a, b } = removable();
    a.run(prevent(1));
    end(a);
    b.attentions();
    t.equal(b.run(EJECT).status, Status.good, name);
    b.manage('logical-unit-reset');
    t.notOk(rig.unit.medium!.present);
  }
});

t.test('what one nexus prevents stays when another one is lost', async (t) => {
  const { a, b } = removable();
  a.run(prevent(1));
  b.run(prevent(1));
  b.logout();
  t.match(a.run(EJECT).sense, PREVENTED);
});

t.test('power conditions change nothing, whatever LOEJ and START say', async (t) => {
  const { rig, a } = removable();
  for (let condition = 1; condition < 16; condition++) {
    t.equal(a.run(startStop((condition << 4) | 0x02)).status, Status.good);
    t.ok(rig.unit.medium!.present);
  }
});

t.test('what is reserved is refused; without a removable medium the command is not there', async (t) => {
  const { a } = removable();
  t.match(a.run(startStop(0x08)).sense, inCdb(4, 3));
  t.match(a.run(prevent(2)).sense, inCdb(4, 1), 'obsolete');
  t.match(a.run([0x1e, 0, 0, 1, 0, 0]).sense, inCdb(3, 0));
  const plain = new Rig().host('a');
  t.match(plain.run(prevent(0)).sense, { name: 'invalid-opcode' });
  t.match(plain.run(EJECT).sense, inCdb(4, 1));
});

t.test('beside a reservation of another nexus, only loading and allowing', async (t) => {
  const table = new CommandTable(blockCommandsOf({ thin: true, removable: true }));
  const policy = (cdb: readonly number[]) => reservationPolicy(table.find(Buffer.from(cdb))!, Buffer.from(cdb));
  for (const cdb of [LOAD, startStop(0x01), prevent(0)]) t.equal(policy(cdb), Reservation.free);
  for (const cdb of [EJECT, startStop(0x00), startStop(0x11), prevent(1)]) t.equal(policy(cdb), Reservation.write);
});
