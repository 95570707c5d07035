/** What an ACA condition, and QERR without one, do to commands that are already there (SAM-6 5.9.2, SPC-5 7.5.10). */
import t from 'tap';
import { inList, Rig } from '../scsi-primary/rig.js';
import {
  ACA,
  ACA_ACTIVE,
  BAD_READ,
  BUSY,
  block,
  fault,
  GOOD,
  naca,
  READ,
  READY,
  setControl,
  TASK_ABORTED,
  twoHosts,
  WRITE,
} from './aca-rig.js';

/** A read and a write of each host are under way; a write of each waits behind. */
function busy(control: Parameters<typeof twoHosts>[0] = {}) {
  const { rig, a, b } = twoHosts(control);
  rig.layer.held = [];
  const begin = (host: typeof a) => ({
    read: host.start(READ),
    write: host.start(WRITE, block),
    waiting: host.start(WRITE, block),
  });
  const tasks = { a: begin(a), b: begin(b) };
  return { rig, a, b, tasks, all: [...Object.values(tasks.a), ...Object.values(tasks.b)] };
}

t.test('QERR 00b: what has begun is not answered, what waits does not begin, until CLEAR ACA', async (t) => {
  const { rig, a, b, tasks, all } = busy();
  fault(a);
  const begun = rig.layer.calls.length;
  rig.layer.complete();
  t.equal(rig.layer.calls.length, begun);
  t.same(
    a.owner.responded.filter((task) => all.includes(task)),
    [],
  );
  t.same(
    b.owner.responded.filter((task) => all.includes(task)),
    [],
  );
  t.equal(rig.layer.pinned, 0, 'blocked reads keep no cache slots');
  t.equal(a.run(READY, null, ACA).status, GOOD);
  t.equal(a.manage('clear-aca').outcome, 'complete');
  rig.layer.complete();
  rig.layer.complete();
  rig.layer.complete();
  for (const task of all) t.equal(task.status, GOOD);
  t.ok(
    all.every((task) => (task.nexus === a.nexus ? a : b).owner.responded.filter((each) => each === task).length === 1),
  );
  t.equal(tasks.a.read.dataInLength, 512, 'the read was carried out once more');
  for (const task of all) task.release();
  t.equal(rig.layer.pinned, 0);
  t.equal(rig.adapters[0]!.stats().depth + rig.adapters[1]!.stats().depth, 0);
});

t.test('of a blocked write that has ended nothing is kept but its answer', async (t) => {
  const { rig, a, b } = twoHosts();
  rig.layer.held = [];
  const [write, read] = [b.start(WRITE, block), b.start(READ)];
  fault(a);
  t.equal(b.owner.withheldTasks.length, 0);
  rig.layer.complete();
  t.equal(b.owner.withheldTasks.length, 1, 'the read will be carried out once more');
  t.equal(b.owner.withheldTasks[0], write);
  t.notOk(read.finished);
  a.manage('clear-aca');
  rig.layer.complete();
  t.ok(b.owner.responded.includes(write) && b.owner.responded.includes(read));
});

t.test('a command with the ACA attribute passes what waits, but not what it would get in the way of', async (t) => {
  const { rig, a, tasks } = busy();
  fault(a);
  const recovery = a.start(WRITE, block, ACA);
  t.notOk(recovery.finished, 'the write below is not done yet');
  rig.layer.complete();
  rig.layer.complete();
  t.equal(recovery.status, GOOD);
  t.notOk(tasks.a.waiting.running);
});

t.test('QERR 01b: all others are aborted, and their hosts told by a unit attention', async (t) => {
  const { rig, a, b, all } = busy({ queueErrors: 0b01 });
  fault(a);
  rig.layer.complete();
  t.ok(all.every((task) => task.finished && task.aborted));
  t.same(
    a.owner.responded.filter((task) => all.includes(task)),
    [],
  );
  t.equal(b.run(READ).status, BUSY, 'the condition stands');
  a.manage('clear-aca');
  t.same(b.attentions(), ['commands-cleared']);
  t.same(a.attentions(), []);
});

t.test('QERR 01b with TAS: the others get TASK ABORTED and no unit attention', async (t) => {
  const { rig, a, b, tasks } = busy({ queueErrors: 0b01, abortedStatus: true });
  fault(a);
  rig.layer.complete();
  for (const task of Object.values(tasks.b)) t.equal(task.status, TASK_ABORTED);
  t.equal(b.owner.responded.filter((task) => task.status === TASK_ABORTED).length, 3);
  t.equal(a.owner.responded.filter((task) => task.status === TASK_ABORTED).length, 0);
  a.manage('clear-aca');
  t.same(b.attentions(), []);
});

t.test('QERR 11b: those of the faulted nexus are aborted, the others blocked', async (t) => {
  const { rig, a, b, tasks } = busy({ queueErrors: 0b11 });
  fault(a);
  rig.layer.complete();
  t.ok(Object.values(tasks.a).every((task) => task.finished && task.aborted));
  t.notOk(b.owner.responded.includes(tasks.b.write));
  a.manage('clear-aca');
  rig.layer.complete();
  rig.layer.complete();
  for (const task of Object.values(tasks.b)) t.equal(task.status, GOOD);
  t.same(b.attentions(), []);
});

t.test('QERR without NACA: 00b nothing, 01b all, 11b their own', async (t) => {
  for (const [queueErrors, own, others] of [
    [0b00, false, false],
    [0b01, true, true],
    [0b11, true, false],
  ] as const) {
    const { rig, a, b, tasks } = busy({ queueErrors });
    a.start(BAD_READ);
    rig.layer.complete();
    rig.layer.complete();
    rig.layer.complete();
    for (const task of Object.values(tasks.a)) t.equal(task.aborted, own, `QERR ${queueErrors}, own`);
    for (const task of Object.values(tasks.b)) t.equal(task.aborted, others, `QERR ${queueErrors}, others`);
    t.equal(a.run(READY).status, GOOD);
    t.same(b.attentions(), others ? ['commands-cleared'] : []);
  }
});

t.test('QERR 10b is refused', async (t) => {
  t.match(setControl(new Rig(), { queueErrors: 0b10 }), inList(4 + 3, 2));
});

t.test('aborts reach what is blocked: before it ends below, after that, and before it begins', async (t) => {
  for (const ends of ['before', 'after']) {
    const { rig, a, b, tasks } = busy();
    fault(a);
    if (ends === 'before') rig.layer.complete();
    const results = Object.values(tasks.b).map(({ tag }) => b.manage('abort-task', { tag }));
    if (ends === 'after') rig.layer.complete();
    for (const result of results) t.equal(result.outcome, 'complete', `ended ${ends}`);
    t.same(b.owner.droppedTasks.length, 3);
    t.equal(rig.layer.pinned, 0);
    b.logout();
    a.manage('clear-aca');
    rig.layer.complete();
    rig.layer.complete();
    t.equal(tasks.a.waiting.status, GOOD);
    t.equal(rig.adapters[1]!.stats().depth, 0);
  }
});

t.test('a logical unit reset ends blocked commands and the condition', async (t) => {
  const { rig, a, b, all } = busy();
  fault(a);
  rig.layer.complete();
  t.equal(b.manage('logical-unit-reset').outcome, 'complete');
  t.ok(all.every((task) => task.finished && task.aborted));
  b.attentions();
  t.equal(b.start(READY).status, GOOD);
});

t.test('a blocked command that has failed begins the next condition when it is told', async (t) => {
  const { rig, a, b } = twoHosts();
  rig.layer.held = [];
  rig.layer.failNext = { kind: 'medium-error', lba: 0, write: false };
  const slow = b.start(naca(READ));
  const write = b.start(WRITE, block);
  a.start(naca(BAD_READ));
  rig.layer.complete();
  t.notOk(b.owner.responded.includes(slow));
  a.manage('clear-aca');
  rig.layer.complete();
  t.equal(slow.status, 2);
  t.ok(b.owner.responded.includes(slow));
  t.equal(b.start(READY).status, ACA_ACTIVE, 'the other host is the faulted one now');
  t.equal(a.start(READY).status, BUSY);
  t.equal(b.manage('clear-aca').outcome, 'complete');
  rig.layer.complete();
  t.ok(write.finished);
  t.equal(rig.adapters[1]!.stats().depth, 0);
});
