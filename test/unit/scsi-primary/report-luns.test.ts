import t from 'tap';
import { inCdb, Rig } from './rig.js';

const cdb = (select: number, allocation = 4096) => {
  const bytes = Buffer.from([0xa0, 0, select, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32BE(allocation, 6);
  return bytes;
};

const luns = (data: Buffer) => {
  const list = [];
  for (let at = 8; at < data.length; at += 8) list.push(data.toString('hex', at, at + 8));
  return list;
};

const mapped = [
  [300, 1],
  [7, 0],
  [0, 1],
] as const;

t.test('SELECT REPORT', async (t) => {
  const host = new Rig({ luns: mapped }).host('a');
  const ordinary = ['0000000000000000', '0007000000000000', '412c000000000000'];
  const known = 'c101000000000000';
  t.same(luns(host.run(cdb(0)).data), ordinary, 'ascending; flat space above 255');
  t.same(luns(host.run(cdb(1)).data), [known]);
  t.same(luns(host.run(cdb(2)).data), [...ordinary, known]);
  t.match(host.run(cdb(3)).sense, inCdb(2));
  t.match(host.run(cdb(0x10)).sense, inCdb(2));
});

t.test('allocation length: the list length tells of all', async (t) => {
  const host = new Rig({ luns: mapped }).host('a');
  for (const allocation of [0, 3, 8, 16, 31, 32, 0xffffffff]) {
    const { status, data } = host.run(cdb(0, allocation));
    t.equal(status, 0);
    t.equal(data.length, Math.min(allocation, 32));
    if (data.length >= 4) t.equal(data.readUInt32BE(0), 24);
  }
});

t.test('an initiator sees the LUNs of its host group only', async (t) => {
  const rig = new Rig();
  (rig.groups[1]!.luns as Map<number, number>).set(4, 1);
  t.same(luns(rig.host('a').run(cdb(0)).data), ['0000000000000000']);
  t.same(luns(rig.host('a', { port: 1 }).run(cdb(0)).data), ['0000000000000000', '0004000000000000']);
});

t.test('a changed map is told, and REPORT LUNS to any LUN clears it for all', async (t) => {
  const rig = new Rig({
    luns: [
      [0, 0],
      [1, 1],
    ],
  });
  const host = rig.host('a');
  const other = rig.host('b', { port: 1 });
  rig.events.emit('luns-changed', rig.groups[0]);
  t.same(host.attentions(1), ['luns-changed']);
  t.same(other.attentions(), [], 'another host group');
  rig.events.emit('luns-changed', rig.groups[0]);
  t.equal(host.run(cdb(0)).status, 0, 'passes the condition');
  t.same(host.attentions(0), []);
  t.same(host.attentions(1), []);
});
