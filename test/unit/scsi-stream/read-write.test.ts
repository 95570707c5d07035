/** READ(6), WRITE(6) and WRITE FILEMARKS(6) of a virtual tape: lengths, residues, ends. */
import t from 'tap';
import { inCdb } from '../scsi-primary/rig.js';
import {
  ERASE,
  FIXED,
  filemarks,
  position,
  REWIND,
  read,
  record,
  SILI,
  seen,
  setBlockLength,
  space,
  TapeRig,
  write,
  writeRecord,
} from './tape-rig.js';

t.test('what was written comes back, block by block, then the filemark, then the end of data', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  const records = [record(1, 1), record(700, 2), record(65536, 3)];
  for (const data of records) t.equal(writeRecord(host, data).status, 0);
  t.equal(host.run(filemarks(2)).status, 0);
  t.same(position(host), [5, 2]);
  t.equal(host.run(REWIND).status, 0);
  for (const data of records) {
    const result = host.run(read(data.length));
    t.equal(result.status, 0);
    t.ok(result.data.equals(data));
  }
  t.same(seen(host.run(read(10))), [0, 0x0001, 10, 'FILEMARK']);
  t.same(seen(host.run(read(10))), [0, 0x0001, 10, 'FILEMARK'], 'it has moved over the first');
  t.same(seen(host.run(read(10))), [8, 0x0005, 10]);
  t.same(position(host), [5, 2]);
  t.equal(rig.layer.pinned, 0);
});

t.test('nothing written: the end of data; zero bytes: nothing moves', async (t) => {
  const host = new TapeRig().host('a');
  t.same(seen(host.run(read(512))), [8, 0x0005, 512]);
  t.equal(host.run(read(0)).status, 0);
  t.equal(host.run(write(0)).status, 0);
  t.equal(host.run(filemarks(0)).status, 0);
  t.same(position(host), [0, 0]);
});

t.test('blocks longer and shorter than asked for: ILI and a signed residue, data as far as it goes', async (t) => {
  const host = new TapeRig().host('a');
  const data = record(1000, 1);
  writeRecord(host, data);
  for (const [asked, flags, expected] of [
    [400, 0, [0, 0, -600, 'ILI']],
    [1500, 0, [0, 0, 500, 'ILI']],
    [400, SILI, null],
    [1500, SILI, null],
  ] as const) {
    host.run(REWIND);
    const result = host.run(read(asked, flags));
    t.same(seen(result), expected, `${asked} ${flags}`);
    t.ok(result.data.equals(data.subarray(0, asked)));
    t.same(position(host), [1, 0], 'after the block');
  }
  setBlockLength(host, 512);
  host.run(REWIND);
  t.same(seen(host.run(read(400, SILI))), [0, 0, -600, 'ILI'], 'with a block length, too long is told in any case');
});

t.test('descriptor format: stream commands descriptor, a residue of 64 bits', async (t) => {
  const { encodeSense } = await import('../../../wire/scsi/sense-codec.js');
  const host = new TapeRig().host('a');
  writeRecord(host, record(1000, 1));
  host.run(REWIND);
  const bytes = encodeSense(host.run(read(400)).sense!, true).toString('hex');
  t.equal(bytes, '7200000000000010000a8000fffffffffffffda804020020');
});

t.test('FIXED: blocks of the length that is set; another length, filemark and end tell blocks left', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  t.match(host.run(read(1, FIXED)).sense, inCdb(1, 0), 'no block length is set');
  t.match(host.run(write(1, FIXED), Buffer.alloc(512)).sense, inCdb(1, 0));
  setBlockLength(host, 512);
  const data = record(512 * 6, 4);
  t.equal(host.run(write(6, FIXED), data).status, 0);
  t.same(position(host), [6, 0]);
  host.run(filemarks(1));
  host.run(REWIND);
  const four = host.run(read(4, FIXED));
  t.ok(four.data.equals(data.subarray(0, 4 * 512)));
  const rest = host.run(read(4, FIXED));
  t.same(seen(rest), [0, 0x0001, 2, 'FILEMARK']);
  t.ok(rest.data.equals(data.subarray(4 * 512)), 'what was read before goes with it');
  t.same(seen(host.run(read(4, FIXED))), [8, 0x0005, 4]);
  host.run(REWIND);
  setBlockLength(host, 256);
  t.same(seen(host.run(read(3, FIXED))), [0, 0, 3, 'ILI']);
  t.same(position(host), [1, 0], 'after the block of the wrong length');
  t.match(host.run(read(3, FIXED | SILI)).sense, inCdb(1, 1));
  t.equal(rig.layer.pinned, 0);
});

t.test('writing in the middle ends the data there, for good', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  const same = record(600, 1);
  for (let i = 0; i < 4; i++) writeRecord(host, same);
  host.run(REWIND);
  writeRecord(host, same);
  t.same(seen(host.run(read(600))), [8, 0x0005, 600]);
  const again = rig.restarted().host('a');
  t.ok(again.run(read(600)).data.equals(same));
  t.same(seen(again.run(read(600))), [8, 0x0005, 600], 'blocks of the pass before do not come back');
  again.run(REWIND);
  t.equal(again.run(ERASE).status, 0);
  t.same(seen(again.run(read(600))), [8, 0x0005, 600]);
});

t.test('limits: what is moved at once', async (t) => {
  const host = new TapeRig().host('a');
  t.match(host.run(read(8 * 1024 * 1024 + 1)).sense, inCdb(2));
  t.match(host.run(write(8 * 1024 * 1024 + 1)).sense, inCdb(2));
  setBlockLength(host, 1);
  t.equal(host.run(read(16384, FIXED)).sense?.name, 'end-of-data');
  t.match(host.run(read(16385, FIXED)).sense, inCdb(2), 'each takes 512 bytes on the medium');
  t.same([...host.run([0x05, 0, 0, 0, 0, 0]).data], [0, 0x80, 0, 0, 0, 1]);
});

t.test('less data than the CDB says: nothing is written', async (t) => {
  const host = new TapeRig().host('a');
  t.match(host.run(write(512), Buffer.alloc(100)).sense, { name: 'invalid-field-in-iu' });
  t.same(position(host), [0, 0]);
});

t.test('early warning and end of medium', async (t) => {
  // 160 sectors of which the last 10 are beyond the early warning; blocks of 16 sectors.
  const rig = new TapeRig({ blocks: 160 });
  const host = rig.host('a');
  const data = record(16 * 512 - 128, 1);
  const told = [];
  for (let i = 0; i < 10; i++) told.push(seen(writeRecord(host, data)));
  t.same(told.slice(0, 8), new Array(8).fill(null));
  t.same(told[8], [0, 0x0002, 0, 'EOM'], 'written, and near the end');
  t.same(told[9], [13, 0x0002, data.length, 'EOM'], 'not written');
  t.same(position(host), [9, 0]);
  t.equal(host.run([0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0]).data[0], 0x40, 'EOP');
  t.same(seen(host.run(filemarks(1))), [0, 0x0002, 0, 'EOM']);
  t.same(seen(host.run(filemarks(100))), [13, 0x0002, 93, 'EOM']);
  setBlockLength(host, 16 * 512 - 128);
  host.run(REWIND);
  host.run(space(0, 8));
  t.same(seen(host.run(write(3, FIXED), record(3 * data.length, 2))), [13, 0x0002, 2, 'EOM']);
});

t.test('a failure below leaves the position; the next command goes on', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  writeRecord(host, record(100, 1));
  rig.layer.failNext = { kind: 'medium-error', lba: 9, write: true };
  t.same(seen(writeRecord(host, record(100, 2))), [3, 0x0c00, null], 'no LBA is told');
  t.same(position(host), [1, 0]);
  t.equal(writeRecord(host, record(100, 3)).status, 0);
  host.run(REWIND);
  host.run(read(100));
  t.ok(host.run(read(100)).data.equals(record(100, 3)));
  host.run(REWIND);
  rig.layer.failNext = { kind: 'medium-error', lba: 9, write: false };
  t.same(seen(host.run(read(100))), [3, 0x1100, null]);
  rig.layer.failNext = { kind: 'no-space', cause: 'full' };
  t.equal(writeRecord(host, record(1, 1)).sense?.name, 'no-space');
});
