/** LOG SELECT: counters are reset, for everybody. */
import t from 'tap';
import { Status } from '../../../target/scsi/task.js';
import { type Host, inCdb, Rig } from './rig.js';

interface Fields {
  readonly pcr?: boolean;
  readonly pc?: number;
  readonly page?: number;
  readonly subpage?: number;
  readonly bytes?: number;
}

const select = ({ pcr = false, pc = 1, page = 0, subpage = 0, bytes = 0 }: Fields = {}) => [
  0x4c,
  pcr ? 2 : 0,
  (pc << 6) | page,
  subpage,
  0,
  0,
  0,
  bytes >> 8,
  bytes & 0xff,
  0,
];
/** Bytes told by an error counter page. */
const counted = (host: Host, page: number) => {
  const { data } = host.run([0x4d, 0, 0x40 | page, 0, 0, 0, 5, 0, 255, 0]);
  return Number(data.readBigUInt64BE(8));
};

function used() {
  const rig = new Rig();
  const host = rig.host('a');
  const other = rig.host('b', { port: 1 });
  host.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 3, 0], Buffer.alloc(3 * 512));
  host.run([0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
  return { rig, host, other };
}

t.test('one page, or all of them; metrics go on', async (t) => {
  const { rig, host, other } = used();
  t.equal(host.run(select({ pcr: true, page: 3 })).status, Status.good);
  t.same(host.attentions(), []);
  t.same(other.attentions(), ['log-parameters-changed']);
  t.same([counted(other, 2), counted(other, 3)], [1536, 0]);
  host.run([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  t.equal(counted(host, 3), 512, 'counts from there on');
  t.equal(rig.unit.counters.readBlocks, 3);
  t.equal(host.run(select({ pc: 3 })).status, Status.good, 'default cumulative values');
  t.same([counted(host, 2), counted(host, 3)], [0, 0]);
  const statistics = host.run([0x4d, 0, 0x59, 0, 0, 0, 0, 0, 255, 0]).data;
  t.equal(statistics.readBigUInt64BE(8), 0n);
  t.equal(host.run(select({ pcr: true, subpage: 0xff })).status, Status.good);
});

t.test('nothing to change', async (t) => {
  const { host, other } = used();
  t.equal(host.run(select({ pc: 1 })).status, Status.good);
  t.equal(counted(host, 3), 1024);
  t.same(other.attentions(), []);
});

t.test('refusals', async (t) => {
  const { rig, host } = used();
  t.match(host.run(select({ page: 0x3e, pcr: true })).sense, inCdb(2, 5));
  t.match(host.run(select({ page: 2, subpage: 1 })).sense, inCdb(3));
  t.match(host.run(select({ page: 2, subpage: 0xff })).sense, inCdb(3));
  t.match(host.run(select({ bytes: 4 }), Buffer.alloc(4)).sense, inCdb(7), 'values cannot be set');
  t.match(host.run(select({ pc: 0 })).sense, inCdb(2, 7), 'thresholds');
  t.match(host.run(select({ pc: 2 })).sense, inCdb(2, 7));
  t.match(host.run([0x4c, 1, 0x40, 0, 0, 0, 0, 0, 0, 0]).sense, inCdb(1, 0), 'SP');
  t.equal(counted(host, 3), 1024);
  host.run([0x16, 0, 0, 0, 0, 0]);
  t.equal(rig.host('c').run(select({ pcr: true })).status, Status.reservationConflict);
});
