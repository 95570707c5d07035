/** APTPL: registrations and reservations outlive the array. */
import t from 'tap';
import { access, CONFLICT, keys, move, out, read, reservation, Type } from './persistent-rig.js';
import { inList, MemoryStore, Rig } from './rig.js';

const APTPL = 0x01;
const restart = (rig: Rig) => new Rig({ store: rig.store });

t.test('without APTPL nothing is kept', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  out(a, 'register', { action: 1 });
  out(a, 'reserve', { key: 1, type: Type.ea });
  t.same(keys(restart(rig).host('a')), { generation: 0, keys: [] });
});

t.test('with APTPL all is', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  out(a, 'register', { action: 1, flags: APTPL });
  out(b, 'register', { action: 2, flags: APTPL });
  out(a, 'reserve', { key: 1, type: Type.wero });
  t.equal(read(a, 2).data[3]! & 1, 1, 'PTPL_A');
  const next = restart(rig);
  const [again, other, stranger] = [next.host('a'), next.host('b'), next.host('c')];
  t.same(keys(other), { generation: 0, keys: [1, 2] });
  t.same(reservation(other), { key: 1, type: Type.wero });
  t.equal(read(other, 2).data[3]! & 1, 1);
  t.same(access(stranger), { read: 0, write: CONFLICT });
  t.same(access(other), { read: 0, write: 0 });
  t.equal(out(again, 'release', { key: 1, type: Type.wero }).status, 0);
  t.equal(reservation(restart(next).host('a')), null, 'the release is kept as well');
});

t.test('all registrants, moved reservations, and turning it off', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  out(a, 'register', { action: 1, flags: APTPL });
  out(a, 'reserve', { key: 1, type: Type.wear });
  t.same(reservation(restart(rig).host('z')), { key: 0, type: Type.wear });
  out(a, 'release', { key: 1, type: Type.wear });
  out(a, 'reserve', { key: 1, type: Type.we });
  t.equal(move(a, { key: 1, action: 5, port: 1, to: b.nexus.initiatorPort, flags: APTPL }).status, 0);
  t.same(reservation(restart(rig).host('z')), { key: 5, type: Type.we });
  out(a, 'register', { key: 1, action: 1 });
  t.same(keys(restart(rig).host('z')).keys, [], 'the last registration had no APTPL');
});

t.test('what cannot be saved does not happen', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  rig.store!.broken = true;
  t.match(out(a, 'register', { action: 1, flags: APTPL }).sense, { name: 'hardware-error' });
  t.same(keys(a), { generation: 0, keys: [] });
});

t.test('without a store APTPL is refused', async (t) => {
  const a = new Rig({ store: null }).host('a');
  t.match(out(a, 'register', { action: 1, flags: APTPL }).sense, inList(20, 0));
  t.equal(out(a, 'register', { action: 1 }).status, 0);
});

t.test('what was saved and means nothing is not taken for a reservation', async (t) => {
  const store = new MemoryStore();
  const registrations = [{ initiatorPort: 'iqn.x,i,0x1', targetPort: 'iqn.t', relativeId: 1, key: 5n, holder: false }];
  for (const type of [Type.we, 2]) {
    store.saved.set(0, { generation: 1, type, registrations });
    const host = new Rig({ store }).host('a');
    t.same(keys(host).keys, [5]);
    t.equal(reservation(host), null);
  }
});
