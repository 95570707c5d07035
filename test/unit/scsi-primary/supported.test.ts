/** REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS. */
import t from 'tap';
import { inCdb, Rig } from './rig.js';

const codes = (option: number, opcode = 0, action = 0, options: { rctd?: boolean; allocation?: number } = {}) => {
  const cdb = Buffer.from([0xa3, 0x0c, option | (options.rctd ? 0x80 : 0), opcode, 0, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt16BE(action, 4);
  cdb.writeUInt32BE(options.allocation ?? 65535, 6);
  return cdb;
};

t.test('all commands: as the table has them', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  const { data } = host.run(codes(0));
  const { rows } = rig.unit.commands;
  t.equal(data.readUInt32BE(0), data.length - 4);
  t.equal(data.length, 4 + 8 * rows.length);
  rows.forEach((row, i) => {
    const at = 4 + 8 * i;
    t.equal(data[at], row.opcode);
    t.equal(data.readUInt16BE(at + 2), row.serviceAction ?? 0);
    t.equal(data[at + 5], row.serviceAction === null ? 0 : 1);
    t.equal(data.readUInt16BE(at + 6), row.cdbLength);
  });
  const timed = host.run(codes(0, 0, 0, { rctd: true })).data;
  t.equal(timed.length, 4 + 20 * rows.length);
  t.equal(timed[9], 2, 'CTDP');
  t.same([...timed.subarray(12, 24)], [0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30]);
});

t.test('one command', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  const plain = host.run(codes(1, 0x28)).data;
  t.same([...plain], [0, 3, 0, 10, ...rig.unit.commands.find(Buffer.from([0x28, 0]))!.usage]);
  t.equal(host.run(codes(1, 0x28, 0, { rctd: true })).data.length, plain.length + 12);
  t.same([...host.run(codes(1, 0xf5)).data], [0, 1, 0, 0], 'not supported');
  t.match(host.run(codes(1, 0x9e)).sense, inCdb(2, 2), 'has service actions');
  t.equal(host.run(codes(2, 0x9e, 0x10)).data[1], 3);
  t.equal(host.run(codes(2, 0x9e, 0x1f)).data[1], 1);
  t.equal(host.run(codes(2, 0x9e, 0x110)).data[1], 1);
  t.match(host.run(codes(2, 0x28)).sense, inCdb(2, 2), 'has none');
  t.equal(host.run(codes(2, 0xf5)).data[1], 1);
  t.equal(host.run(codes(3, 0x28)).data[1], 3);
  t.equal(host.run(codes(3, 0x28, 1)).data[1], 1);
  t.equal(host.run(codes(3, 0x9e, 0x10)).data[1], 3);
  t.match(host.run(codes(4)).sense, inCdb(2, 2));
  t.equal(host.run(codes(1, 0x28, 0, { allocation: 3 })).data.length, 3);
});

t.test('task management functions', async (t) => {
  const host = new Rig().host('a');
  const cdb = (repd: boolean, allocation = 255) => [0xa3, 0x0d, repd ? 0x80 : 0, 0, 0, 0, 0, 0, 0, allocation, 0, 0];
  t.same([...host.run(cdb(false)).data], [0xfc, 0x07, 0, 0]);
  const extended = host.run(cdb(true)).data;
  t.equal(extended.length, 16);
  t.equal(extended[3], 12);
  t.match(host.run(cdb(false, 3)).sense, inCdb(6));
});
