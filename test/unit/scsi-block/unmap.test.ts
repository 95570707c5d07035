import t from 'tap';
import { Limits } from '../../../target/scsi/limits.js';
import { unmap, unmapList } from '../../../wire/scsi/cdb-build.js';
import { Status, TestUnit } from './harness.js';

function send(lu: TestUnit, list: Buffer) {
  return lu.run(unmap(list.length), list);
}

t.test('UNMAP of several ranges', async (t) => {
  const lu = new TestUnit();
  lu.layer.fill(0, 100, 1);
  const list = unmapList([
    { lba: 8, blocks: 8 },
    { lba: 0, blocks: 0 },
    { lba: 50, blocks: 1 },
    { lba: 12, blocks: 8 },
  ]);
  t.equal(send(lu, list).status, Status.good);
  t.same(lu.layer.calls, ['unmap 8+8', 'unmap 50+1', 'unmap 12+8']);
  t.equal(lu.unit.counters.unmappedBlocks, 17);
});

t.test('UNMAP of nothing', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(unmap(0)).status, Status.good);
  t.equal(send(lu, unmapList([])).status, Status.good);
  t.equal(send(lu, unmapList([{ lba: 1024, blocks: 0 }])).status, Status.good);
  t.match(send(lu, unmapList([{ lba: 1025, blocks: 0 }])).sense, { name: 'lba-out-of-range' });
  t.same(lu.layer.calls, []);
});

t.test('UNMAP unmaps nothing when one range is wrong', async (t) => {
  const lu = new TestUnit();
  const list = unmapList([
    { lba: 0, blocks: 1 },
    { lba: 1023, blocks: 2 },
  ]);
  t.match(send(lu, list).sense, { name: 'lba-out-of-range', information: 1023 });
  t.same(lu.layer.calls, []);
  const far = unmapList([{ lba: 0, blocks: 1 }]);
  far.writeUInt32BE(0xffffffff, 8);
  t.match(send(lu, far).sense, { name: 'lba-out-of-range' });
});

t.test('UNMAP: lists that are too short or lie about their length', async (t) => {
  const lu = new TestUnit();
  const length = { name: 'parameter-list-length', key: 5, asc: 0x1a00 };
  const list = unmapList([{ lba: 0, blocks: 1 }]);
  for (let bytes = 1; bytes < list.length; bytes++)
    t.match(send(lu, list.subarray(0, bytes)).sense, length, `${bytes}`);

  const descriptors = Buffer.from(list);
  descriptors.writeUInt16BE(32, 2);
  t.match(send(lu, descriptors).sense, length);
  const data = Buffer.from(list);
  data.writeUInt16BE(list.length, 0);
  t.match(send(lu, data).sense, length);
  const full = Buffer.from(list);
  full.writeUInt16BE(0xffff, 0);
  full.writeUInt16BE(0xffff, 2);
  t.match(send(lu, full).sense, length);
  t.same(lu.layer.calls, []);

  const cut = Buffer.from(list);
  cut.writeUInt16BE(15, 2);
  t.equal(send(lu, cut).status, Status.good, 'an incomplete last descriptor is ignored');
  t.same(lu.layer.calls, []);
});

t.test('UNMAP: the initiator sends less than PARAMETER LIST LENGTH', async (t) => {
  const lu = new TestUnit();
  const list = unmapList([{ lba: 0, blocks: 1 }]);
  t.match(lu.run(unmap(list.length), list.subarray(0, 12)).sense, { name: 'parameter-list-length' });
});

t.test('UNMAP: limits of the Block Limits page', async (t) => {
  const lu = new TestUnit();
  const ranges = (count: number) => unmapList(new Array(count).fill({ lba: 0, blocks: 1 }));
  t.equal(send(lu, ranges(256)).status, Status.good);
  t.match(send(lu, ranges(257)).sense, { name: 'invalid-field-in-list', field: { inCdb: false, byte: 2 } });

  (lu.unit as { ldev: object }).ldev = { ...lu.unit.ldev, blocks: 2 ** 33 };
  lu.layer.unmap = (_io, _lba, _blocks, done) => done(null);
  const most = Limits.unmapBytes / 512;
  t.equal(send(lu, unmapList([{ lba: 0, blocks: most }])).status, Status.good);
  const tooMuch = unmapList([
    { lba: 0, blocks: most },
    { lba: 0, blocks: 1 },
  ]);
  t.match(send(lu, tooMuch).sense, { name: 'invalid-field-in-list', field: { inCdb: false, byte: 32 } });
});

t.test('UNMAP: ANCHOR and write protection', async (t) => {
  const list = unmapList([{ lba: 0, blocks: 1 }]);
  const lu = new TestUnit();
  t.match(lu.run(unmap(list.length, true), list).sense, { field: { inCdb: true, byte: 1, bit: 0 } });
  t.match(send(new TestUnit({ readOnly: true }), list).sense, { name: 'write-protected' });
});
