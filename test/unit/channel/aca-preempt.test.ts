/** PREEMPT AND ABORT during an ACA condition (SPC-5 5.14.11.2.6, SAM-6 5.9.4): fencing off a host that does not clear it. */
import t from 'tap';
import { reservationsOf } from '../../../target/scsi/reservations.js';
import { TaskAttribute } from '../../../target/scsi/task.js';
import { CONFLICT, out, outBytes, Type } from '../scsi-primary/persistent-rig.js';
import { ACA, ACA_ACTIVE, BAD_READ, BUSY, block, fault, GOOD, naca, READ, twoHosts, WRITE } from './aca-rig.js';

/** Of a vital product data page that there is not. */
const INQUIRY_PAGE = Buffer.from([0x12, 1, 0xff, 0, 96, 0]);

/** Hosts a, b and c are registered under the keys 1, 2 and 3. */
function registered() {
  const { rig, a, b } = twoHosts();
  const c = rig.host('c');
  for (const [i, host] of [a, b, c].entries()) out(host, 'registerAndIgnore', { action: i + 1 });
  return { rig, a, b, c };
}

t.test('it ends the condition of the nexus that it preempts, and its tasks', async (t) => {
  const { rig, a, b, c } = registered();
  rig.layer.held = [];
  const blocked = a.start(WRITE, block);
  const waiting = a.start(WRITE, block);
  fault(a);
  rig.layer.complete();
  t.equal(out(b, 'preemptAndAbort', { key: 2, action: 1, type: Type.we }).status, GOOD);
  t.ok(blocked.aborted && blocked.finished);
  t.ok(waiting.aborted && waiting.finished);
  t.notOk(a.owner.responded.includes(blocked));
  t.match(c.start(READ).status, GOOD);
  t.same(a.attentions(), ['registrations-preempted', 'commands-cleared']);
});

t.test('one that names another nexus is refused as any command is, and changes nothing', async (t) => {
  const { rig, a, b } = registered();
  fault(a);
  const before = reservationsOf(rig.unit).persistent;
  t.equal(out(b, 'preemptAndAbort', { key: 2, action: 3, type: Type.we }).status, BUSY);
  const { cdb, list } = outBytes('preemptAndAbort', { key: 2, action: 3, type: Type.we });
  t.equal(b.run(naca(cdb), list).status, ACA_ACTIVE);
  t.equal(reservationsOf(rig.unit).persistent, before);
  t.equal(out(b, 'preemptAndAbort', { key: 2, action: 9, type: Type.we }).status, CONFLICT, 'nobody has the key');
  t.equal(a.run(READ).status, ACA_ACTIVE);
});

t.test('PREEMPT, and other attributes, have no such right', async (t) => {
  const { a, b } = registered();
  fault(a);
  t.equal(out(b, 'preempt', { key: 2, action: 1, type: Type.we }).status, BUSY);
  const { cdb, list } = outBytes('preemptAndAbort', { key: 2, action: 1, type: Type.we });
  t.equal(b.run(cdb, list, ACA).status, ACA_ACTIVE);
  t.equal(a.run(cdb, list).status, ACA_ACTIVE, 'of the faulted nexus itself');
});

t.test('the faulted nexus preempts another one, and keeps its condition; or itself, and does not', async (t) => {
  const { a, b } = registered();
  fault(a);
  const other = outBytes('preemptAndAbort', { key: 1, action: 2, type: Type.we });
  t.equal(a.run(other.cdb, other.list, ACA).status, GOOD);
  t.equal(a.run(READ).status, ACA_ACTIVE);
  const own = outBytes('preemptAndAbort', { key: 1, action: 1, type: Type.we });
  t.equal(a.run(own.cdb, own.list, ACA).status, GOOD);
  t.equal(a.run(READ).status, GOOD);
  t.same(b.attentions(), ['registrations-preempted']);
});

t.test('with all registrants: key 0 ends any condition, another key those of its nexuses', async (t) => {
  const { rig, a, b } = registered();
  t.equal(out(b, 'reserve', { key: 2, type: Type.eaar }).status, GOOD);
  fault(a);
  t.equal(out(b, 'preemptAndAbort', { key: 2, action: 3, type: Type.eaar }).status, GOOD, 'one that names c');
  t.equal(a.run(READ).status, ACA_ACTIVE, 'the condition of a stays');
  t.equal(out(b, 'preemptAndAbort', { key: 2, action: 0, type: Type.eaar }).status, GOOD);
  t.equal(rig.adapters[0]!.stats().depth, 0);
  a.attentions();
  t.equal(a.run(READ).status, CONFLICT);
});

t.test('with all registrants, key 0 ends that of a nexus without a registration too', async (t) => {
  const { rig, a, b } = twoHosts();
  out(b, 'registerAndIgnore', { action: 2 });
  t.equal(out(b, 'reserve', { key: 2, type: Type.wear }).status, GOOD);
  fault(a);
  t.equal(b.run(READ).status, BUSY);
  t.equal(out(b, 'preemptAndAbort', { key: 2, action: 0, type: Type.wear }).status, GOOD);
  t.equal(b.run(READ).status, GOOD);
  t.equal(rig.adapters[1]!.stats().depth, 0);
});

t.test('it waits for nothing that the condition keeps waiting', async (t) => {
  const { rig, a, b, c } = registered();
  rig.layer.held = [];
  c.start(READ);
  const last = c.start(WRITE, block, { attribute: TaskAttribute.ordered });
  a.start(naca(BAD_READ), null, { attribute: TaskAttribute.headOfQueue });
  t.equal(
    out(b, 'preemptAndAbort', { key: 2, action: 1, type: Type.we }).status,
    GOOD,
    'an ordered command stands before it',
  );
  rig.layer.complete();
  rig.layer.complete();
  t.equal(last.status, GOOD);
});

t.test('one that waits for what it aborts is answered, whatever condition begins meanwhile', async (t) => {
  const { rig, a, b } = registered();
  rig.layer.held = [];
  a.start(WRITE, block);
  const { cdb, list } = outBytes('preemptAndAbort', { key: 2, action: 1, type: Type.we });
  const fence = b.start(cdb, list);
  a.start(naca(INQUIRY_PAGE));
  t.equal(a.start(INQUIRY_PAGE).status, ACA_ACTIVE);
  t.notOk(fence.finished, 'the write is still being carried out');
  rig.layer.complete();
  t.equal(fence.status, GOOD);
  t.ok(b.owner.responded.includes(fence));
});
