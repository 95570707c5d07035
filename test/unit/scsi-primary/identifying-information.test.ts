/** REPORT and SET IDENTIFYING INFORMATION. */
import t from 'tap';
import { Status } from '../../../target/scsi/task.js';
import { inCdb, inList, MemoryStore, Rig } from './rig.js';

const report = (type: number, allocation = 1024) => {
  const cdb = Buffer.from([0xa3, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, type << 1, 0]);
  cdb.writeUInt32BE(allocation, 6);
  return cdb;
};
const set = (type: number, bytes: number) => {
  const cdb = Buffer.from([0xa4, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, type << 1, 0]);
  cdb.writeUInt32BE(bytes, 6);
  return cdb;
};

t.test('set, and reported to everybody, by the next array too', async (t) => {
  const store = new MemoryStore();
  const rig = new Rig({ store });
  const host = rig.host('a');
  const other = rig.host('b', { port: 1 });
  t.same([...host.run(report(0)).data], [0, 0, 0, 0], 'none at first');
  const result = host.run(set(0, 3), Buffer.from('abc'));
  t.equal(result.status, Status.good);
  t.equal(result.wanted, 3);
  t.same(host.attentions(), []);
  t.same(other.attentions(), ['device-identifier-changed']);
  t.same([...other.run(report(0)).data], [0, 0, 0, 3, 0x61, 0x62, 0x63]);
  host.run(set(2, 4), Buffer.from('mu\0\0'));
  t.equal(host.run(report(2)).data.subarray(4).toString(), 'mu\0\0', 'each type for itself');
  t.same(new Rig({ store }).host('a').run(report(0)).data.subarray(4), Buffer.from('abc'));
  t.equal(host.run(report(0, 5)).data.length, 5, 'cut to the allocation length');
  t.equal(host.run(report(0, 0)).data.length, 0);
  host.run(set(0, 0));
  t.same([...host.run(report(0)).data], [0, 0, 0, 0], 'a length of zero clears it');
});

t.test('the types that there are', async (t) => {
  const { data } = new Rig().host('a').run(report(0x7f));
  t.same([...data], [0, 0, 0, 8, 0, 0, 2, 0, 4, 0, 1, 0]);
});

t.test('the longest information', async (t) => {
  const host = new Rig().host('a');
  t.equal(host.run(set(0, 512), Buffer.alloc(512, 1)).status, Status.good);
  t.equal(host.run(report(0)).data.length, 516);
  t.match(host.run(set(0, 513), Buffer.alloc(513)).sense, inCdb(6));
  t.equal(host.run(set(2, 256), Buffer.alloc(256)).status, Status.good);
  t.match(host.run(set(2, 257), Buffer.alloc(257)).sense, inCdb(6));
});

t.test('refusals', async (t) => {
  const store = new MemoryStore();
  const rig = new Rig({ store });
  const host = rig.host('a');
  t.match(host.run(report(1)).sense, inCdb(10, 7), 'restricted type');
  t.match(host.run(set(0x7f, 0)).sense, inCdb(10, 7), 'the list of types cannot be set');
  t.match(host.run([0xa3, 0x05, 0, 0, 0, 0, 0, 0, 0, 8, 1, 0]).sense, inCdb(10, 0));
  t.match(host.run([0xa4, 0x06, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]).sense, inCdb(4, 4));
  t.match(host.run(set(0, 8), Buffer.alloc(7)).sense, { name: 'parameter-list-length' });
  t.match(host.run(set(2, 4), Buffer.from('text')).sense, inList(3), 'not terminated');
  store.broken = true;
  t.match(host.run(set(0, 3), Buffer.from('abc')).sense, { name: 'hardware-error' });
  t.equal(host.run(report(0)).data.length, 4);
  t.match(new Rig({ store: null }).host('a').run(set(0, 1), Buffer.alloc(1)).sense, { name: 'hardware-error' });
  host.run([0x16, 0, 0, 0, 0, 0]);
  const other = rig.host('b');
  t.equal(other.run(set(0, 0)).status, Status.reservationConflict);
  t.equal(other.run(report(0)).status, Status.good);
});
