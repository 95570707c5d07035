/** REPORT and SET TIMESTAMP. */
import t from 'tap';
import { Status } from '../../../target/scsi/task.js';
import { resultOf } from '../scsi-block/harness.js';
import { type Host, inCdb, Rig } from './rig.js';

const report = (allocation = 12) => [0xa3, 0x0f, 0, 0, 0, 0, 0, 0, 0, allocation, 0, 0];
const set = (bytes = 12) => [0xa4, 0x0f, 0, 0, 0, 0, 0, 0, 0, bytes, 0, 0];
const list = (milliseconds: number) => {
  const data = Buffer.alloc(12);
  data.writeUIntBE(milliseconds, 4, 6);
  return data;
};
/** Origin and milliseconds. */
const told = (host: Host) => {
  const { data } = resultOf(host.start(Buffer.from(report())));
  return [data[2], data.readUIntBE(4, 6)];
};

t.test("the machine's time, until a host sets another", async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  const { data } = host.run(report());
  t.equal(data.length, 12);
  t.same([...data.subarray(0, 4)], [0, 10, 3, 0]);
  rig.clock.advance(1_500);
  t.same(told(host), [3, rig.clock.wall()]);

  const result = host.run(set(), list(1_000_000));
  t.equal(result.status, Status.good);
  t.equal(result.wanted, 12);
  t.same(told(host), [2, 1_000_000]);
  rig.clock.advance(2_000);
  t.same(told(host), [2, 1_002_000], 'it runs on');
  host.manage('logical-unit-reset');
  host.attentions();
  t.same(told(host), [2, 1_002_000], 'through a reset');
});

t.test('others are told', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  const other = rig.host('b', { port: 1 });
  host.run(set(), list(0));
  t.same(host.attentions(), []);
  t.same(other.attentions(), ['timestamp-changed']);
});

t.test('the highest timestamp, and what comes after', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  host.run(set(), list(2 ** 48 - 1));
  t.same(told(host), [2, 2 ** 48 - 1]);
  rig.clock.advance(1);
  t.same(told(host), [2, 0]);
});

t.test('lengths, reserved bits, reservations', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  t.equal(host.run(report(5)).data.length, 5);
  t.equal(host.run(report(0)).data.length, 0);
  t.equal(host.run(set(0)).status, Status.good);
  t.equal(host.run(report()).data[2], 3, 'nothing was set');
  t.match(host.run(set(11), Buffer.alloc(11)).sense, { name: 'parameter-list-length' });
  t.match(host.run(set(13), Buffer.alloc(13)).sense, { name: 'parameter-list-length' });
  t.match(host.run(set(), Buffer.alloc(4)).sense, { name: 'parameter-list-length' });
  t.match(host.run([0xa3, 0x0f, 1, 0, 0, 0, 0, 0, 0, 12, 0, 0]).sense, inCdb(2, 0));
  t.match(host.run([0xa4, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0]).sense, inCdb(10, 7));
  host.run([0x16, 0, 0, 0, 0, 0]);
  const other = rig.host('b');
  t.equal(other.run(set(), list(1)).status, Status.reservationConflict);
  t.equal(other.run(report()).status, Status.good);
});
