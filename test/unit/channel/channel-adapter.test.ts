/** Queue limits, login and loss of nexuses, changes of volumes, counters. */
import t from 'tap';
import { Task, TaskAttribute } from '../../../target/scsi/task.js';
import { encodeLun } from '../../../wire/scsi/lun.js';
import { Rig } from '../scsi-primary/rig.js';

const READ = Buffer.from([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
const prOut = (action: number, bytes: number) => Buffer.from([0x5f, action, 0x01, 0, 0, 0, 0, 0, bytes, 0]);
function prList(key: number, serviceActionKey: number): Buffer {
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(BigInt(key), 0);
  list.writeBigUInt64BE(BigInt(serviceActionKey), 8);
  return list;
}
const BUSY = 0x08;
const TASK_SET_FULL = 0x28;

t.test('a cached read is answered before submit returns', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  const task = a.start(READ);
  t.ok(task.finished);
  t.equal(rig.clock.pending, 0);
  t.equal(a.owner.responded.at(-1), task);
});

t.test('TASK SET FULL, or BUSY for who has no task there', async (t) => {
  const rig = new Rig({ limits: { port: 100, unit: 3 } });
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  rig.layer.held = [];
  for (let i = 0; i < 3; i++) t.notOk(a.start(READ).finished);
  t.equal(a.start(READ).status, TASK_SET_FULL);
  t.equal(b.start(READ).status, BUSY);
  rig.layer.complete();
  t.notOk(b.start(READ).finished, 'there is room again');
});

t.test('a full queue does not keep its host from being fenced off', async (t) => {
  const rig = new Rig({ limits: { port: 100, unit: 3 } });
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  const register = (host: typeof a, key: number) => host.run(prOut(0x06, 24), prList(0, key));
  t.equal(register(a, 1).status, 0);
  t.equal(register(b, 2).status, 0);
  a.owner.withheld = [];
  const stuck = [0, 1, 2].map((lba) => a.start(Buffer.from([0x2a, 0, 0, 0, 0, lba, 0, 0, 1, 0]), Buffer.alloc(512)));
  t.equal(b.start(READ).status, BUSY);
  t.equal(b.run(prOut(0x05, 24), prList(2, 1)).status, 0, 'PREEMPT AND ABORT');
  t.ok(stuck.every((task) => task.finished));
  t.equal(rig.adapters[0]!.stats().depth, 0);
  // There is an end to it, too.
  b.owner.withheld = [];
  const queued = Array.from({ length: 30 }, () => b.start(prOut(0x06, 24), prList(0, 3)));
  t.equal(queued.filter((task) => task.status === TASK_SET_FULL).length, 30 - 3 - 16);
});

t.test('the limit of a port', async (t) => {
  const rig = new Rig({ limits: { port: 2, unit: 100 } });
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  rig.layer.held = [];
  a.start(READ);
  a.start(READ);
  t.equal(a.start(READ).status, TASK_SET_FULL);
  t.notOk(b.start(READ).finished, 'the other port has its own');
  rig.layer.complete();
  t.equal(rig.adapters[0]!.stats().depth, 0);
});

t.test('a session begins with a unit attention: reset at first, I_T nexus loss later', async (t) => {
  const rig = new Rig({
    luns: [
      [0, 0],
      [1, 1],
    ],
  });
  const first = rig.host('a', { greeted: false });
  t.same(first.attentions(0), ['power-on-or-reset']);
  t.same(first.attentions(1), ['power-on-or-reset']);
  first.logout();
  const second = rig.host('a', { greeted: false });
  t.same(second.attentions(0), ['nexus-loss']);
  second.logout();
  t.same(rig.host('a', { greeted: false, isid: '00023d000002' }).attentions(), ['power-on-or-reset'], 'another port');
  t.same(rig.host('a', { greeted: false, port: 1 }).attentions(), ['power-on-or-reset'], 'another target port');
});

t.test('the newest initiator ports are remembered, however many come', async (t) => {
  const rig = new Rig();
  const login = (name: string) => {
    const host = rig.host(name, { greeted: false });
    const [condition] = host.attentions();
    host.logout();
    return condition;
  };
  login('first');
  for (let i = 0; i < 4095; i++) rig.host(`n${i}`).logout();
  t.equal(login('first'), 'nexus-loss');
  for (let i = 0; i < 4096; i++) rig.host(`m${i}`).logout();
  t.equal(login('first'), 'power-on-or-reset', 'forgotten');
});

t.test('loss of a nexus ends its tasks silently', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  rig.layer.held = [];
  const mine = a.start(READ);
  const other = b.start(READ);
  a.logout();
  a.logout();
  rig.layer.complete();
  t.same(a.owner.droppedTasks, [mine]);
  t.ok(b.owner.responded.includes(other));
  other.release();
  t.equal(rig.layer.pinned, 0);
  t.same(b.attentions(), []);
  t.equal(rig.adapters[0]!.stats().nexuses, 1);
});

t.test('changes of capacity and LUN maps are told', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  const ldev = { ...rig.ldevs.get(0)!, blocks: 2048 };
  rig.ldevs.set(0, ldev);
  rig.events.emit('capacity-changed', ldev);
  t.same(a.attentions(), ['capacity-changed']);
  t.same(b.attentions(), ['capacity-changed']);
  (rig.groups[0]!.luns as Map<number, number>).set(3, 1);
  rig.events.emit('luns-changed', rig.groups[0]);
  t.same(a.attentions(), ['luns-changed']);
  t.same(b.attentions(), []);
  t.same(a.attentions(3), ['luns-changed'], 'the new one is there');
  (rig.groups[0]!.luns as Map<number, number>).delete(3);
  t.match(a.run([0, 0, 0, 0, 0, 0], null, { lun: 3 }).sense, { name: 'lun-not-supported' });
});

t.test('counters', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  const { adapter } = a;
  const before = adapter.stats();
  rig.layer.held = [];
  a.start(Buffer.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0]), Buffer.alloc(1024));
  a.start(READ);
  rig.clock.advance(2);
  rig.layer.complete();
  rig.clock.advance(1);
  rig.layer.complete();
  a.run([0xff], null);
  const after = adapter.stats();
  t.equal(after.arrivals - before.arrivals, 3);
  t.equal(after.completed - before.completed, 3);
  t.equal(after.maxDepth, 2);
  t.equal(after.depth, 0);
  t.equal(after.bytesOut - before.bytesOut, 1024);
  t.equal(after.bytesIn - before.bytesIn, 512);
  t.equal(after.waitNs - before.waitNs, 2e6, 'the read waited for the write');
  t.equal(after.serviceNs - before.serviceNs, 3e6);
  t.equal(after.byStatus.checkCondition! - before.byStatus.checkCondition!, 1);
});

for (const [what, attribute, count] of [
  ['an ordered one', TaskAttribute.ordered, 1],
  ['as many as there may be', TaskAttribute.simple, 256],
] as const) {
  t.test(`unknown commands with immediate data stand in nobody's way: ${what}`, async (t) => {
    const rig = new Rig();
    const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
    a.attentions();
    b.attentions();
    for (let tag = 0; tag < count; tag++) {
      const cdb = Buffer.alloc(16);
      cdb[0] = 0xff;
      const task = new Task(a.owner, a.nexus, encodeLun(0), cdb, tag, attribute, 512, 0);
      task.dataOut.push(Buffer.alloc(512));
      task.dataOutLength = 512;
      a.adapter.submit(task);
      t.match(task.sense, { asc: 0x2000 });
    }
    t.equal(b.run(READ).status, 0);
    const reset = b.manage('logical-unit-reset');
    rig.clock.settle();
    t.not(reset.outcome, null);
  });
}
