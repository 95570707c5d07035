import t from 'tap';
import { inCdb, Rig } from './rig.js';

const sense6 = (page: number, options: { pc?: number; subpage?: number; dbd?: boolean; allocation?: number } = {}) => [
  0x1a,
  options.dbd ? 8 : 0,
  ((options.pc ?? 0) << 6) | page,
  options.subpage ?? 0,
  options.allocation ?? 255,
  0,
];
const sense10 = (page: number, options: { flags?: number; subpage?: number; allocation?: number } = {}) => {
  const allocation = options.allocation ?? 4096;
  return [0x5a, options.flags ?? 0, page, options.subpage ?? 0, 0, 0, 0, allocation >> 8, allocation & 0xff, 0];
};

/** Pages of a list: code, subpage, bytes. */
function pages(list: Buffer, from: number) {
  const found: { code: number; subpage: number; data: Buffer }[] = [];
  for (let at = from; at < list.length; ) {
    const sub = (list[at]! & 0x40) !== 0;
    const bytes = sub ? 4 + list.readUInt16BE(at + 2) : 2 + list[at + 1]!;
    found.push({ code: list[at]! & 0x3f, subpage: sub ? list[at + 1]! : 0, data: list.subarray(at, at + bytes) });
    at += bytes;
  }
  return found;
}

const codes = (list: Buffer, from: number) => pages(list, from).map(({ code, subpage }) => [code, subpage]);

t.test('header and short block descriptor', async (t) => {
  const { data } = new Rig({ blocks: 1000 }).host('a').run(sense6(0x3f));
  t.equal(data[0], data.length - 1);
  t.equal(data[1], 0);
  t.equal(data[2], 0x10, 'DPOFUA, not write protected');
  t.same([...data.subarray(3, 12)], [8, 0, 0, 0x03, 0xe8, 0, 0, 2, 0]);
  t.same(codes(data, 12), [
    [0x01, 0],
    [0x08, 0],
    [0x0a, 0],
    [0x1a, 0],
    [0x1c, 0],
  ]);
});

t.test('page 00h: header and block descriptor, of disks and tapes', async (t) => {
  const disk = new Rig({ blocks: 1000, readOnly: true }).host('a');
  t.equal(disk.run(sense6(0x00)).data.toString('hex'), '0b009008000003e800000200');
  t.equal(disk.run(sense6(0x00, { allocation: 4 })).data.toString('hex'), '0b009008');
  t.equal(disk.run(sense6(0x00, { dbd: true })).data.toString('hex'), '03009000');
  t.equal(disk.run(sense10(0x00)).data.toString('hex'), '000e009000000008000003e800000200');
  t.match(disk.run(sense6(0x00, { subpage: 1 })).sense, inCdb(3));
  const tape = new Rig({ tape: true }).host('a');
  t.equal(tape.run(sense6(0x00, { allocation: 12 })).data.toString('hex'), '0b0010088000000000000000');
});

t.test('without block descriptor, and with subpages', async (t) => {
  const host = new Rig().host('a');
  const { data } = host.run(sense6(0x3f, { dbd: true, subpage: 0xff }));
  t.equal(data[3], 0);
  t.same(codes(data, 4), [
    [0x01, 0],
    [0x08, 0],
    [0x0a, 0],
    [0x0a, 1],
    [0x1a, 0],
    [0x1c, 0],
    [0x1c, 2],
  ]);
  t.same(codes(host.run(sense6(0x0a, { dbd: true, subpage: 0xff })).data, 4), [
    [0x0a, 0],
    [0x0a, 1],
  ]);
  t.same(codes(host.run(sense6(0x0a, { dbd: true, subpage: 1 })).data, 4), [[0x0a, 1]]);
});

t.test('ten bytes: long descriptor only if asked for', async (t) => {
  const host = new Rig({ blockSize: 4096, blocks: 77 }).host('a');
  const short = host.run(sense10(0x0a)).data;
  t.equal(short.readUInt16BE(0), short.length - 2);
  t.equal(short[4], 0);
  t.equal(short.readUInt16BE(6), 8);
  t.same([...short.subarray(8, 16)], [0, 0, 0, 77, 0, 0, 0x10, 0]);
  const long = host.run(sense10(0x0a, { flags: 0x10 })).data;
  t.equal(long[4], 1, 'LONGLBA');
  t.equal(long.readUInt16BE(6), 16);
  t.equal(Number(long.readBigUInt64BE(8)), 77);
  t.equal(long.readUInt32BE(20), 4096);
});

t.test('page control: current, changeable, default, saved', async (t) => {
  const host = new Rig().host('a');
  const control = (pc: number) => pages(host.run(sense6(0x0a, { pc, dbd: true })).data, 4)[0]!.data.toString('hex');
  t.equal(control(0), '8a0a00000080000000000001');
  t.equal(control(1), '8a0a14060840000000000000', 'TMF_ONLY, D_SENSE, QERR, SWP, TAS');
  t.equal(control(2), '8a0a00000080000000000001');
  t.equal(control(3), '8a0a00000080000000000001');
  const caching = host.run(sense6(0x08, { dbd: true })).data;
  t.equal(caching[6], 0x04, 'WCE');
  t.same(
    [...host.run(sense6(0x0a, { pc: 1 })).data.subarray(4, 12)],
    [0, 0, 0, 0, 0, 0, 0, 0],
    'nothing in the descriptor',
  );
});

t.test('saved values need a store', async (t) => {
  t.match(new Rig({ store: null }).host('a').run(sense6(0x0a, { pc: 3 })).sense, { name: 'saving-not-supported' });
});

t.test('pages that are not there', async (t) => {
  const host = new Rig().host('a');
  t.match(host.run(sense6(0x02)).sense, inCdb(2, 5));
  t.match(host.run(sense6(0x02, { subpage: 0xff })).sense, inCdb(2, 5));
  t.match(host.run(sense6(0x0a, { subpage: 2 })).sense, inCdb(3));
  t.match(host.run(sense6(0x3f, { subpage: 1 })).sense, inCdb(3));
});

t.test('allocation length', async (t) => {
  const host = new Rig().host('a');
  const whole = host.run(sense6(0x3f)).data;
  for (const allocation of [0, 1, 4, 12, whole.length, 255]) {
    const { status, data } = host.run(sense6(0x3f, { allocation }));
    t.equal(status, 0);
    t.ok(data.equals(whole.subarray(0, allocation)));
  }
});

t.test('write protection shows, be it of the LDEV or by SWP', async (t) => {
  t.equal(new Rig({ readOnly: true }).host('a').run(sense6(0x3f)).data[2], 0x90);
});
