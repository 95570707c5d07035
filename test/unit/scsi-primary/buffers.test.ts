/** WRITE BUFFER and READ BUFFER: data and echo buffers, their descriptors. */
import t from 'tap';
import { Status } from '../../../target/scsi/task.js';
import { inCdb, Rig } from './rig.js';

const cdb = (opcode: number, mode: number, bytes: number, { id = 0, offset = 0 } = {}) => {
  const buffer = Buffer.from([opcode, mode, id, 0, 0, 0, 0, 0, 0, 0]);
  buffer.writeUIntBE(offset, 3, 3);
  buffer.writeUIntBE(bytes, 6, 3);
  return buffer;
};
const write = (mode: number, bytes: number, at = {}) => cdb(0x3b, mode, bytes, at);
const read = (mode: number, bytes: number, at = {}) => cdb(0x3c, mode, bytes, at);

t.test('echo: each nexus hears what it said itself', async (t) => {
  const rig = new Rig();
  const one = rig.host('a');
  const two = rig.host('b', { port: 1 });
  t.same([...one.run(read(0x0b, 4)).data], [1, 0, 0x10, 0], 'EBOS, 4096 bytes');
  t.match(one.run(read(0x0a, 4)).sense, { name: 'command-sequence-error' }, 'nothing was written');
  t.equal(one.run(write(0x0a, 5), Buffer.from('first')).wanted, 5);
  t.equal(two.run(write(0x0a, 6), Buffer.from('second')).status, Status.good);
  t.equal(one.run(read(0x0a, 100)).data.toString(), 'first', 'no longer than what was written');
  t.equal(two.run(read(0x0a, 3)).data.toString(), 'sec');
  const most = Buffer.alloc(4096, 7);
  t.equal(one.run(write(0x0a, 4096, { id: 9, offset: 3 }), most).status, Status.good, 'id and offset are ignored');
  t.same(one.run(read(0x0a, 8192)).data, most);
  t.match(one.run(write(0x0a, 4097), Buffer.alloc(4097)).sense, inCdb(6));
  one.logout();
  t.match(rig.host('a').run(read(0x0a, 4)).sense, { name: 'command-sequence-error' }, 'gone with the nexus');
});

t.test('data: one buffer for all', async (t) => {
  const rig = new Rig();
  const one = rig.host('a');
  const two = rig.host('b', { port: 1 });
  t.same([...one.run(read(0x03, 4)).data], [0, 1, 0, 0], '65536 bytes, any offset');
  t.same([...one.run(read(0x03, 4, { id: 1 })).data], [0, 0, 0, 0], 'no such buffer');
  t.same([...one.run(read(0x02, 3)).data], [0, 0, 0], 'zeros at first');
  t.equal(one.run(write(0x02, 4, { offset: 65532 }), Buffer.from('tail')).status, Status.good);
  t.equal(two.run(read(0x02, 100, { offset: 65533 })).data.toString(), 'ail', 'to the end of the buffer');
  t.equal(two.run(read(0x02, 0)).data.length, 0);
  t.equal(one.run(write(0x02, 0)).status, Status.good);
  t.match(one.run(write(0x02, 5, { offset: 65532 }), Buffer.alloc(5)).sense, inCdb(6), 'beyond the end');
  t.match(one.run(write(0x02, 0, { offset: 65536 })).sense, inCdb(3));
  t.match(one.run(read(0x02, 1, { offset: 65536 })).sense, inCdb(3));
  t.match(one.run(write(0x02, 1, { id: 1 }), Buffer.alloc(1)).sense, inCdb(2));
  t.match(one.run(read(0x02, 1, { id: 1 })).sense, inCdb(2));
  t.match(one.run(write(0x02, 4), Buffer.alloc(3)).sense, { name: 'parameter-list-length' });
});

t.test('other modes, forbidden bits, reservations', async (t) => {
  const rig = new Rig();
  const host = rig.host('a');
  for (const mode of [0x00, 0x01, 0x04, 0x05, 0x0d, 0x0e, 0x0f, 0x1a, 0x1b]) {
    t.match(host.run(write(mode, 0)).sense, inCdb(1, 4), `write mode ${mode}`);
    t.match(host.run(read(mode, 0)).sense, inCdb(1, 4), `read mode ${mode}`);
  }
  t.match(host.run(write(0x03, 0)).sense, inCdb(1, 4), 'a descriptor cannot be written');
  t.match(host.run(write(0x22, 0)).sense, inCdb(1, 5), 'MODE SPECIFIC');
  t.match(host.run(read(0x82, 0)).sense, inCdb(1, 7));
  host.run([0x16, 0, 0, 0, 0, 0]);
  const other = rig.host('b');
  t.equal(other.run(write(0x02, 0)).status, Status.reservationConflict);
  t.equal(other.run(read(0x02, 0)).status, Status.reservationConflict);
});
