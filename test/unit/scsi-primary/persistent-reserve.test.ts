/** RESERVE, RELEASE, CLEAR: types, who may do what, unit attentions. */
import t from 'tap';
import { access, CONFLICT, fullStatus, keys, out, reservation, Type } from './persistent-rig.js';
import { inCdb, Rig } from './rig.js';

const OK = 0;
/** Read and write of: another registrant, an unregistered nexus (SPC-5 table 67). */
const table = {
  we: [OK, CONFLICT, OK, CONFLICT],
  ea: [CONFLICT, CONFLICT, CONFLICT, CONFLICT],
  wero: [OK, OK, OK, CONFLICT],
  earo: [OK, OK, CONFLICT, CONFLICT],
  wear: [OK, OK, OK, CONFLICT],
  eaar: [OK, OK, CONFLICT, CONFLICT],
} as const;

for (const [name, type] of Object.entries(Type)) {
  t.test(`type ${name}: access`, async (t) => {
    const rig = new Rig();
    const [a, b, c] = [rig.host('a'), rig.host('b', { port: 1 }), rig.host('c')];
    out(a, 'register', { action: 1 });
    out(b, 'register', { action: 2 });
    t.equal(out(a, 'reserve', { key: 1, type }).status, OK);
    t.equal(out(a, 'reserve', { key: 1, type }).status, OK, 'again');
    t.same(reservation(c), { key: name.endsWith('ar') ? 0 : 1, type });
    const [read, write, strangerReads, strangerWrites] = table[name as keyof typeof table];
    t.same(access(a), { read: OK, write: OK });
    t.same(access(b), { read, write });
    t.same(access(c), { read: strangerReads, write: strangerWrites });
    t.equal(c.run([0, 0, 0, 0, 0, 0]).status, OK, 'TEST UNIT READY');
    t.equal(c.run([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]).status, OK, 'READ CAPACITY');
    t.equal(c.run([0x1a, 8, 0x0a, 0, 255, 0]).status, strangerReads, 'MODE SENSE');
    t.equal(c.run([0x15, 0x10, 0, 0, 0, 0]).status, CONFLICT, 'MODE SELECT');
    t.same(
      fullStatus(a).map(({ holder, type: told }) => [holder, told]),
      [[true, type], name.endsWith('ar') ? [true, type] : [false, 0]],
    );
  });

  t.test(`type ${name}: RELEASE tells registrants if they lose access`, async (t) => {
    const rig = new Rig();
    const [a, b, c] = [rig.host('a'), rig.host('b'), rig.host('c')];
    out(a, 'register', { action: 1 });
    out(b, 'register', { action: 2 });
    out(a, 'reserve', { key: 1, type });
    t.equal(out(a, 'release', { key: 1, type }).status, OK);
    t.equal(reservation(a), null);
    t.same(a.attentions(), []);
    t.same(b.attentions(), type >= Type.wero ? ['reservations-released'] : []);
    t.same(c.attentions(), []);
    t.same(access(c), { read: OK, write: OK });
    t.equal(keys(a).generation, 2, 'RESERVE and RELEASE do not count');
  });

  t.test(`type ${name}: the holder unregisters`, async (t) => {
    const rig = new Rig();
    const [a, b] = [rig.host('a'), rig.host('b')];
    out(a, 'register', { action: 1 });
    out(b, 'register', { action: 2 });
    out(a, 'reserve', { key: 1, type });
    out(a, 'register', { key: 1 });
    if (name.endsWith('ar')) {
      t.same(reservation(b), { key: 0, type }, 'held by the others');
      out(b, 'register', { key: 2 });
      t.equal(reservation(b), null, 'gone with the last');
    } else {
      t.same(b.attentions(), name.endsWith('ro') ? ['reservations-released'] : []);
      t.equal(reservation(b), null);
    }
  });
}

t.test('who may reserve and release', async (t) => {
  const rig = new Rig();
  const [a, b, c] = [rig.host('a'), rig.host('b'), rig.host('c')];
  out(a, 'register', { action: 1 });
  out(b, 'register', { action: 2 });
  t.equal(out(c, 'reserve', { type: Type.we }).status, CONFLICT, 'not registered');
  t.equal(out(a, 'reserve', { key: 9, type: Type.we }).status, CONFLICT, 'wrong key');
  t.equal(out(a, 'release', { key: 1, type: Type.we }).status, OK, 'nothing reserved');
  out(a, 'reserve', { key: 1, type: Type.we });
  t.equal(out(a, 'reserve', { key: 1, type: Type.ea }).status, CONFLICT, 'the holder, another type');
  t.equal(out(b, 'reserve', { key: 2, type: Type.we }).status, CONFLICT);
  t.equal(out(b, 'release', { key: 2, type: Type.we }).status, OK, 'not the holder: nothing happens');
  t.equal(out(a, 'release', { key: 9, type: Type.we }).status, CONFLICT);
  t.match(out(a, 'release', { key: 1, type: Type.ea }).sense, { name: 'invalid-release' });
  t.match(out(a, 'release', { key: 1, type: 0x10 | Type.we }).sense, { name: 'invalid-release' }, 'another scope');
  t.same(reservation(c), { key: 1, type: Type.we });
});

t.test('types and scopes that do not exist', async (t) => {
  const a = new Rig().host('a');
  out(a, 'register', { action: 1 });
  for (const type of [0, 2, 4, 9, 0x0f]) t.match(out(a, 'reserve', { key: 1, type }).sense, inCdb(2, 3));
  t.match(out(a, 'reserve', { key: 1, type: 0x20 | Type.we }).sense, inCdb(2, 7));
  t.match(out(a, 'preempt', { key: 1, action: 1, type: 2 }).sense, inCdb(2, 3));
});

t.test('CLEAR', async (t) => {
  const rig = new Rig();
  const [a, b, c] = [rig.host('a'), rig.host('b'), rig.host('c')];
  out(a, 'register', { action: 1 });
  out(b, 'register', { action: 2 });
  out(a, 'reserve', { key: 1, type: Type.ea });
  t.equal(out(c, 'clear').status, CONFLICT);
  t.equal(out(b, 'clear', { key: 1 }).status, CONFLICT);
  t.equal(out(b, 'clear', { key: 2 }).status, OK, 'any registrant may');
  t.same(keys(c), { generation: 3, keys: [] });
  t.equal(reservation(c), null);
  t.same(a.attentions(), ['reservations-preempted']);
  t.same(b.attentions(), []);
  t.same(c.attentions(), []);
});

t.test('a logical unit reset leaves persistent reservations alone', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  out(a, 'register', { action: 1 });
  out(a, 'reserve', { key: 1, type: Type.ea });
  b.manage('logical-unit-reset');
  b.attentions();
  t.same(access(b), { read: CONFLICT, write: CONFLICT });
});
