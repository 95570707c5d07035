/** CSCD descriptors by IP address, port and LUN. */
import t from 'tap';
import type { HostGroup } from '../../../target/volumes/model.js';
import { encodePortalCscd, type PortalCscdSpec } from '../../../wire/scsi/cscd.js';
import { encodeLun } from '../../../wire/scsi/lun.js';
import { Status } from '../../../wire/scsi/status.js';
import { inList } from '../scsi-primary/rig.js';
import { blocks, CopyRig, copy, copyList, cscd, sendList, type UnitSpec } from './copy-rig.js';

const LOOPBACK = Buffer.from([127, 0, 0, 1]);
const LOOPBACK6 = Buffer.from([...Buffer.alloc(15), 1]);
const unreachable = { key: 0xa, asc: 0x0804, segment: 0, field: { inCdb: false, byte: 48 } };

function rigWith(units?: readonly UnitSpec[]): CopyRig {
  const rig = new CopyRig(units);
  rig.portals = [
    { port: 'CL1-A', host: '127.0.0.1', tcpPort: 3260 },
    { port: 'CL2-A', host: '::1', tcpPort: 3261 },
  ];
  return rig;
}

const at = (lun: number, spec: Partial<PortalCscdSpec> = {}) =>
  encodePortalCscd({
    lun: encodeLun(lun),
    address: LOOPBACK,
    port: 3260,
    protocol: 6,
    pad: false,
    blockLength: 0,
    ...spec,
  });

t.test('a portal of the array and a LUN', async (t) => {
  const rig = rigWith();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 5);
  t.equal(copy(host, { cscds: [at(0), at(1)], segments: [blocks(8, 0, 16)] }).status, Status.good);
  t.ok(rig.layers[1]!.view(16, 8).every((byte) => byte === 5));
  rig.host('a', { port: 1 });
  const other = at(0, { address: LOOPBACK6, port: 3261 });
  const segments = [blocks(8, 0, 32, { source: 0, destination: 2 })];
  t.equal(copy(host, { cscds: [other, at(1)], segments }).status, Status.good, 'IPv6: an extension takes ID 1');
  t.ok(rig.layers[1]!.view(32, 8).every((byte) => byte === 5));
});

t.test('what is no portal, or none that the initiator is logged in to', async (t) => {
  const rig = rigWith();
  const host = rig.host('a');
  const verdict = (destination: Buffer) => copy(host, { cscds: [cscd(0), destination], segments: [blocks(1, 0, 0)] });
  for (const [spec, why] of [
    [{ address: Buffer.from([127, 0, 0, 2]) }, 'another address'],
    [{ port: 3261 }, 'the other port number'],
    [{ port: 0 }, 'no port number'],
    [{ protocol: 17 }, 'UDP'],
    [{ lun: encodeLun(9) }, 'a LUN that is not there'],
    [{ lun: Buffer.alloc(8, 0xff) }, 'no LUN of one level'],
    [{ address: LOOPBACK6, port: 3261 }, 'a port without a session'],
  ] as const) {
    t.match(verdict(at(1, spec)).sense, unreachable, why);
  }
  rig.group(0).luns = new Map([[0, 0]]);
  t.match(verdict(at(1)).sense, unreachable, 'masked');
});

t.test('an IPv4 address mapped into IPv6', async (t) => {
  const rig = rigWith();
  const mapped = Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), LOOPBACK]);
  const cscds = [at(0, { address: mapped }), cscd(1)];
  t.equal(copy(rig.host('a'), { cscds, segments: [blocks(1, 0, 0, { destination: 2 })] }).status, Status.good);
});

t.test('targets of several host groups at one portal: the own one, else what is the same in all', async (t) => {
  const rig = rigWith([{}, {}, {}]);
  const host = rig.host('a', { port: 1 });
  rig.host('a');
  const first = rig.group(0);
  (rig.groups as HostGroup[]).push({ ...first, id: 77, name: 'second', target: 'iqn.second', luns: new Map([[1, 2]]) });
  const destination = (lun: number) => copy(host, { cscds: [cscd(0), at(lun)], segments: [blocks(1, 0, 0)] }).sense;
  t.match(destination(1), unreachable, 'it would be one LDEV or another');
  t.equal(destination(2), null, 'only one of them has the LUN');
  const own = copy(rig.host('a', { isid: '00023d000009' }), { cscds: [cscd(0), at(1)], segments: [blocks(1, 0, 0)] });
  t.equal(own.sense, null);
});

t.test('descriptors that lie', async (t) => {
  const host = rigWith().host('a');
  const proxy = at(1);
  proxy[1] = 0x40;
  t.match(copy(host, { cscds: [proxy], segments: [] }).sense, { ...inList(17), field: { byte: 17, bit: 7 } });
  const six = at(1, { address: LOOPBACK6 });
  const segments = [blocks(1, 0, 0)];
  const extension = { key: 0xa, asc: 0x2600, field: { inCdb: false, byte: 48 } };
  t.match(copy(host, { cscds: [six.subarray(0, 32)], segments }).sense, extension, 'cut off by the segments');
  t.match(copy(host, { cscds: [six.subarray(0, 32), cscd(1)], segments }).sense, extension);
  const list = copyList({ cscds: [six], segments: [] });
  t.match(sendList(host, list.subarray(0, -1)).sense, { name: 'parameter-list-length' });
});
