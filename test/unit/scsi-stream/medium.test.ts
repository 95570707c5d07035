/** What of a tape survives the death of the process: torn ends, damage, synchronization. */
import t from 'tap';
import {
  ERASE,
  filemarks,
  locate,
  position,
  REWIND,
  read,
  record,
  SILI,
  seen,
  setBlockLength,
  space,
  TapeRig,
  writeRecord,
} from './tape-rig.js';

const SECTOR = 512;

t.test('a block that was cut off is no data; those before it are', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  writeRecord(host, record(1000, 1));
  writeRecord(host, record(5000, 2));
  writeRecord(host, record(5000, 3));
  for (const damage of ['header', 'data'] as const) {
    const cut = new TapeRig();
    rig.layer.data.copy(cut.layer.data);
    // The first block takes 3 sectors from 8 on, the second 11.
    cut.layer.data[(8 + 3) * SECTOR + (damage === 'header' ? 20 : 3000)]! ^= 1;
    const next = cut.host('a');
    t.ok(next.run(read(1000)).data.equals(record(1000, 1)));
    t.same(seen(next.run(read(1000))), [8, 0x0005, 1000], damage);
    t.same(position(next), [1, 0]);
    writeRecord(next, record(5000, 4));
    const third = cut.restarted().host('a');
    third.run(space(3, 0));
    t.same(position(third), [2, 0], 'the third block does not come back behind the new second one');
  }
});

t.test('a damaged block is a medium error, and is passed over by LOCATE', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  for (let i = 0; i < 3; i++) writeRecord(host, record(1000, i));
  host.run(filemarks(1));
  rig.layer.data[(8 + 3 + 1) * SECTOR]! ^= 1;
  host.run(REWIND);
  t.equal(host.run(read(1000)).status, 0);
  t.same(seen(host.run(read(1000))), [3, 0x1100, null]);
  t.same(position(host), [1, 0]);
  host.run(locate(2));
  t.ok(host.run(read(1000)).data.equals(record(1000, 2)));
  rig.layer.data[(8 + 3) * SECTOR]! ^= 1;
  host.run(locate(1));
  t.same(seen(host.run(read(1000))), [3, 0x3100, null], 'a header');
});

t.test('a damaged label: nothing is read; what is written at the beginning, or ERASE, begins anew', async (t) => {
  for (const [name, cdb] of [
    ['ERASE', ERASE],
    ['WRITE FILEMARKS', filemarks(1)],
  ] as const) {
    const rig = new TapeRig();
    const host = rig.host('a');
    for (let i = 0; i < 3; i++) writeRecord(host, record(10, i));
    host.run(filemarks(1));
    rig.layer.data[10]! ^= 1;
    const next = rig.restarted();
    const again = next.host('a');
    t.same(seen(again.run(read(10))), [3, 0x3100, null]);
    t.same(seen(again.run(space(3, 0))), [3, 0x3100, null]);
    t.same(seen(again.run(filemarks(0))), [3, 0x3100, null], 'nothing is written by it');
    t.equal(again.run(REWIND).status, 0);
    next.layer.failNext = { kind: 'hardware-error', cause: 'a path' };
    t.equal(again.run(cdb).sense?.name, 'hardware-error');
    t.same(seen(again.run(read(10))), [3, 0x3100, null], 'that says nothing of the medium');
    t.equal(again.run(cdb).status, 0, name);
    writeRecord(again, record(10, 7));
    const third = next.restarted().host('a');
    if (cdb !== ERASE) third.run(read(10));
    t.ok(third.run(read(10)).data.equals(record(10, 7)));
    t.same(seen(third.run(read(10))), [8, 0x0005, 10], 'nothing of what was there comes back');
  }
});

t.test('a medium whose end cannot be read is written from the beginning', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  writeRecord(host, record(10, 1));
  const next = rig.restarted();
  const again = next.host('a');
  const { layer } = next;
  const layerRead = layer.read.bind(layer);
  layer.read = (io, lba, blocks, done) => {
    if (lba <= 8 && lba + blocks > 8) done({ kind: 'medium-error', lba: 8, write: false }, [], () => {});
    else layerRead(io, lba, blocks, done);
  };
  t.same(seen(again.run(read(10))), [3, 0x1100, null]);
  t.equal(writeRecord(again, record(20, 2)).status, 0);
  layer.read = layerRead;
  again.run(REWIND);
  t.ok(again.run(read(20)).data.equals(record(20, 2)));
});

t.test(
  'WRITE FILEMARKS without IMMED, and REWIND, bring all to the medium; buffered mode 0 does so at once',
  async (t) => {
    const rig = new TapeRig();
    const host = rig.host('a');
    const flushes = () => rig.layer.calls.filter((call) => call.startsWith('flush')).length;
    writeRecord(host, record(10, 1));
    t.equal(rig.layer.lastIo?.fua, false);
    t.equal(flushes(), 0);
    host.run(filemarks(1, 0x01));
    t.equal(flushes(), 0, 'IMMED');
    host.run(filemarks(1));
    t.equal(flushes(), 1);
    host.run(filemarks(0));
    t.equal(flushes(), 1, 'there is nothing more to bring');
    writeRecord(host, record(10, 1));
    host.run(REWIND);
    t.equal(flushes(), 2);
    t.equal(setBlockLength(host, 0, [0, 0, 0x00, 8]).status, 0);
    host.run(space(3, 0));
    writeRecord(host, record(10, 1));
    t.equal(rig.layer.lastIo?.fua, true);
    t.equal(setBlockLength(host, 0).status, 0);
    writeRecord(host, record(10, 1));
    const before = flushes();
    t.equal(setBlockLength(host, 0, [0, 0, 0x00, 8]).status, 0);
    writeRecord(host, record(10, 1));
    t.equal(flushes(), before + 1, 'with what was written in mode 1 before');
  },
);

t.test('a start reads what follows the last synchronization only', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  for (let i = 0; i < 50; i++) writeRecord(host, record(10, i));
  host.run(filemarks(1));
  writeRecord(host, record(10, 50));
  const next = rig.restarted();
  const again = next.host('a');
  next.layer.calls.length = 0;
  again.run(space(3, 0));
  t.same(position(again), [52, 1]);
  t.ok(next.layer.calls.length < 10, `${next.layer.calls.length} calls`);
});

t.test('a write that failed, but was there: gone', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  writeRecord(host, record(10, 0));
  const { layer } = rig;
  const write = layer.write.bind(layer);
  layer.write = (io, lba, blocks, data, done) =>
    write(io, lba, blocks, data, () => done({ kind: 'hardware-error', cause: 'lost' }));
  const pair = Buffer.concat([record(10, 1), record(10, 2)]);
  setBlockLength(host, 10);
  t.equal(host.run([0x0a, 0x01, 0, 0, 2, 0], pair).sense?.name, 'hardware-error');
  layer.write = write;
  writeRecord(host, record(10, 3));
  const again = rig.restarted().host('a');
  again.run(space(3, 0));
  t.same(position(again), [2, 0]);
});

t.test('what stands behind a block may be unreadable', async (t) => {
  const rig = new TapeRig();
  const host = rig.host('a');
  for (const seed of [1, 2]) writeRecord(host, record(1000, seed));
  host.run(REWIND);
  const { layer } = rig;
  const layerRead = layer.read.bind(layer);
  layer.read = (io, lba, blocks, done) => {
    if (lba + blocks > 11) done({ kind: 'medium-error', lba: 11, write: false }, [], () => {});
    else layerRead(io, lba, blocks, done);
  };
  t.ok(host.run(read(4096, SILI)).data.equals(record(1000, 1)));
  t.same(seen(host.run(read(4096, SILI))), [3, 0x1100, null]);
  t.equal(layer.pinned, 0);
});
