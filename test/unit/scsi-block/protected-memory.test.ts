/** READ with protection information: its data waits for the host in memory that is counted. */
import t from 'tap';
import { Rig } from '../scsi-primary/rig.js';
import { cdb, pattern, Status } from './harness.js';
import { protect, protectedBlocks } from './protection.js';

const MOST = 64 * 1024 * 1024;

/** A host whose share is spoken for but for `left` bytes. */
function short(left: number) {
  const rig = new Rig({ protection: 1 });
  const [host, other] = [rig.host('a'), rig.host('b')];
  const { readMemory } = rig.unit.neighbours;
  const before = { nexus: host.nexus, bytes: MOST - left, granted: () => {} };
  t.ok(readMemory.take(before));
  return { rig, host, other, free: () => readMemory.giveBack(before) };
}

t.test('a read waits for its share; others do not', async (t) => {
  const { rig, host, other, free } = short(1000);
  const waits = host.start(cdb(0x28, 5, 2));
  t.notOk(waits.finished);
  t.same(rig.layer.calls, [], 'before anything is read');
  t.equal(other.run(cdb(0x28, 5, 2)).status, Status.good);
  t.notOk(waits.finished);
  t.equal(host.run(cdb(0x2a, 50, 1), pattern(512)).status, Status.good, 'writes need none');
  free();
  t.ok(waits.finished);
  t.equal(waits.status, Status.good);
});

t.test('it is given back when the host has the data, and when the read fails', async (t) => {
  const { rig, host } = short(1040);
  host.run(cdb(0x2a, 5, 2, protect(3)), protectedBlocks(pattern(1024), 5, { guard: 1 }));
  rig.layer.failNext = { kind: 'hardware-error', cause: 'test' };
  t.match(host.run(cdb(0x28, 5, 2, protect(1))).sense, { key: 4 });
  t.match(host.run(cdb(0x28, 5, 2, protect(1))).sense, { asc: 0x1001 }, 'a check that fails');
  const first = host.start(cdb(0x28, 5, 2, protect(3)));
  t.equal(first.dataInLength, 1040);
  const second = host.start(cdb(0x28, 9, 1, protect(3)));
  t.notOk(second.finished);
  first.release();
  t.ok(second.finished);
});

t.test('one that waits can be aborted, and goes with its host', async (t) => {
  const { rig, host, other, free } = short(0);
  const [first, second] = [host.start(cdb(0x28, 5, 2)), host.start(cdb(0x28, 5, 2))];
  t.equal(host.manage('abort-task', { tag: first.tag }).outcome, 'complete');
  t.same(host.owner.droppedTasks, [first]);
  t.notOk(second.finished);
  host.logout();
  t.same(host.owner.droppedTasks, [first, second]);
  free();
  t.same(rig.layer.calls, []);
  t.equal(other.run(cdb(0x2a, 5, 2), pattern(1024)).status, Status.good, "in nobody's way");
});
