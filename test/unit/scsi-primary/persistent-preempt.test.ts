/** PREEMPT, PREEMPT AND ABORT, REGISTER AND MOVE. */
import t from 'tap';
import { access, CONFLICT, fullStatus, keys, move, out, outBytes, READ, reservation, Type } from './persistent-rig.js';
import { inCdb, inList, Rig } from './rig.js';

const OK = 0;
const PREVENT = [0x1e, 0, 0, 0, 1, 0];

/** Hosts a, b, c registered under 1, 2, 3; d is not. */
function cluster(type: number | null, third = 3) {
  const rig = new Rig();
  const [a, b, c, d] = [rig.host('a'), rig.host('b'), rig.host('c'), rig.host('d')];
  out(a, 'register', { action: 1 });
  out(b, 'register', { action: 2 });
  out(c, 'register', { action: third });
  if (type !== null) out(a, 'reserve', { key: 1, type });
  return { rig, a, b, c, d };
}

t.test('the holder is preempted', async (t) => {
  const { a, b, c, d } = cluster(Type.ea);
  t.equal(out(d, 'preempt', { action: 1, type: Type.ea }).status, CONFLICT, 'not registered');
  t.equal(out(b, 'preempt', { key: 2, action: 1, type: Type.ea }).status, OK);
  t.same(reservation(d), { key: 2, type: Type.ea });
  t.same(keys(d), { generation: 4, keys: [2, 3] });
  t.same(a.attentions(), ['registrations-preempted']);
  t.same(b.attentions(), []);
  t.same(c.attentions(), [], 'same type: nothing lost');
});

t.test('a change of type is told to the other registrants', async (t) => {
  const { a, b, c } = cluster(Type.wero);
  t.equal(out(b, 'preempt', { key: 2, action: 1, type: Type.ea }).status, OK);
  t.same(a.attentions(), ['registrations-preempted']);
  t.same(c.attentions(), ['reservations-released']);
});

t.test('a registration is preempted, the reservation stays', async (t) => {
  const { a, b, c, d } = cluster(Type.wero);
  t.equal(out(b, 'preempt', { key: 2, action: 3, type: Type.ea }).status, OK);
  t.same(reservation(d), { key: 1, type: Type.wero });
  t.same(keys(d), { generation: 4, keys: [1, 2] });
  t.same(
    [a, b, c].map((host) => host.attentions()),
    [[], [], ['registrations-preempted']],
  );
});

t.test('one key of several nexuses: all of them go, but for the preempting one', async (t) => {
  const { b, c, d } = cluster(Type.ea, 1);
  t.equal(out(c, 'preempt', { key: 1, action: 1, type: Type.we }).status, OK);
  t.same(reservation(d), { key: 1, type: Type.we });
  t.same(keys(d).keys, [2, 1]);
  t.same(b.attentions(), ['reservations-released']);
});

t.test('keys that are not there, and zero', async (t) => {
  const { b, d } = cluster(Type.ea);
  t.equal(out(b, 'preempt', { key: 2, action: 9, type: Type.ea }).status, CONFLICT);
  t.equal(out(b, 'preempt', { key: 9, action: 1, type: Type.ea }).status, CONFLICT);
  t.match(out(b, 'preempt', { key: 2, action: 0, type: Type.ea }).sense, inList(8));
  t.same(keys(d), { generation: 3, keys: [1, 2, 3] });
});

t.test('nothing reserved: registrations go, nothing gets reserved', async (t) => {
  const { a, b, d } = cluster(null);
  t.equal(out(b, 'preempt', { key: 2, action: 1, type: Type.ea }).status, OK);
  t.equal(reservation(d), null);
  t.same(keys(d).keys, [2, 3]);
  t.same(a.attentions(), ['registrations-preempted']);
});

t.test('all registrants: key zero takes the reservation from everybody', async (t) => {
  const { a, b, c, d } = cluster(Type.eaar);
  t.equal(out(b, 'preempt', { key: 2, action: 0, type: Type.we }).status, OK);
  t.same(reservation(d), { key: 2, type: Type.we });
  t.same(keys(d).keys, [2]);
  t.same(
    [a, b, c].map((host) => host.attentions()),
    [['registrations-preempted'], [], ['registrations-preempted']],
  );
});

t.test('all registrants: a key takes its registrations only', async (t) => {
  const { b, d } = cluster(Type.eaar);
  t.equal(out(b, 'preempt', { key: 2, action: 1, type: Type.we }).status, OK);
  t.same(reservation(d), { key: 0, type: Type.eaar });
  t.same(keys(d).keys, [2, 3]);
});

t.test('PREEMPT AND ABORT: tasks of the preempted nexus end, those of others do not', async (t) => {
  const { rig, a, b, c } = cluster(Type.wero);
  rig.layer.held = [];
  const victim = a.start(Buffer.from(READ));
  const bystander = c.start(Buffer.from(READ));
  const { cdb, list } = outBytes('preemptAndAbort', { key: 2, action: 1, type: Type.ea });
  const preempt = b.start(cdb, list);
  t.notOk(preempt.finished, 'waits until the aborted read can do no more');
  t.ok(victim.aborted);
  rig.layer.complete();
  t.equal(preempt.status, OK);
  t.ok(preempt.finished);
  t.same(a.owner.droppedTasks, [victim], 'no response');
  t.equal(bystander.status, OK);
  t.ok(c.owner.responded.includes(bystander));
  bystander.release();
  t.equal(rig.layer.pinned, 0, "the aborted read's data went back");
  t.same(a.attentions(), ['registrations-preempted', 'commands-cleared']);
});

t.test('PREEMPT AND ABORT does not wait for a host that withholds data', async (t) => {
  const { a, b, d } = cluster(Type.wero);
  a.owner.withheld = [];
  const victim = a.start(Buffer.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Buffer.alloc(512));
  t.notOk(victim.finished);
  t.equal(out(b, 'preemptAndAbort', { key: 2, action: 1, type: Type.ea }).status, OK);
  t.same(a.owner.droppedTasks, [victim]);
  t.same(access(d), { read: CONFLICT, write: CONFLICT });
});

t.test('PREEMPT AND ABORT with TAS: TASK ABORTED, no unit attention for it', async (t) => {
  const { rig, a, b } = cluster(Type.wero);
  const control = Buffer.from([0, 0, 0, 0, 0x0a, 10, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 1]);
  t.equal(b.run([0x15, 0x10, 0, 0, control.length, 0], control).status, OK);
  a.attentions();
  rig.layer.held = [];
  const victim = a.start(Buffer.from(READ));
  const { cdb, list } = outBytes('preemptAndAbort', { key: 2, action: 1, type: Type.ea });
  b.start(cdb, list);
  rig.layer.complete();
  t.equal(victim.status, 0x40);
  t.ok(a.owner.responded.includes(victim));
  t.equal(rig.layer.pinned, 0);
  t.same(a.attentions(), ['registrations-preempted']);
});

for (const tasks of [0, 1]) {
  t.test(`PREEMPT AND ABORT ends what preempted nexuses prevent, ${tasks} tasks to abort`, async (t) => {
    const rig = new Rig({ removable: true });
    const [a, b, c] = [rig.host('a'), rig.host('b'), rig.host('c')];
    out(a, 'register', { action: 1 });
    out(b, 'register', { action: 2 });
    out(c, 'register', { action: 3 });
    const medium = rig.unit.medium!;
    t.equal(a.run(PREVENT).status, OK);
    t.equal(c.run(PREVENT).status, OK);
    t.equal(out(b, 'preempt', { key: 2, action: 1, type: Type.ea }).status, OK);
    t.ok(medium.prevents(a.nexus), 'PREEMPT does not');
    a.attentions();
    t.equal(out(a, 'register', { action: 1 }).status, OK);
    rig.layer.held = [];
    for (let i = 0; i < tasks; i++) a.start(Buffer.from(READ));
    const { cdb, list } = outBytes('preemptAndAbort', { key: 2, action: 1, type: Type.ea });
    const preempt = b.start(cdb, list);
    rig.layer.complete();
    t.equal(preempt.status, OK);
    t.notOk(medium.prevents(a.nexus));
    t.ok(medium.prevents(c.nexus), 'not preempted');
  });
}

t.test('REGISTER AND MOVE', async (t) => {
  const { rig, a, b, d } = cluster(Type.we);
  const path = rig.host('e', { port: 1 });
  const to = path.nexus.initiatorPort;
  t.equal(move(b, { key: 2, action: 7, port: 2, to }).status, CONFLICT, 'not the holder');
  t.equal(move(a, { key: 9, action: 7, port: 2, to }).status, CONFLICT, 'wrong key');
  t.match(move(a, { key: 1, action: 0, port: 2, to }).sense, inList(8));
  t.match(move(a, { key: 1, action: 7, port: 3, to }).sense, inList(18), 'no such port');
  t.match(move(a, { key: 1, action: 7, port: 1, to: a.nexus.initiatorPort }).sense, inList(24), 'to itself');
  t.match(move(a, { key: 1, action: 7, port: 2, to: 'iqn.2000-01.test:e' }).sense, inList(24), 'no initiator port');
  t.equal(move(a, { key: 1, action: 7, port: 2, to }).status, OK);
  t.same(reservation(d), { key: 7, type: Type.we });
  t.same(keys(d), { generation: 4, keys: [1, 2, 3, 7] });
  t.same(access(path), { read: OK, write: OK });
  t.equal(access(a).write, CONFLICT);
  t.equal(move(path, { key: 7, action: 8, flags: 0x02, port: 1, to: b.nexus.initiatorPort }).status, OK, 'UNREG');
  t.same(keys(d).keys, [1, 8, 3]);
  t.same(
    fullStatus(d).map(({ holder }) => holder),
    [false, true, false],
  );
});

t.test('REGISTER AND MOVE where there is nothing to move', async (t) => {
  const free = cluster(null);
  const to = free.b.nexus.initiatorPort;
  t.match(move(free.a, { key: 1, action: 7, port: 1, to }).sense, inCdb(1, 4));
  const all = cluster(Type.wear);
  t.equal(move(all.a, { key: 1, action: 7, port: 1, to }).status, CONFLICT);
});
