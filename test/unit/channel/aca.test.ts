/** The ACA condition (SAM-6 5.9): what begins it, who may send what meanwhile, what ends it. */
import t from 'tap';
import { TaskAttribute } from '../../../target/scsi/task.js';
import { inCdb, Rig } from '../scsi-primary/rig.js';
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

const { ordered, headOfQueue, untagged } = TaskAttribute;
const TASK_SET_FULL = 0x28;

t.test('NACA alone does nothing', async (t) => {
  const { a, b } = twoHosts();
  t.equal(a.run(naca(READ)).status, GOOD);
  t.equal(a.run(READ).status, GOOD);
  t.equal(b.run(READ).status, GOOD);
  t.equal(a.run(BAD_READ).status, CHECK_CONDITION);
  t.equal(a.run(READ).status, GOOD, 'CHECK CONDITION without NACA');
});

t.test('each nexus is refused as SAM has it, and nothing is done', async (t) => {
  const { rig, a, b } = twoHosts();
  const c = rig.host('c');
  fault(a);
  for (const attribute of [untagged, TaskAttribute.simple, ordered, headOfQueue]) {
    t.equal(a.run(READ, null, { attribute }).status, ACA_ACTIVE, `faulted nexus, attribute ${attribute}`);
    t.equal(b.run(READ, null, { attribute }).status, BUSY, `another one, attribute ${attribute}`);
    t.equal(b.run(naca(READ), null, { attribute }).status, ACA_ACTIVE, `another one with NACA, attribute ${attribute}`);
  }
  t.equal(b.run(READ, null, ACA).status, ACA_ACTIVE, 'the ACA attribute is not for others');
  t.equal(c.run([0x12, 0, 0, 0, 96, 0]).status, BUSY, 'INQUIRY too, on the same port');
  const before = rig.layer.calls.length;
  t.equal(b.run(WRITE, block).status, BUSY);
  t.equal(rig.layer.calls.length, before);
});

t.test('the faulted nexus recovers by commands with the ACA attribute, one at a time', async (t) => {
  const { rig, a } = twoHosts();
  fault(a);
  t.equal(a.run(READY, null, ACA).status, GOOD);
  rig.layer.held = [];
  const first = a.start(READ, null, ACA);
  t.equal(a.run(READY, null, ACA).status, ACA_ACTIVE, 'a second one');
  rig.layer.complete();
  t.equal(first.status, GOOD);
  t.equal(a.run(READY, null, ACA).status, GOOD);
  t.equal(a.run(READ).status, ACA_ACTIVE, 'the condition stays');
});

t.test('other logical units know nothing of it', async (t) => {
  const rig = new Rig({
    luns: [
      [0, 0],
      [1, 1],
    ],
  });
  const a = rig.host('a');
  fault(a);
  t.equal(a.run(READ, null, { lun: 1 }).status, GOOD);
  t.equal(a.run(READ).status, ACA_ACTIVE);
});

t.test('a unit attention with NACA is a fault like any other', async (t) => {
  const rig = new Rig();
  const a = rig.host('a', { greeted: false });
  t.match(a.run(naca(READY)).sense, { name: 'power-on-or-reset' });
  t.equal(a.run(READY).status, ACA_ACTIVE);
  t.equal(a.run(READY, null, ACA).status, GOOD, 'the unit attention has been told');
});

t.test('unknown commands are faults where their CONTROL byte is known', async (t) => {
  const { a } = twoHosts();
  a.run(Buffer.from([0xc9, 4, 4, 4, 4, 4, 4, 4, 4, 4]));
  t.equal(a.run(READY).status, GOOD, 'a vendor specific operation code');
  t.equal(a.run(naca(Buffer.from([0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 0]))).status, CHECK_CONDITION);
  t.equal(a.run(READY).status, ACA_ACTIVE);
});

t.test('the ACA attribute without an ACA condition', async (t) => {
  const { rig, a } = twoHosts();
  t.match(a.run(READY, null, ACA).sense, { name: 'invalid-message', key: 5, asc: 0x4900 });
  t.equal(a.run(READY).status, GOOD);
  const failed = a.run(WRITE, block, ACA);
  t.match(failed.sense, { name: 'invalid-message' });
  t.notOk(rig.layer.calls.some((call) => call.startsWith('write')));
  t.match(a.run(naca(READY), null, ACA).sense, { name: 'invalid-message' });
  t.equal(a.run(READY).status, ACA_ACTIVE, 'with NACA it begins one');
});

t.test('CHECK CONDITION of a command with the ACA attribute ends the condition, or begins the next', async (t) => {
  const { a, b } = twoHosts();
  fault(a);
  t.equal(a.run(naca(BAD_READ), null, ACA).status, CHECK_CONDITION);
  t.equal(a.run(READ).status, ACA_ACTIVE, 'with NACA the next');
  t.equal(a.run(BAD_READ, null, ACA).status, CHECK_CONDITION);
  t.equal(a.run(READ).status, GOOD);
  t.equal(b.run(READ).status, GOOD);
});

t.test('other statuses of such commands do not', async (t) => {
  const { a, b } = twoHosts();
  t.equal(b.run([0x16, 0, 0, 0, 0, 0]).status, GOOD, 'RESERVE');
  t.equal(a.run(naca(Buffer.from([0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 0]))).status, CHECK_CONDITION);
  t.equal(a.run(READ, null, ACA).status, 0x18, 'RESERVATION CONFLICT');
  t.equal(a.run(READ).status, ACA_ACTIVE);
});

t.test('CLEAR ACA: of the faulted nexus only', async (t) => {
  const { a, b } = twoHosts();
  t.equal(a.manage('clear-aca').outcome, 'complete', 'there is none');
  fault(a);
  t.equal(b.manage('clear-aca').outcome, 'rejected');
  t.equal(a.run(READ).status, ACA_ACTIVE);
  t.equal(a.manage('clear-aca', { lun: 7 }).outcome, 'lun-not-found');
  t.equal(a.manage('clear-aca').outcome, 'complete');
  t.equal(a.run(READ).status, GOOD);
  t.equal(b.run(READ).status, GOOD);
});

for (const [what, end] of [
  ['its logout', ({ a }) => a.logout()],
  ['LOGICAL UNIT RESET by another host', ({ b }) => void b.manage('logical-unit-reset')],
  ['TARGET WARM RESET', ({ b }) => void b.manage('target-warm-reset')],
  ['TARGET COLD RESET', ({ b }) => void b.manage('target-cold-reset')],
  ['its I_T NEXUS RESET', ({ a }) => void a.manage('i-t-nexus-reset')],
] as readonly (readonly [string, (hosts: ReturnType<typeof twoHosts>) => void])[]) {
  t.test(`${what} ends the condition`, async (t) => {
    const hosts = twoHosts();
    fault(hosts.a);
    t.equal(hosts.b.run(READ).status, BUSY);
    end(hosts);
    hosts.b.attentions();
    t.equal(hosts.b.run(READ).status, GOOD);
  });
}

t.test('what does not end it: functions about tasks, and the loss of other nexuses', async (t) => {
  const { a, b } = twoHosts();
  fault(a);
  a.manage('abort-task-set');
  a.manage('clear-task-set');
  b.manage('clear-task-set');
  b.manage('i-t-nexus-reset');
  b.logout();
  t.equal(a.run(READ).status, ACA_ACTIVE);
});

t.test('the way to the logical unit is gone: nobody could end it', async (t) => {
  const { rig, a, b } = twoHosts();
  fault(a);
  (rig.groups[0]!.luns as Map<number, number>).delete(0);
  rig.events.emit('luns-changed', rig.groups[0]);
  t.equal(b.run(READ).status, GOOD);
});

t.test('TMF_ONLY: no commands of the faulted nexus at all', async (t) => {
  const { a } = twoHosts({ functionsOnly: true });
  fault(a);
  t.equal(a.run(READY, null, ACA).status, ACA_ACTIVE);
  t.equal(a.manage('clear-aca').outcome, 'complete');
  t.equal(a.run(READY).status, GOOD);
});

t.test('a full queue does not keep the faulted nexus from recovering', async (t) => {
  const { rig, a, b } = twoHosts({}, { limits: { port: 100, unit: 3 } });
  rig.layer.held = [];
  for (let i = 0; i < 2; i++) b.start(READ);
  a.start(naca(BAD_READ));
  b.owner.withheld = [];
  t.equal(b.start(READ).status, BUSY);
  const third = a.start(READY, null, ACA);
  t.equal(third.status, GOOD);
  rig.layer.complete();
  a.manage('clear-aca');
});

t.test('where there is no logical unit there is no ACA condition, and NACA is refused', async (t) => {
  const { a } = twoHosts();
  t.equal(a.run([0x12, 0, 0, 0, 96, 0], null, { lun: 9 }).data[3]! & 0x20, 0, 'NORMACA');
  t.match(a.run([0x12, 0, 0, 0, 96, 4], null, { lun: 9 }).sense, inCdb(5, 2));
  t.match(a.run(naca(READ), null, { lun: 9 }).sense, { name: 'lun-not-supported' });
  t.equal(a.run(READ).status, GOOD);
});

t.test('what a condition blocks takes no place of other logical units', async (t) => {
  const luns = [0, 1].map((id) => [id, id] as const);
  const rig = new Rig({ luns, limits: { port: 4, unit: 8 } });
  const [a, b] = [rig.host('a'), rig.host('b')];
  rig.layer.held = [];
  for (let i = 0; i < 3; i++) a.start(WRITE, block);
  fault(a);
  rig.layer.complete();
  const others = [0, 1, 2, 3, 4].map(() => b.start(READ, null, { lun: 1 }));
  t.same(
    others.map(({ finished }) => finished),
    [false, false, false, false, true],
    'the limit of the port holds for those',
  );
  t.equal(others[4]!.status, TASK_SET_FULL);
  rig.layer.complete();
  a.manage('clear-aca');
});
