/** LUN paths and LDEVs that go while commands are under way: nothing is written afterwards, nothing stays behind. */
import t from 'tap';
import { Rig } from '../scsi-primary/rig.js';

const READ = Buffer.from([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
const WRITE = Buffer.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
const RESERVE = [0x16, 0, 0, 0, 0, 0];
const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];
const TASK_ABORTED = 0x40;
const RESERVATION_CONFLICT = 0x18;
const block = Buffer.alloc(512, 0xaa);

function unmap(rig: Rig): void {
  (rig.groups[0]!.luns as Map<number, number>).delete(0);
  rig.events.emit('luns-changed', rig.groups[0]);
}

t.test('data-out that comes after the LUN path is gone is not written', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  a.owner.withheld = [];
  b.owner.withheld = [];
  const mine = a.start(WRITE, block);
  const waiting = a.start(WRITE, block);
  const other = b.start(Buffer.from([0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0]), block);
  unmap(rig);
  t.match(mine, { finished: true, status: TASK_ABORTED });
  t.match(waiting, { finished: true, status: TASK_ABORTED });
  t.ok(a.owner.responded.includes(mine));
  a.owner.deliver(mine, 512);
  t.same(rig.layer.calls, []);
  t.notOk(other.finished, 'a path through another host group stays');
  b.owner.deliver(other, 512);
  t.match(other, { finished: true, status: 0 });
  t.equal(rig.adapters[0]!.stats().depth, 0);
  t.match(a.run(TEST_UNIT_READY).sense, { name: 'lun-not-supported' });
});

t.test('what the layers below carry out ends there, and its data is given back', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  rig.layer.held = [];
  const read = a.start(READ);
  unmap(rig);
  t.notOk(read.finished);
  rig.layer.complete();
  t.match(read, { finished: true, status: TASK_ABORTED, dataInLength: 0 });
  t.equal(rig.layer.pinned, 0);
  t.equal(rig.adapters[0]!.stats().depth, 0);
});

t.test('a RESERVE of a host without a path keeps nobody out', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  t.equal(a.run(RESERVE).status, 0);
  t.equal(b.run(TEST_UNIT_READY).status, RESERVATION_CONFLICT);
  unmap(rig);
  t.equal(b.run(TEST_UNIT_READY).status, 0);
});

t.test('an LDEV deleted under a write that waits for data, then the host is gone', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  a.owner.withheld = [];
  const write = a.start(WRITE, block);
  const ldev = rig.ldevs.get(0)!;
  rig.ldevs.delete(0);
  rig.events.emit('ldev-removed', ldev);
  t.match(write, { finished: true, status: TASK_ABORTED });
  a.logout();
  t.equal(rig.adapters[0]!.stats().depth, 0);
});
