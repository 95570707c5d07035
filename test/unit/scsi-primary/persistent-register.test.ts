/** REGISTER, REGISTER AND IGNORE EXISTING KEY: keys, generation, SPEC_I_PT, ALL_TG_PT, limits. */
import t from 'tap';
import { MAX_REGISTRATIONS } from '../../../target/scsi/persistent-reservation/operations.js';
import { CONFLICT, fullStatus, keys, out, outBytes, read, reservation, Type } from './persistent-rig.js';
import { inList, Rig } from './rig.js';

t.test('REGISTER', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  t.same(keys(a), { generation: 0, keys: [] });
  t.equal(out(a, 'register', { key: 9, action: 1 }).status, CONFLICT, 'a key, but none is registered');
  t.equal(out(a, 'register').status, 0, 'nothing to register');
  t.same(keys(a), { generation: 0, keys: [] });
  t.equal(out(a, 'register', { action: 1 }).status, 0);
  t.same(keys(a), { generation: 1, keys: [1] });
  t.equal(out(a, 'register', { action: 2 }).status, CONFLICT, 'registered under another key');
  t.equal(out(a, 'register', { key: 1, action: 2 }).status, 0);
  t.same(keys(a), { generation: 2, keys: [2] });
  t.equal(out(a, 'registerAndIgnore', { key: 77, action: 3 }).status, 0);
  t.same(keys(a), { generation: 3, keys: [3] });
  t.equal(out(a, 'register', { key: 3 }).status, 0, 'unregister');
  t.same(keys(a), { generation: 4, keys: [] });
  t.equal(out(a, 'registerAndIgnore').status, 0, 'nothing to unregister');
});

t.test('registrations belong to the I_T nexus, and outlive its sessions', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  const other = rig.host('a', { isid: '00023d000002' });
  const path = rig.host('a', { port: 1 });
  out(a, 'register', { action: 1 });
  for (const nexus of [other, path]) t.equal(out(nexus, 'reserve', { key: 1, type: Type.ea }).status, CONFLICT);
  a.logout();
  const again = rig.host('a');
  t.equal(out(again, 'reserve', { key: 1, type: Type.ea }).status, 0);
  again.logout();
  t.same(reservation(other), { key: 1, type: Type.ea });
});

t.test('a large key keeps all its bits', async (t) => {
  const a = new Rig().host('a');
  const { cdb, list } = outBytes('register');
  list.write('ffeeddccbbaa9988', 8, 'hex');
  t.equal(a.run(cdb, list).status, 0);
  t.equal(read(a, 0).data.toString('hex', 8), 'ffeeddccbbaa9988');
});

t.test('SPEC_I_PT registers other initiator ports', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  const b = rig.host('b');
  const absent = 'iqn.2000-01.test:c,i,0x00023d000009';
  t.equal(out(a, 'register', { action: 5, ports: [b.nexus.initiatorPort, absent] }).status, 0);
  t.same(
    fullStatus(a).map(({ key, name, port, format }) => ({ key, name, port, format })),
    [a.nexus.initiatorPort, b.nexus.initiatorPort, absent].map((name) => ({ key: 5, name, port: 1, format: 0x45 })),
  );
  t.equal(out(b, 'reserve', { key: 5, type: Type.we }).status, 0);
});

t.test('SPEC_I_PT: a name without ISID means the ports that are logged in', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  rig.host('b', { isid: '00023d000001' });
  rig.host('b', { isid: '00023d000002' });
  t.equal(out(a, 'register', { action: 5, ports: ['iqn.2000-01.test:b'] }).status, 0);
  t.equal(keys(a).keys.length, 3);
  const c = rig.host('c');
  t.match(out(c, 'register', { action: 5, ports: ['iqn.2000-01.test:nobody'] }).sense, inList(28));
});

t.test('SPEC_I_PT: where it is refused', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  const port = rig.host('b').nexus.initiatorPort;
  t.match(out(a, 'registerAndIgnore', { action: 1, ports: [port] }).sense, inList(20, 3));
  out(a, 'register', { action: 1 });
  t.match(out(a, 'register', { key: 1, action: 2, ports: [port] }).sense, inList(20, 3));
  t.same(keys(a).keys, [1]);

  const c = rig.host('c');
  const bad = (change: (list: Buffer) => Buffer) => {
    const { cdb, list } = outBytes('register', { action: 1, ports: [port] });
    const changed = change(list);
    cdb.writeUInt32BE(changed.length, 5);
    return c.run(cdb, changed).sense;
  };
  const length = { name: 'parameter-list-length' };
  t.match(
    bad((list) => list.subarray(0, 24)),
    length,
  );
  t.match(
    bad((list) => list.subarray(0, 40)),
    length,
  );
  t.match(
    bad((list) => Buffer.concat([list, Buffer.alloc(4)])),
    length,
  );
  const set = (at: number, value: number) => (list: Buffer) => {
    list[at] = value;
    return list;
  };
  t.match(bad(set(28, 0x4f)), inList(28), 'protocol');
  t.match(bad(set(28, 0x85)), inList(28), 'format');
  t.match(bad(set(31, 0xff)), inList(30), 'length of the TransportID');
  t.match(bad(set(32, 0x20)), inList(32), 'not an iSCSI name');
  t.match(
    bad((list) => list.fill(0x61, 32)),
    inList(32),
    'not terminated',
  );
});

t.test('ALL_TG_PT registers through every port', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  const path = rig.host('a', { port: 1 });
  t.equal(out(a, 'register', { action: 1, flags: 0x04 }).status, 0);
  t.same(
    fullStatus(a).map(({ key, port }) => ({ key, port })),
    [
      { key: 1, port: 1 },
      { key: 1, port: 2 },
    ],
  );
  t.equal(out(path, 'reserve', { key: 1, type: Type.ea }).status, 0);
});

t.test('parameter list length', async (t) => {
  const a = new Rig().host('a');
  for (const bytes of [0, 23, 25, 70_000]) {
    const cdb = Buffer.from([0x5f, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    cdb.writeUInt32BE(bytes, 5);
    t.match(a.run(cdb, Buffer.alloc(Math.min(bytes, 64))).sense, { name: 'parameter-list-length' }, `${bytes}`);
  }
  const { cdb, list } = outBytes('register', { action: 1 });
  t.equal(a.run(cdb, list.subarray(0, 20)).status, 2, 'fewer came than announced in the CDB');
  t.same(keys(a).keys, []);
});

t.test('registrations are bounded', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  const ports = Array.from({ length: MAX_REGISTRATIONS }, (_, i) => {
    return `iqn.2000-01.test:c,i,0x${i.toString(16).padStart(12, '0')}`;
  });
  t.match(out(a, 'register', { action: 1, ports }).sense, { name: 'no-registration-resources' });
  t.equal(out(a, 'register', { action: 1, ports: ports.slice(1) }).status, 0);
  t.match(out(rig.host('b'), 'register', { action: 1 }).sense, { name: 'no-registration-resources' });
});

t.test('PERSISTENT RESERVE IN: lengths and unknown service actions', async (t) => {
  const a = new Rig().host('a');
  out(a, 'register', { action: 1 });
  for (const allocation of [0, 4, 8, 15, 16, 17]) {
    const { data } = read(a, 0, allocation);
    t.equal(data.length, Math.min(allocation, 16));
    if (data.length >= 8) t.equal(data.readUInt32BE(4), 8, 'the whole length is told');
  }
  for (let action = 4; action < 32; action++) t.match(read(a, action).sense, { name: 'invalid-field-in-cdb' });
  t.equal(read(a, 2).data.toString('hex'), '00081db0ea010000');
  t.equal(read(new Rig({ store: null }).host('a'), 2).data[2], 0x1c, 'no PTPL_C without a store');
});
