/** READ BUFFER(10), error history: what is in it, who may read it, how long a snapshot stays. */
import t from 'tap';
import { decodeErrorRecords } from '../../../wire/scsi/error-history.js';
import { decodeSense } from '../../../wire/scsi/sense-codec.js';
import { type Host, inCdb, Rig } from './rig.js';

const READ = Buffer.from([0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0]);
const HEAD = 32;

function history(host: Host, id: number, { offset = 0, bytes = 65_535 } = {}) {
  const cdb = Buffer.from([0x3c, 0x1c, id, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUIntBE(offset, 3, 3);
  cdb.writeUIntBE(bytes, 6, 3);
  return host.run(cdb);
}

/** EHS_RETRIEVED and EHS_SOURCE. */
function snapshot(host: Host, id: number) {
  const { data } = history(host, id);
  return [(data[9]! >> 3) & 3, (data[9]! >> 1) & 3];
}

function fail(rig: Rig, host: Host, cdb = READ): void {
  rig.layer.failNext = { kind: 'medium-error', lba: 6, write: false };
  host.run(cdb);
}

const records = (host: Host) => decodeErrorRecords(history(host, 0x10).data).records;

function two() {
  const rig = new Rig();
  return { rig, a: rig.host('a'), b: rig.host('b', { port: 1 }) };
}

t.test('directory', async (t) => {
  const { a } = two();
  const { data } = history(a, 0x00);
  t.equal(data.toString('latin1', 0, 8), 'LUNARRAY');
  t.equal(data[9], (0b10 << 3) | (0b01 << 1) | 1, 'not retrieved, made by this command; CLR_SUP');
  t.equal(data.readUInt16BE(30), data.length - HEAD);
  const entries = [];
  for (let at = HEAD; at < data.length; at += 8) entries.push([data[at], data[at + 1], data.readUInt32BE(at + 4)]);
  t.same(entries, [
    [0x00, 0, data.length],
    [0x01, 0, data.length],
    [0x02, 0, data.length],
    [0x03, 0, data.length],
    [0x10, 0, 35_856],
    [0x11, 0, 32_784],
  ]);
  t.equal(history(a, 0x00, { bytes: 33 }).data.length, 33);
});

t.test('errors with sense, blocks, time and nexus; the host is told the same', async (t) => {
  const { rig, a, b } = two();
  rig.clock.advance(1234);
  const now = rig.unit.deviceClock.timestamp;
  fail(rig, b);
  fail(rig, a, Buffer.from([0x35, 0, 0, 0, 0, 7, 0, 0, 0, 0]));
  a.run(Buffer.from([0x28, 0, 0xff, 0, 0, 0, 0, 0, 1, 0]));
  history(a, 0x00);
  const found = records(a);
  t.equal(found.length, 2, 'a CDB that is wrong is no error of the array');
  const [first, second] = found;
  t.match(first, {
    number: 1,
    status: 2,
    timestamp: now,
    relativePort: 2,
    initiatorPort: b.nexus.initiatorPort,
    range: { lba: 5, blocks: 2 },
  });
  t.same(first!.cdb.subarray(0, 10), READ);
  t.match(decodeSense(first!.sense), { key: 3, asc: 0x1100, information: 6 });
  t.match(second, { number: 2, relativePort: 1, initiatorPort: a.nexus.initiatorPort, range: { lba: 7 } });
});

t.test('a failure after GOOD status', async (t) => {
  const { rig, a } = two();
  fail(rig, a, Buffer.from([0x35, 0x02, 0, 0, 0, 7, 0, 0, 1, 0]));
  t.match(history(a, 0x00).sense, { deferred: true });
  history(a, 0x00);
  t.match(records(a), [{ status: 0, number: 1 }]);
});

t.test('the newest 64 are kept, and how many went is told', async (t) => {
  const { rig, a } = two();
  for (let i = 0; i < 70; i++) fail(rig, a);
  history(a, 0x00);
  const { data } = history(a, 0x10);
  const found = decodeErrorRecords(data);
  t.equal(found.dropped, 6);
  t.same(
    found.records.map(({ number }) => number),
    Array.from({ length: 64 }, (_, i) => i + 7),
  );
  t.ok(data.length <= 35_856, 'no more than the directory says');
});

t.test('a snapshot stays as it is until it is made anew', async (t) => {
  const { rig, a } = two();
  t.match(history(a, 0x10).sense, { name: 'command-sequence-error' }, 'there is none');
  t.same(snapshot(a, 0x00), [0b10, 0b01]);
  fail(rig, a);
  t.equal(records(a).length, 0);
  t.same(snapshot(a, 0x00), [0b10, 0b10], 'kept');
  t.same(snapshot(a, 0x02), [0b10, 0b10], 'kept');
  t.equal(records(a).length, 0);
  t.same(snapshot(a, 0x01), [0b10, 0b01]);
  t.equal(records(a).length, 1);
  fail(rig, a);
  t.same(snapshot(a, 0x03), [0b10, 0b01]);
  t.equal(records(a).length, 2);
});

t.test('in pieces', async (t) => {
  const { rig, a } = two();
  for (let i = 0; i < 5; i++) fail(rig, a);
  history(a, 0x00);
  const whole = history(a, 0x10).data;
  const pieces = [];
  for (let offset = 0; offset < whole.length; offset += 100) {
    pieces.push(history(a, 0x10, { offset, bytes: 100 }).data);
  }
  t.same(Buffer.concat(pieces), whole);
  t.equal(history(a, 0x10, { offset: whole.length }).data.length, 0);
  t.match(history(a, 0x10, { offset: whole.length + 1 }).sense, inCdb(3));
});

t.test('one nexus at a time; another may take it over, which is told', async (t) => {
  const { a, b } = two();
  history(a, 0x00);
  for (const id of [0x00, 0x01, 0x04, 0x10, 0x11, 0x12, 0xef, 0xf0, 0xfe, 0xff]) {
    t.match(history(b, id).sense, { name: 'operation-in-progress', key: 5, asc: 0x0016 }, `buffer ${id}`);
  }
  t.same(snapshot(b, 0x02), [0b10, 0b10]);
  t.same(a.attentions(), ['error-history-nexus-cleared']);
  t.match(history(a, 0x10).sense, { name: 'operation-in-progress' });
  t.equal(history(b, 0x10).status, 0);
  t.same(snapshot(b, 0x03), [0b10, 0b01], 'its own, again');
  t.same(b.attentions(), []);
});

t.test('FEh gives the history back, FFh the snapshot too', async (t) => {
  const { a, b } = two();
  history(a, 0x00);
  t.equal(history(a, 0xfe, { offset: 9 }).data.length, 0);
  t.equal(history(b, 0x10).status, 0, 'anybody may read the snapshot now');
  t.same(snapshot(b, 0x00), [0b01, 0b10], 'it has been retrieved');
  t.match(history(a, 0x00).sense, { name: 'operation-in-progress' });
  t.equal(history(b, 0xff).status, 0);
  t.match(history(a, 0x10).sense, { name: 'command-sequence-error' });
  t.equal(history(a, 0xff).status, 0, 'nothing to do');
});

t.test('loss of the nexus gives the history back; resets end the snapshot, but not the errors', async (t) => {
  const { rig, a, b } = two();
  fail(rig, a);
  history(a, 0x00);
  a.logout();
  t.equal(history(b, 0x10).status, 0);
  history(b, 0x00);
  const c = rig.host('c');
  t.match(history(c, 0x00).sense, { name: 'operation-in-progress' });
  c.manage('logical-unit-reset');
  c.attentions();
  t.match(history(c, 0x10).sense, { name: 'command-sequence-error' });
  history(c, 0x00);
  t.equal(records(c).length, 1);
  c.manage('i-t-nexus-reset');
  b.attentions();
  t.equal(history(b, 0x00).status, 0);
});

t.test('what is refused', async (t) => {
  const { a } = two();
  for (const id of [0x04, 0x0f, 0x12, 0xef, 0xf0, 0xfd]) t.match(history(a, id).sense, inCdb(2), `buffer ${id}`);
  for (const id of [0x00, 0x01, 0x02, 0x03]) t.match(history(a, id, { offset: 1 }).sense, inCdb(3));
  t.match(history(a, 0x10).sense, { name: 'command-sequence-error' }, 'none of them made a snapshot');
});
