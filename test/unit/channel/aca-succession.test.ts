/** One ACA condition that follows upon another, or upon commands that end in the midst of it (SAM-6 5.9, 7.4). */
import t from 'tap';
import { TaskAttribute } from '../../../target/scsi/task.js';
import {
  ACA,
  ACA_ACTIVE,
  BAD_READ,
  BUSY,
  block,
  CHECK_CONDITION,
  fault,
  GOOD,
  naca,
  READ,
  READY,
  twoHosts,
  WRITE,
} from './aca-rig.js';
import { nexusOf, TaskSetRig } from './rig.js';

const ORDERED = { attribute: TaskAttribute.ordered };
const FIRST = { attribute: TaskAttribute.headOfQueue };
/** On the block of `WRITE`, so that it waits for that; with a reserved bit. */
const BAD_WRITE = Buffer.from(WRITE);
BAD_WRITE[6] = 0x80;

t.test('a recovery command that ends the condition is told once, though what it lets go begins the next', async (t) => {
  const { rig, a, b } = twoHosts();
  rig.layer.held = [];
  b.start(WRITE, block);
  const bad = b.start(naca(BAD_WRITE), block, FIRST);
  a.start(naca(BAD_READ), null, FIRST);
  rig.layer.complete();
  const last = a.start(BAD_READ, null, ACA);
  t.equal(last.status, CHECK_CONDITION);
  t.equal(bad.status, CHECK_CONDITION, 'which waited for the end of the condition');
  t.equal(a.start(READY).status, BUSY);
  t.equal(b.start(READY).status, ACA_ACTIVE);
  t.equal(b.manage('clear-aca').outcome, 'complete');
  t.equal(a.owner.responded.filter((each) => each === last).length, 1);
  t.equal(rig.adapters[0]!.stats().depth, 0);
  t.equal(rig.adapters[1]!.stats().depth, 0);
});

t.test('QERR 11b with NACA: what comes free by the aborts does not begin before the condition', async (t) => {
  const { rig, a, b } = twoHosts({ queueErrors: 0b11 });
  rig.layer.held = [];
  rig.layer.failNext = { kind: 'medium-error', lba: 0, write: false };
  const faulty = a.start(naca(READ));
  a.start(WRITE, block, ORDERED);
  const next = b.start(naca(BAD_READ));
  rig.layer.complete();
  t.equal(faulty.status, CHECK_CONDITION);
  t.notOk(next.finished, 'it waits');
  t.equal(a.start(READY).status, ACA_ACTIVE, 'its host is the faulted one');
  t.equal(b.start(READY).status, BUSY);
  a.manage('clear-aca');
  t.equal(next.status, CHECK_CONDITION);
});

t.test('CLEAR ACA aborts the command that recovers', async (t) => {
  const { rig, a, b } = twoHosts();
  fault(a);
  rig.layer.held = [];
  const recovery = a.start(WRITE, block, ACA);
  const cleared = a.manage('clear-aca');
  t.equal(cleared.outcome, null, 'it is still being carried out');
  rig.layer.complete();
  t.equal(cleared.outcome, 'complete');
  t.ok(recovery.aborted);
  t.same(a.owner.droppedTasks, [recovery]);
  t.equal(b.start(READY).status, GOOD);
});

t.test('a read gives back data that lies in memory of its own, too', async (t) => {
  const rig = new TaskSetRig();
  const read = rig.enter('read');
  rig.end(rig.enter('inquire', { naca: true, nexus: nexusOf(2) }), true);
  rig.running = [];
  read.data([Buffer.alloc(512)], 512);
  t.same(read.dataIn, []);
  t.notOk(read.finished);
  rig.set.clearAllegiance(nexusOf(2), () => {});
  t.same(rig.begun, [1, 2, 1]);
  rig.end(read);
  t.same(rig.ended, [2, 1]);
});
