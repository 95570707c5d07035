/** REPORT and SET TARGET PORT GROUPS, and what each asymmetric access state lets pass. */
import t from 'tap';
import { Status } from '../../../target/scsi/task.js';
import { AccessState } from '../../../wire/scsi/target-port-groups.js';
import { resultOf } from '../scsi-block/harness.js';
import { inCdb, inList, Rig } from './rig.js';

const { activeOptimized, activeNonOptimized, standby, unavailable, offline, transitioning } = AccessState;

const rtpg = (format = 0, allocation = 256) => {
  const cdb = Buffer.from([0xa3, (format << 5) | 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt32BE(allocation, 6);
  return cdb;
};
const stpg = (bytes: number) => {
  const cdb = Buffer.from([0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt32BE(bytes, 6);
  return cdb;
};
/** State and group of each descriptor. */
const list = (...changes: readonly (readonly [number, number])[]) =>
  Buffer.concat([
    Buffer.alloc(4),
    ...changes.map(([state, group]) => Buffer.from([state, 0, group >> 8, group & 0xff])),
  ]);
const tur = [0, 0, 0, 0, 0, 0];
const read = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const twoGroups = () => new Rig({ portGroups: [1, 2] });
/** State and status of each group, as reported. */
const states = (data: Buffer) => {
  const found: number[][] = [];
  for (let at = 4; at < data.length; at += 8 + 4 * data[at + 7]!) {
    found.push([data.readUInt16BE(at + 2), data[at]!, data[at + 5]!]);
  }
  return found;
};

t.test('report: one group of both ports, and each in its own', async (t) => {
  const host = new Rig().host('a');
  const group = [0x00, 0xcf, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
  t.same([...host.run(rtpg(0)).data], [0, 0, 0, 16, ...group]);
  t.same([...host.run(rtpg(1)).data], [0, 0, 0, 20, 0x10, 60, 0, 0, ...group], 'extended header');
  t.match(host.run(rtpg(2)).sense, inCdb(1, 7));
  t.equal(host.run(rtpg(0, 6)).data.length, 6, 'cut to the allocation length');
  t.equal(host.run(rtpg(0, 0)).data.length, 0);
  t.match(host.run([0xa3, 0x0a, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0]).sense, inCdb(3, 0));
  const apart = twoGroups().host('a').run(rtpg());
  t.same(states(apart.data), [
    [1, activeOptimized, 0],
    [2, activeOptimized, 0],
  ]);
});

t.test('set: states change, others are told, the asking nexus is not', async (t) => {
  const rig = twoGroups();
  const one = rig.host('a');
  const other = rig.host('a', { port: 1 });
  const data = list([activeNonOptimized, 1], [standby, 2]);
  const result = one.run(stpg(12), data);
  t.equal(result.status, Status.good);
  t.equal(result.wanted, 12);
  t.same(states(one.run(rtpg()).data), [
    [1, activeNonOptimized, 1],
    [2, standby, 1],
  ]);
  t.same(one.attentions(), []);
  t.same(other.attentions(), ['access-state-changed']);
  one.run(stpg(12), data);
  t.same(other.attentions(), [], 'nothing changed, nothing told');
  t.equal(one.run(read).status, Status.good, 'active/non-optimized reads');
});

t.test('set: refusals', async (t) => {
  const rig = twoGroups();
  const host = rig.host('a');
  t.equal(host.run(stpg(0)).status, Status.good, 'nothing to do');
  t.equal(host.run(stpg(4), list()).status, Status.good, 'no descriptors');
  t.match(host.run(stpg(3), Buffer.alloc(3)).sense, { name: 'parameter-list-length' });
  t.match(host.run(stpg(10), Buffer.alloc(10)).sense, { name: 'parameter-list-length' }, 'a descriptor cut off');
  t.match(host.run(stpg(12), list([standby, 1])).sense, { name: 'parameter-list-length' }, 'less came than was told');
  t.match(host.run(stpg(4097), Buffer.alloc(4097)).sense, { name: 'parameter-list-length' }, 'too long');
  t.match(host.run(stpg(8), list([4, 1])).sense, inList(4, 3), 'logical block dependent');
  t.match(host.run(stpg(8), list([offline, 1])).sense, inList(4, 3), 'offline');
  t.match(host.run(stpg(8), list([transitioning, 1])).sense, inList(4, 3), 'transitioning');
  t.match(host.run(stpg(12), list([standby, 2], [standby, 3])).sense, inList(10), 'unknown group');
  t.match(host.run(stpg(12), list([standby, 2], [unavailable, 2])).sense, inList(10), 'twice');
  t.match(host.run([0xa4, 0x0a, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]).sense, inCdb(4, 7));
  t.same(
    states(host.run(rtpg()).data).map(([, state]) => state),
    [activeOptimized, activeOptimized],
    'a list is taken over as a whole or not at all',
  );
  host.run([0x16, 0, 0, 0, 0, 0]);
  t.equal(rig.host('b').run(stpg(8), list([standby, 1])).status, Status.reservationConflict);
});

/** Commands by the states in which they work, with parameters that would make them end with GOOD. */
const always: Readonly<Record<string, readonly number[]>> = {
  INQUIRY: [0x12, 0, 0, 0, 96, 0],
  'REPORT LUNS': [0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
  'WRITE BUFFER': [0x3b, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0],
  'READ BUFFER': [0x3c, 0x0a, 0, 0, 0, 0, 0, 0, 4, 0],
  'REQUEST SENSE': [0x03, 0, 0, 0, 18, 0],
  'REPORT TARGET PORT GROUPS': [...rtpg()],
  'SET TARGET PORT GROUPS': [...stpg(0)],
};
const inStandby: Readonly<Record<string, readonly number[]>> = {
  'MODE SENSE': [0x1a, 0, 0x0a, 0, 64, 0],
  'MODE SELECT': [0x15, 0x10, 0, 0, 0, 0],
  'LOG SENSE': [0x4d, 0, 0x40, 0, 0, 0, 0, 0, 64, 0],
  'SEND DIAGNOSTIC': [0x1d, 0x04, 0, 0, 0, 0],
  'RECEIVE DIAGNOSTIC RESULTS': [0x1c, 1, 0, 0, 64, 0],
  'PERSISTENT RESERVE IN': [0x5e, 0, 0, 0, 0, 0, 0, 0, 64, 0],
};
const whenActive: Readonly<Record<string, readonly number[]>> = {
  'TEST UNIT READY': tur,
  READ: read,
  'READ CAPACITY': [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0],
};

const matrix = [
  { state: activeNonOptimized, refuses: [], sense: null },
  { state: standby, refuses: [whenActive], sense: 0x040b },
  { state: unavailable, refuses: [whenActive, inStandby], sense: 0x040c },
  { state: offline, refuses: [whenActive, inStandby], sense: 0x0412 },
  { state: transitioning, refuses: [whenActive, inStandby], sense: 0x040a },
] as const;

t.test('each state: what works, and the sense of what does not', async (t) => {
  for (const { state, refuses, sense } of matrix) {
    const rig = twoGroups();
    const host = rig.host('a');
    const other = rig.host('a', { port: 1 });
    rig.units.setAccessState(1, state);
    host.attentions();
    other.attentions();
    for (const commands of [always, inStandby, whenActive]) {
      const refused = (refuses as readonly unknown[]).includes(commands);
      for (const [name, cdb] of Object.entries(commands)) {
        const result = host.run(cdb);
        if (refused) t.match(result.sense, { key: 2, asc: sense! }, `${name} in state ${state}`);
        else t.equal(result.status, Status.good, `${name} in state ${state}`);
        t.equal(other.run(cdb).status, Status.good, `${name} through the other group`);
      }
    }
    t.match(host.run([0x28, 0x01, 0, 0, 0, 0, 0, 0, 1, 0]).sense, inCdb(1, 0), 'a forbidden bit comes first');
    if (refuses.length > 0) t.match(host.run([0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0]).sense, { asc: sense! });
  }
});

t.test('an administrator: all logical units, those to come, and single ones', async (t) => {
  const rig = new Rig({
    portGroups: [1, 2],
    luns: [
      [0, 0],
      [1, 1],
    ],
  });
  const host = rig.host('a');
  rig.unit.access.change(1, standby);
  t.same(host.attentions(0), ['access-state-changed'], 'every nexus is told');
  t.match(host.run(read, null, { lun: 0 }).sense, { asc: 0x040b });
  t.equal(host.run(read, null, { lun: 1 }).status, Status.good, 'the other logical unit is as it was');
  rig.units.setAccessState(1, unavailable);
  host.attentions(0);
  host.attentions(1);
  for (const lun of [0, 1]) t.match(host.run(read, null, { lun }).sense, { asc: 0x040c });
  t.equal(rig.units.accessState(1), unavailable);
  rig.ldevs.set(2, { ...rig.ldevs.get(1)!, id: 2 });
  t.equal(rig.units.unit(rig.ldevs.get(2)!).access.stateOf(1), unavailable, 'made later');
  t.same(states(host.run(rtpg()).data)[0], [1, unavailable, 2], 'status code: implicit');
});

t.test('a timed transition', async (t) => {
  const rig = twoGroups();
  const host = rig.host('a');
  // `Host.run` would let the time pass.
  const run = (cdb: Buffer | readonly number[]) => resultOf(host.start(Buffer.from(cdb)));
  const told = () => run(tur).sense?.name;
  rig.units.setAccessState(1, standby, 5_000);
  t.equal(told(), 'access-state-changed');
  t.equal(told(), 'access-state-transition');
  t.same(states(run(rtpg()).data)[0], [1, transitioning, 2]);
  rig.clock.advance(4_999);
  t.equal(told(), 'access-state-transition');
  rig.clock.advance(1);
  t.equal(told(), 'access-state-changed');
  t.equal(told(), 'target-port-standby');

  rig.units.setAccessState(1, unavailable, 5_000);
  rig.units.setAccessState(1, activeOptimized);
  t.equal(told(), 'access-state-changed');
  rig.clock.advance(10_000);
  t.equal(run(tur).status, Status.good, 'a later change ends the transition');
  rig.units.setAccessState(1, standby, 5_000);
  rig.units.close();
  rig.clock.advance(10_000);
  t.equal(rig.unit.access.stateOf(1), transitioning, 'nothing changes any more in an array that stops');
});

t.test('a logical unit that comes during a transition is in it too', async (t) => {
  const rig = new Rig({
    portGroups: [1, 2],
    luns: [
      [0, 0],
      [1, 1],
    ],
  });
  rig.units.setAccessState(1, standby, 5_000);
  rig.clock.advance(2_000);
  const late = rig.units.unit(rig.ldevs.get(1)!);
  t.equal(late.access.stateOf(1), transitioning);
  rig.clock.advance(2_999);
  t.equal(late.access.stateOf(1), transitioning);
  rig.clock.advance(1);
  t.equal(late.access.stateOf(1), standby);
});

t.test('a reset leaves the states alone', async (t) => {
  const rig = twoGroups();
  const host = rig.host('a');
  host.run(stpg(8), list([standby, 1]));
  host.manage('logical-unit-reset');
  host.attentions();
  t.match(host.run(tur).sense, { asc: 0x040b });
});
