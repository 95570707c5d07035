import t from 'tap';
import { inCdb, inList, Rig } from './rig.js';

const send = (flags: number, bytes = 0) => [0x1d, flags, 0, bytes >> 8, bytes & 0xff, 0];

t.test('SEND DIAGNOSTIC: the default and the numbered self-tests', async (t) => {
  const rig = new Rig({ blocks: 100 });
  const host = rig.host('a');
  for (const flags of [0x04, 0x20, 0x40, 0xa0, 0xc0]) {
    rig.layer.calls.length = 0;
    t.equal(host.run(send(flags)).status, 0);
    t.same(rig.layer.calls, ['read 0+1', 'read 99+1']);
    t.equal(rig.layer.pinned, 0);
  }
  t.equal(host.run(send(0)).status, 0, 'nothing to do');
});

t.test('SEND DIAGNOSTIC: a failing medium', async (t) => {
  const rig = new Rig();
  rig.layer.failNext = { kind: 'medium-error', lba: 0, write: false };
  t.match(rig.host('a').run(send(0x04)).sense, { name: 'self-test-failed' });
});

t.test('SEND DIAGNOSTIC: what is refused', async (t) => {
  const host = new Rig().host('a');
  t.match(host.run(send(0x24)).sense, inCdb(1, 7), 'SELFTEST with a code');
  t.match(host.run(send(0x80)).sense, inCdb(1, 7), 'nothing to abort');
  t.match(host.run(send(0x60)).sense, inCdb(1, 7), 'reserved');
  t.match(host.run(send(0x14, 4), Buffer.alloc(4)).sense, inCdb(3), 'a page beside a test');
  t.match(host.run(send(0x00, 4), Buffer.alloc(4)).sense, inCdb(1, 4), 'PF');
  t.match(host.run(send(0x10, 4), Buffer.from([0x40, 0, 0, 0])).sense, inList(0));
  t.match(host.run(send(0x10, 5), Buffer.alloc(5)).sense, { name: 'parameter-list-length' });
  t.match(host.run(send(0x10, 4), Buffer.alloc(3)).sense, { name: 'parameter-list-length' });
});

t.test('page 00h there and back', async (t) => {
  const host = new Rig().host('a');
  t.equal(host.run(send(0x10, 4), Buffer.alloc(4)).status, 0);
  for (const pcv of [0, 1]) t.same([...host.run([0x1c, pcv, 0, 0, 255, 0]).data], [0, 0, 0, 1, 0]);
  t.equal(host.run([0x1c, 1, 0, 0, 2, 0]).data.length, 2);
  t.match(host.run([0x1c, 1, 0x40, 0, 255, 0]).sense, inCdb(2));
});
