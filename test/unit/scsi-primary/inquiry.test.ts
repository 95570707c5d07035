import t from 'tap';
import { Limits } from '../../../target/scsi/limits.js';
import type { Ldev } from '../../../target/volumes/model.js';
import { inCdb, Rig } from './rig.js';

const inquiry = (allocation = 255) => [0x12, 0, 0, allocation >> 8, allocation & 0xff, 0];
const vpd = (page: number, allocation = 4096) => [0x12, 1, page, allocation >> 8, allocation & 0xff, 0];

/** Designators of a list: association, code set, type, PIV and value. */
function designators(list: Buffer) {
  const found = [];
  for (let at = 0; at < list.length; at += 4 + list[at + 3]!) {
    found.push({
      codeSet: list[at]! & 0x0f,
      protocol: list[at + 1]! & 0x80 ? list[at]! >> 4 : null,
      association: (list[at + 1]! >> 4) & 3,
      type: list[at + 1]! & 0x0f,
      value: list.subarray(at + 4, at + 4 + list[at + 3]!),
    });
  }
  return found;
}

const text = (value: Buffer) => value.toString().replace(/\0+$/, '');

t.test('standard INQUIRY data', async (t) => {
  const { data } = new Rig().host('a').run(inquiry());
  t.equal(data.length, 96);
  t.equal(data[0], 0, 'connected, direct access block device');
  t.equal(data[2], 6);
  t.equal(data[3], 0x32, 'NORMACA, HISUP, response data format 2');
  t.equal(data[4], data.length - 5);
  t.equal(data[5], 0x39, 'TPGS implicit and explicit, 3PC, PROTECT');
  t.equal(data[6], 0x10, 'MULTIP');
  t.equal(data[7], 0x02, 'CMDQUE');
  t.equal(data.toString('latin1', 8, 36), 'LUNARRAYTHIN LDEV       1.4 ');
  const standards = Array.from({ length: 8 }, (_, i) => data.readUInt16BE(58 + 2 * i)).filter((each) => each !== 0);
  t.same(standards, [0x00c0, 0x05c0, 0x0600, 0x0960, 0x0460, 0x04c0]);
});

t.test('the product tells what the LDEV is for', async (t) => {
  const product = (options: ConstructorParameters<typeof Rig>[0]) =>
    new Rig(options).host('a').run(inquiry()).data.toString('latin1', 16, 32).trim();
  t.equal(product({ thin: false }), 'LDEV');
  t.equal(product({ attribute: 'command-device' }), 'COMMAND DEVICE');
  t.equal(product({ attribute: 'journal' }), 'JOURNAL');
});

t.test('allocation length cuts, and nothing else changes', async (t) => {
  const host = new Rig().host('a');
  const whole = host.run(inquiry(4096)).data;
  for (const allocation of [0, 1, 5, 36, 95, 96, 97, 255, 256, 0xffff]) {
    const { status, data } = host.run(inquiry(allocation));
    t.equal(status, 0);
    t.ok(data.equals(whole.subarray(0, allocation)), `${allocation}`);
  }
});

t.test('a page code needs EVPD', async (t) => {
  const host = new Rig().host('a');
  t.match(host.run([0x12, 0, 0x83, 0, 255, 0]).sense, inCdb(2));
  t.match(host.run(vpd(0x84)).sense, inCdb(2));
  t.match(host.run([0x12, 2, 0, 0, 255, 0]).sense, inCdb(1, 1), 'CMDDT is obsolete');
});

t.test('it neither reports nor clears unit attentions', async (t) => {
  const host = new Rig().host('a', { greeted: false });
  t.equal(host.run(inquiry()).status, 0);
  t.same(host.attentions(), ['power-on-or-reset']);
});

t.test('VPD: every page that 00h lists is there, with its code and length', async (t) => {
  const host = new Rig().host('a');
  const list = host.run(vpd(0)).data;
  t.same([...list.subarray(4)], [0x00, 0x80, 0x83, 0x85, 0x86, 0x87, 0x88, 0x8a, 0x8f, 0xb0, 0xb1, 0xb2, 0xb7]);
  for (const page of list.subarray(4)) {
    const { data } = host.run(vpd(page));
    t.equal(data[0], 0);
    t.equal(data[1], page);
    t.equal(data.readUInt16BE(2), data.length - 4, `page ${page.toString(16)}`);
  }
});

t.test('VPD 80h: serial number', async (t) => {
  t.equal(new Rig().host('a').run(vpd(0x80)).data.toString('latin1', 4), '12345678000');
});

t.test('VPD 83h: names of the logical unit and of the port asked through', async (t) => {
  const rig = new Rig();
  for (const port of [0, 1]) {
    const list = designators(rig.host('a', { port }).run(vpd(0x83)).data.subarray(4));
    const target = rig.groups[port]!.target;
    t.equal(list.length, 7);
    t.match(list[0], { association: 0, codeSet: 1, type: 3, protocol: null });
    t.equal(list[0]!.value.toString('hex'), '6024c5500bebc2000000000100000000');
    t.match(list[1], { association: 0, codeSet: 2, type: 1 });
    t.equal(list[1]!.value.toString(), 'LUNARRAYTHIN LDEV       12345678000');
    t.match(list[2], { association: 0, codeSet: 3, type: 8 });
    t.equal(text(list[2]!.value), 'naa.6024c5500bebc2000000000100000000');
    t.match(list[3], { association: 1, codeSet: 1, type: 4, protocol: 5 });
    t.equal(list[3]!.value.readUInt32BE(), port + 1);
    t.match(list[4], { association: 1, codeSet: 1, type: 5, protocol: 5 });
    t.match(list[5], { association: 1, codeSet: 3, type: 8, protocol: 5 });
    t.equal(text(list[5]!.value), `${target},t,0x000${port + 1}`);
    t.match(list[6], { association: 2, type: 8 });
    t.equal(text(list[6]!.value), target);
    for (const { value } of [list[2]!, list[5]!, list[6]!]) t.equal(value.length % 4, 0, 'padded');
  }
});

t.test('VPD 85h: where the array is managed', async (t) => {
  const { data } = new Rig().host('a').run(vpd(0x85));
  t.equal(data.readUInt16BE(6), data.length - 8);
  t.equal(text(data.subarray(8)), 'http://127.0.0.1:8080/metrics');
});

t.test('VPD 86h: what is supported', async (t) => {
  const { data } = new Rig().host('a').run(vpd(0x86));
  t.equal(data.length, 64);
  t.equal(data[5], 0x07, 'HEADSUP, ORDSUP, SIMPSUP');
  t.equal(data[6], 0x0d, 'WU_SUP, CRD_SUP, V_SUP');
  t.equal(new Rig({ tape: true }).host('a').run(vpd(0x86)).data[6], 0x01, 'tapes have no WRITE LONG');
  t.equal(data[7], 0x21, 'NO_PI_CHK, LUICLR');
  t.equal(data.readUInt16BE(10), 1);
});

t.test('VPD 87h: mode pages are shared', async (t) => {
  t.same([...new Rig().host('a').run(vpd(0x87)).data.subarray(4)], [0x3f, 0xff, 0, 0]);
});

t.test('VPD 88h: both ports by name, but only where the initiator may go', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  const first = rig.groups[0]!.target;
  const parse = (data: Buffer) => {
    const ports = [];
    for (let at = 4; at < data.length; at += 12 + data.readUInt16BE(at + 10)) {
      const [name] = designators(data.subarray(at + 12, at + 12 + data.readUInt16BE(at + 10)));
      ports.push([data.readUInt16BE(at + 2), text(name!.value)]);
    }
    return ports;
  };
  t.same(parse(host.run(vpd(0x88)).data), [
    [1, `${first},t,0x0001`],
    [2, `${rig.groups[1]!.target},t,0x0002`],
  ]);
  (rig.groups[1]!.initiators as string[])[0] = 'iqn.2000-01.test:other';
  t.same(parse(host.run(vpd(0x88)).data), [[1, `${first},t,0x0001`]]);
});

t.test('VPD B0h: the limits that are enforced, in blocks', async (t) => {
  for (const blockSize of [512, 4096] as const) {
    const { data } = new Rig({ blockSize }).host('a').run(vpd(0xb0));
    t.equal(data.length, 64);
    t.equal(data[4], 0, 'WSNZ 0');
    t.equal(data[5], 255);
    t.equal(data.readUInt16BE(6), Limits.transferGranularityBytes / blockSize);
    t.equal(data.readUInt32BE(8), Limits.transferBytes / blockSize);
    t.equal(data.readUInt32BE(12), Limits.optimalTransferBytes / blockSize);
    t.equal(data.readUInt32BE(20), Limits.unmapBytes / blockSize);
    t.ok(data.readUInt32BE(20) <= 2 ** 20, 'libiscsi takes more for a mistake');
    t.equal(data.readUInt32BE(24), Limits.unmapDescriptors);
    t.equal(data.readUInt32BE(28), Limits.unmapGranularityBytes / blockSize);
    t.equal(data.readUInt32BE(32), 0x80000000, 'aligned at LBA 0');
    t.equal(Number(data.readBigUInt64BE(36)), Limits.writeSameBlocks);
    const atomic = [44, 48, 52, 56, 60].map((at) => data.readUInt32BE(at));
    t.same(atomic, [Limits.atomicBytes / blockSize, 1, 1, 0, 0], 'no atomic boundaries');
  }
});

t.test('VPD B1h and B2h', async (t) => {
  const host = new Rig().host('a');
  const characteristics = host.run(vpd(0xb1)).data;
  t.equal(characteristics.length, 64);
  t.equal(characteristics.readUInt16BE(4), 1, 'non-rotating');
  t.equal(characteristics[7], 0x53, 'WABEREQ and WACEREQ 01b; 2.5 inch');
  const rig = new Rig();
  const medium = (driveKind: Ldev['driveKind']) => {
    (rig.ldevs.get(0) as { driveKind?: unknown }).driveKind = driveKind;
    const { data } = rig.host('a').run(vpd(0xb1));
    return [data.readUInt16BE(4), data[7]! & 0x0f];
  };
  t.same(medium('nl-sas'), [7200, 2]);
  t.same(medium('sas'), [10000, 3]);
  t.same(medium(null), [0, 0], 'not told where there are several kinds');
  t.same([...host.run(vpd(0xb2)).data], [0, 0xb2, 0, 4, 11, 0xe4, 0x02, 0], '1 MiB, LBPU, LBPWS, LBPWS10, LBPRZ; thin');
  const full = new Rig({ thin: false }).host('a');
  t.same([...full.run(vpd(0xb2)).data], [0, 0xb2, 0, 4, 0, 0, 0, 0]);
  t.equal(full.run(vpd(0xb0)).data.readUInt32BE(20), 0);
});

t.test('VPD B7h: limits of WRITE SCATTERED', async (t) => {
  const { data } = new Rig({ blockSize: 4096 }).host('a').run(vpd(0xb7));
  t.equal(data.length, 28);
  t.equal(data.readUInt32BE(16), 2048, 'blocks of one range');
  t.equal(data.readUInt16BE(22), 256, 'ranges');
  t.equal(data.readUInt32BE(24), 2048, 'blocks in all');
});
