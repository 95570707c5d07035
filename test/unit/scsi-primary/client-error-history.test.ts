/** WRITE BUFFER, mode 1Ch: hosts add to the error history, READ BUFFER gives it back. */
import t from 'tap';
import { decodeClientReports } from '../../../wire/scsi/client-error-history.js';
import { type Host, inCdb, inList, Rig } from './rig.js';

interface ListFields {
  readonly clear?: boolean;
  readonly location?: number;
  readonly history?: number;
  /** Bytes of both together. */
  readonly rest?: number;
}

function list({ clear = false, location = 8, history = 4, rest = location + history }: ListFields = {}): Buffer {
  const bytes = Buffer.alloc(26 + rest, 0x5a);
  bytes.write('EXAMPLE ', 0, 'latin1');
  bytes.writeUInt16BE(4, 8);
  bytes.fill(0, 10, 22);
  bytes[10] = clear ? 1 : 0;
  bytes.writeUInt16BE(location, 22);
  bytes.writeUInt16BE(history, 24);
  return bytes;
}

function add(host: Host, data: Buffer, { length = data.length, id = 0, offset = 0 } = {}) {
  const cdb = Buffer.from([0x3b, 0x1c, id, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUIntBE(offset, 3, 3);
  cdb.writeUIntBE(length, 6, 3);
  return host.run(cdb, data);
}

const read = (host: Host, id: number, offset = 0, bytes = 65_535) => {
  const cdb = Buffer.from([0x3c, 0x1c, id, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUIntBE(offset, 3, 3);
  cdb.writeUIntBE(bytes, 6, 3);
  return host.run(cdb);
};

/** A new snapshot's reports. */
function reports(host: Host) {
  read(host, 0x01);
  return decodeClientReports(read(host, 0x11).data);
}

function two() {
  const rig = new Rig();
  return { rig, a: rig.host('a'), b: rig.host('b', { port: 1 }) };
}

t.test('what hosts add comes back, with time and host', async (t) => {
  const { rig, a, b } = two();
  t.same(reports(a), { dropped: 0, reports: [] });
  rig.clock.advance(1234);
  const [first, second] = [list(), list({ location: 0, history: 1000 })];
  t.equal(add(b, first, { id: 9, offset: 77 }).sense, null, 'BUFFER ID and BUFFER OFFSET are ignored');
  t.equal(add(a, second).sense, null);
  const timestamp = rig.unit.deviceClock.timestamp;
  t.match(reports(a), {
    dropped: 0,
    reports: [
      { number: 1, timestamp, relativePort: 2, initiatorPort: b.nexus.initiatorPort, list: first },
      { number: 2, timestamp, relativePort: 1, initiatorPort: a.nexus.initiatorPort, list: second },
    ],
  });
  const whole = read(a, 0x11).data;
  const pieces = [];
  for (let offset = 0; offset < whole.length; offset += 100) pieces.push(read(a, 0x11, offset, 100).data);
  t.same(Buffer.concat(pieces), whole, 'in pieces');
  t.match(read(a, 0x11, whole.length + 1).sense, inCdb(3));
  t.match(read(b, 0x11).sense, { name: 'operation-in-progress' });
});

t.test('the snapshot stays as it is', async (t) => {
  const { a, b } = two();
  t.match(read(a, 0x11).sense, { name: 'command-sequence-error' }, 'there is none');
  read(a, 0x00);
  t.equal(add(b, list()).sense, null, 'another host than that which reads adds to it');
  t.equal(decodeClientReports(read(a, 0x11).data).reports.length, 0);
  t.equal(reports(a).reports.length, 1);
  add(b, list({ clear: true, location: 0, history: 0 }));
  t.equal(decodeClientReports(read(a, 0x11).data).reports.length, 1, 'when it is cleared, too');
  t.equal(reports(a).reports.length, 0);
});

t.test('CLR: what hosts have added goes, what the list holds is ignored, errors stay', async (t) => {
  const { rig, a } = two();
  rig.layer.failNext = { kind: 'medium-error', lba: 6, write: false };
  a.run([0x28, 0, 0, 0, 0, 6, 0, 0, 1, 0]);
  for (let i = 0; i < 3; i++) add(a, list());
  t.equal(add(a, list({ clear: true })).sense, null);
  t.same(reports(a), { dropped: 0, reports: [] });
  t.equal(read(a, 0x10).data.readUInt32BE(0), 1);
  add(a, list());
  t.match(reports(a).reports, [{ number: 1 }]);
});

t.test('a bounded number of bytes is kept', async (t) => {
  const { a } = two();
  const long = list({ location: 0, history: 4068 });
  for (let i = 0; i < 20; i++) t.equal(add(a, long).sense, null);
  const { dropped, reports: kept } = reports(a);
  t.equal(dropped + kept.length, 20);
  t.equal(kept.at(-1)!.number, 20);
  t.equal(kept[0]!.number, dropped + 1);
  const { length } = read(a, 0x11).data;
  t.ok(length <= 32_784 && length > 28_000, `${length} bytes, no more than the directory says`);
  t.match(add(a, list({ location: 4, history: 4068 })).sense, inCdb(6), 'more than 4096 bytes');
  t.equal(add(a, Buffer.alloc(0), { length: 0xffffff }).wanted, 0, 'which is said before the data come');
});

t.test('lists that lie', async (t) => {
  const { a } = two();
  t.equal(add(a, Buffer.alloc(0)).sense, null, 'no list');
  t.match(add(a, list({ location: 6, history: 4 })).sense, inList(22));
  t.match(add(a, list({ location: 4, history: 5 })).sense, inList(24));
  t.match(add(a, list({ location: 0xfffc, history: 0xfffc, rest: 8 })).sense, { name: 'parameter-list-length' });
  t.match(add(a, list({ location: 0, history: 4, rest: 8 })).sense, { name: 'parameter-list-length' });
  t.match(add(a, list(), { length: 100 }).sense, { name: 'parameter-list-length' }, 'fewer came');
  for (let bytes = 1; bytes < 38; bytes++) {
    t.match(add(a, list().subarray(0, bytes)).sense, { name: 'parameter-list-length' }, `cut off after ${bytes}`);
  }
  const odd = list();
  odd.fill(0xff, 0, 10);
  odd.fill(0xff, 11, 22);
  t.equal(add(a, odd).sense, null, 'nothing else is an error');
  t.equal(reports(a).reports.length, 1, 'nothing of the others was kept');
});

t.test('resets and the loss of a host leave what it added', async (t) => {
  const { a, b } = two();
  add(a, list());
  a.logout();
  b.manage('target-cold-reset');
  b.attentions();
  t.equal(reports(b).reports.length, 1);
});
