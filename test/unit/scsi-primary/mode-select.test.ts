import t from 'tap';
import { type Host, inCdb, inList, MemoryStore, Rig } from './rig.js';

const CONTROL = [0x0a, 0x0a, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 1];

function page(change: Record<number, number>): number[] {
  const bytes = [...CONTROL];
  for (const [at, value] of Object.entries(change)) bytes[Number(at)] = value;
  return bytes;
}

function select6(host: Host, list: readonly number[], options: { flags?: number; length?: number } = {}) {
  const data = Buffer.from(list);
  return host.run([0x15, options.flags ?? 0x10, 0, 0, options.length ?? data.length, 0], data);
}

const header = [0, 0, 0, 0];
const current = (host: Host, code: number, pc = 0) => host.run([0x1a, 8, (pc << 6) | code, 0, 255, 0]).data.subarray(4);

t.test('SWP write-protects, for all nexuses', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  const write = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0];
  const block = Buffer.alloc(512);
  t.equal(select6(a, [...header, ...page({ 4: 8 })]).status, 0);
  t.equal(current(a, 0x0a)[4], 8);
  t.match(a.run(write, block).sense, { name: 'write-protected' });
  t.same(b.attentions(), ['mode-parameters-changed'], 'told to the others');
  t.match(b.run(write, block).sense, { name: 'write-protected' });
  t.equal(b.run([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]).status, 0);
  t.equal(a.run([0x1a, 8, 0x0a, 0, 255, 0]).data[2]! & 0x80, 0x80, 'WP');
  t.equal(select6(b, [...header, ...page({})]).status, 0);
  t.same(a.attentions(), ['mode-parameters-changed']);
  t.equal(a.run(write, block).status, 0);
});

t.test('D_SENSE changes the format of sense data', async (t) => {
  const host = new Rig().host('a');
  t.notOk(host.run([0x12, 1, 0x99, 0, 5, 0]).task.descriptorSense);
  select6(host, [...header, ...page({ 2: 4 })]);
  t.ok(host.run([0x12, 1, 0x99, 0, 5, 0]).task.descriptorSense);
});

t.test('WCE 0: writes go to the medium', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  const caching = [0x08, 0x12, 0, ...new Array(17).fill(0)];
  const write = () => host.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], Buffer.alloc(512)) && rig.layer.lastIo!.fua;
  t.equal(write(), false);
  t.equal(select6(host, [...header, ...caching]).status, 0);
  t.equal(write(), true);
});

t.test('what was sensed may be sent back', async (t) => {
  const host = new Rig({ blockSize: 4096 }).host('a');
  const six = Buffer.from(host.run([0x1a, 0, 0x3f, 0xff, 255, 0]).data);
  t.equal(select6(host, [...six]).status, 0, 'MODE DATA LENGTH, WP and PS bits are ignored');
  for (const flags of [0, 0x10]) {
    const ten = Buffer.from(host.run([0x5a, flags, 0x3f, 0xff, 0, 0, 0, 16, 0, 0]).data);
    t.equal(host.run([0x55, 0x10, 0, 0, 0, 0, 0, 0, ten.length, 0], ten).status, 0);
  }
});

t.test('block descriptor: only what is', async (t) => {
  const host = new Rig({ blocks: 1024 }).host('a');
  const descriptor = (blocks: number[], size: number[]) => [0, 0, 0, 8, ...blocks, 0, ...size, ...page({})];
  t.equal(select6(host, descriptor([0, 0, 4, 0], [0, 2, 0])).status, 0);
  t.equal(select6(host, descriptor([0, 0, 0, 0], [0, 2, 0])).status, 0);
  t.equal(select6(host, descriptor([255, 255, 255, 255], [0, 2, 0])).status, 0);
  t.match(select6(host, descriptor([0, 0, 4, 1], [0, 2, 0])).sense, inList(4));
  t.match(select6(host, descriptor([0, 0, 4, 0], [0, 4, 0])).sense, inList(9));
  t.match(select6(host, [0, 0, 0, 7, ...new Array(20).fill(0)]).sense, inList(3));
  t.match(select6(host, [0, 1, 0, 0, ...page({})]).sense, inList(1));
});

t.test('lists cut off anywhere', async (t) => {
  const host = new Rig().host('a');
  const list = [...header, ...page({ 4: 8 })];
  t.equal(select6(host, [], { length: 0 }).status, 0, 'no list, nothing to do');
  for (let bytes = 1; bytes < list.length; bytes++) {
    // A header alone is whole: it selects nothing.
    if (bytes === header.length) continue;
    t.match(select6(host, list.slice(0, bytes)).sense, { name: 'parameter-list-length' }, `${bytes} bytes`);
  }
  t.match(select6(host, list, { length: list.length + 1 }).sense, { name: 'parameter-list-length' }, 'fewer came');
  t.equal(current(host, 0x0a)[4], 0, 'nothing taken over');
});

t.test('what may not change is pointed at', async (t) => {
  const host = new Rig().host('a');
  t.match(select6(host, [...header, ...page({ 3: 0x10 })]).sense, inList(7, 4));
  t.match(select6(host, [...header, ...page({ 2: 0x80 })]).sense, inList(6, 7));
  t.match(select6(host, [...header, ...page({ 1: 9 })].slice(0, -1)).sense, inList(5), 'page length');
  t.match(select6(host, [...header, 0x02, 0x0e, ...new Array(14).fill(0)]).sense, inList(4), 'unknown page');
  t.match(select6(host, [...header, 0x4a, 0x07, 0, 0]).sense, inList(5), 'unknown subpage');
  t.match(
    select6(host, [...header, ...page({ 4: 8 }), 0x1c, 10, 0x08, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]).sense,
    inList(4 + 12 + 3, 3),
    'a reporting method that is not known',
  );
  t.equal(current(host, 0x0a)[4], 0, 'the good page before it was not taken over');
});

t.test('CDB fields', async (t) => {
  const host = new Rig().host('a');
  t.match(select6(host, [...header, ...page({})], { flags: 0 }).sense, inCdb(1, 4), 'PF');
  t.match(select6(host, [...header, ...page({})], { flags: 0x12 }).sense, inCdb(1, 1), 'RTD');
  const unsaved = new Rig({ store: null }).host('a');
  t.match(select6(unsaved, [...header, ...page({})], { flags: 0x11 }).sense, inCdb(1, 0), 'SP');
});

t.test('SP saves: the values outlive resets and the array', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  t.equal(select6(host, [...header, ...page({ 4: 8 })], { flags: 0x11 }).status, 0);
  t.equal(current(host, 0x0a, 3)[4], 8);
  t.equal(select6(host, [...header, ...page({ 2: 4 })]).status, 0, 'now others, not saved');
  t.equal(current(host, 0x0a, 3)[4], 8);
  host.manage('logical-unit-reset');
  host.attentions();
  t.equal(current(host, 0x0a)[4], 8, 'the saved values are back');
  t.equal(current(host, 0x0a)[2], 0);
  const restarted = new Rig({ store: rig.store }).host('a');
  t.equal(current(restarted, 0x0a)[4], 8);
  t.match(restarted.run([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], Buffer.alloc(512)).sense, { name: 'write-protected' });
});

t.test('saving fails: nothing changes', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  rig.store!.broken = true;
  t.match(select6(host, [...header, ...page({ 4: 8 })], { flags: 0x11 }).sense, { name: 'hardware-error' });
  t.equal(current(host, 0x0a)[4], 0);
});

t.test('saved pages of another layout are ignored', async (t) => {
  const store = new MemoryStore();
  store.saveModePages(0, [
    { page: 0x0a, subpage: 0, bytes: Buffer.alloc(3, 0xff) },
    { page: 0x77, subpage: 0, bytes: Buffer.alloc(3, 0xff) },
    { page: 0x08, subpage: 0, bytes: Buffer.alloc(18, 0x00) },
  ]);
  const host = new Rig({ store }).host('a');
  t.equal(current(host, 0x0a)[4], 0);
  t.equal(current(host, 0x08)[2], 0, 'WCE, which may change, is taken');
});

t.test('no unit attention when nothing changed', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  select6(a, [...header, ...page({})]);
  t.same(b.attentions(), []);
});
