/** SECURITY PROTOCOL IN. */
import t from 'tap';
import { inCdb, Rig } from './rig.js';

const cdb = (protocol: number, specific: number, allocation: number, inc512 = false) => {
  const buffer = Buffer.from([0xa2, protocol, 0, 0, inc512 ? 0x80 : 0, 0, 0, 0, 0, 0, 0, 0]);
  buffer.writeUInt16BE(specific, 2);
  buffer.writeUInt32BE(allocation, 6);
  return buffer;
};

t.test('the list of protocols, and the certificate that there is not', async (t) => {
  const host = new Rig().host('a');
  const list = [0, 0, 0, 0, 0, 0, 0, 1, 0];
  t.same([...host.run(cdb(0, 0, 255)).data], list);
  t.same([...host.run(cdb(0, 0, 1, true)).data], list, 'INC_512');
  t.equal(host.run(cdb(0, 0, 7)).data.length, 7);
  t.equal(host.run(cdb(0, 0, 0)).data.length, 0);
  t.equal(host.run(cdb(0, 0, 0xffffffff, true)).data.length, 9);
  t.same([...host.run(cdb(0, 1, 255)).data], [0, 0, 0, 0]);
});

t.test('refusals', async (t) => {
  const host = new Rig().host('a');
  t.match(host.run(cdb(0, 2, 255)).sense, inCdb(2));
  t.match(host.run(cdb(1, 0, 255)).sense, inCdb(1));
  t.match(host.run([0xa2, 0, 0, 0, 0x01, 0, 0, 0, 0, 9, 0, 0]).sense, inCdb(4, 0));
  t.match(host.run([0xa2, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x20, 0]).sense, inCdb(10, 5));
});
