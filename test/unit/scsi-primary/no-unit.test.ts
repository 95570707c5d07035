/** LUNs without a logical unit, and the REPORT LUNS well-known logical unit (SPC-5, SAM-6 4.7). */
import t from 'tap';
import { inCdb, Rig } from './rig.js';

const WELL_KNOWN = Buffer.from([0xc1, 0x01, 0, 0, 0, 0, 0, 0]);
const INQUIRY = [0x12, 0, 0, 0, 255, 0];
const REPORT_LUNS = [0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];

t.test('INQUIRY: nothing here', async (t) => {
  const host = new Rig().host('a');
  const { status, data } = host.run(INQUIRY, null, { lun: 9 });
  t.equal(status, 0);
  t.equal(data[0], 0x7f, 'qualifier 011b, type 1Fh');
  t.same([...host.run([0x12, 1, 0, 0, 255, 0], null, { lun: 9 }).data], [0x7f, 0, 0, 1, 0]);
  t.match(host.run([0x12, 1, 0x83, 0, 255, 0], null, { lun: 9 }).sense, inCdb(2));
  t.match(host.run([0x12, 0, 1, 0, 255, 0], null, { lun: 9 }).sense, inCdb(2));
  t.match(host.run([0x12, 4, 0, 0, 255, 0], null, { lun: 9 }).sense, inCdb(1, 2));
});

t.test('everything else: LOGICAL UNIT NOT SUPPORTED', async (t) => {
  const host = new Rig().host('a');
  const none = { name: 'lun-not-supported' };
  t.match(host.run(TEST_UNIT_READY, null, { lun: 9 }).sense, none);
  t.match(host.run([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], null, { lun: 9 }).sense, none);
  t.match(host.run([0xff], null, { lun: 9 }).sense, none);
  t.match(host.run(REPORT_LUNS, null, { lun: 9 }).sense, none);
  const sense = host.run([3, 0, 0, 0, 252, 0], null, { lun: 9 });
  t.equal(sense.status, 0);
  t.equal(sense.data.readUInt16BE(12), 0x2500);
});

t.test('LUN 0 without a logical unit answers REPORT LUNS and INQUIRY', async (t) => {
  const host = new Rig({ luns: [[5, 0]] }).host('a');
  t.equal(host.run(INQUIRY).data[0], 0x7f);
  const { status, data } = host.run(REPORT_LUNS);
  t.equal(status, 0);
  t.same([...data], [0, 0, 0, 8, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0]);
});

t.test('LUNs of several levels and of other methods have no logical unit', async (t) => {
  const host = new Rig().host('a');
  for (const lun of [
    [0, 0, 0, 1, 0, 0, 0, 0],
    [0x01, 0, 0, 0, 0, 0, 0, 0],
    [0x80, 0, 0, 0, 0, 0, 0, 0],
    [0xc1, 0x02, 0, 0, 0, 0, 0, 0],
  ]) {
    t.match(host.run(TEST_UNIT_READY, null, { lun: Buffer.from(lun) }).sense, { name: 'lun-not-supported' });
  }
  const flat = Buffer.from([0x40, 0, 0, 0, 0, 0, 0, 0]);
  t.equal(host.run(TEST_UNIT_READY, null, { lun: flat }).status, 0, 'flat space addressing of LUN 0');
});

t.test('REPORT LUNS well-known logical unit', async (t) => {
  const host = new Rig().host('a');
  const at = { lun: WELL_KNOWN };
  t.equal(host.run(TEST_UNIT_READY, null, at).status, 0);
  t.equal(host.run(INQUIRY, null, at).data[0], 0x1e);
  t.same([...host.run([0x12, 1, 0, 0, 255, 0], null, at).data], [0x1e, 0, 0, 2, 0, 0x83]);
  t.equal(host.run([0x12, 1, 0x83, 0, 255, 0], null, at).data[1], 0x83);
  t.equal(host.run(REPORT_LUNS, null, at).data.readUInt32BE(0), 8);
  t.equal(host.run([3, 0, 0, 0, 252, 0], null, at).data[2], 0);
  t.match(host.run([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], null, at).sense, { name: 'lun-not-supported' });
});
