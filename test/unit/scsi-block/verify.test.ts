import t from 'tap';
import { cdb, inCdb, pattern, Status, TestUnit } from './harness.js';

const SIZES = [
  { suffix: '(10)', verify: 0x2f, writeAndVerify: 0x2e, length: 7 },
  { suffix: '(12)', verify: 0xaf, writeAndVerify: 0xae, length: 6 },
  { suffix: '(16)', verify: 0x8f, writeAndVerify: 0x8e, length: 10 },
] as const;
const BYTCHK_1 = 0x02;
const BYTCHK_2 = 0x04;
const BYTCHK_3 = 0x06;

for (const { suffix, verify, writeAndVerify, length } of SIZES) {
  t.test(`VERIFY${suffix} without comparison reads and needs no data`, async (t) => {
    const lu = new TestUnit();
    const result = lu.run(cdb(verify, 3, 4));
    t.equal(result.status, Status.good);
    t.equal(result.wanted, 0);
    t.equal(result.data.length, 0);
    t.same(lu.layer.calls, ['read 3+4']);
    t.equal(lu.unit.counters.verifiedBlocks, 4);
    t.equal(lu.run(cdb(verify, 3, 1), pattern(512)).status, Status.good, 'data that nobody asked for is ignored');
  });

  t.test(`VERIFY${suffix} compares all blocks`, async (t) => {
    const lu = new TestUnit();
    const data = pattern(4 * 512);
    data.copy(lu.layer.data, 5 * 512);
    t.equal(lu.run(cdb(verify, 5, 4, BYTCHK_1), data).status, Status.good);
    for (const offset of [0, 511, 512, 2047]) {
      const other = Buffer.from(data);
      other[offset]! ^= 1;
      const result = lu.run(cdb(verify, 5, 4, BYTCHK_1), other);
      t.match(result.sense, { name: 'miscompare', key: 0xe, asc: 0x1d00, information: offset });
    }
    t.equal(lu.layer.pinned, 0);
    t.equal(lu.unit.counters.verifyErrors, 4);
  });

  t.test(`VERIFY${suffix} compares one block with each`, async (t) => {
    const lu = new TestUnit();
    const block = pattern(512);
    for (let lba = 0; lba < 4; lba++) block.copy(lu.layer.data, lba * 512);
    const good = lu.run(cdb(verify, 0, 4, BYTCHK_3), block);
    t.equal(good.status, Status.good);
    t.equal(good.wanted, 512);
    lu.layer.data[3 * 512 + 9]! ^= 1;
    t.match(lu.run(cdb(verify, 0, 4, BYTCHK_3), block).sense, { name: 'miscompare', information: 3 * 512 + 9 });
  });

  t.test(`VERIFY${suffix} refuses what it does not know`, async (t) => {
    const lu = new TestUnit({ blocks: 20_000 });
    t.match(lu.run(cdb(verify, 0, 1, BYTCHK_2), pattern(512)).sense, inCdb(1, 2));
    t.match(lu.run(cdb(verify, 0, 1, 0x20)).sense, inCdb(1, 7));
    t.match(lu.run(cdb(verify, 0, 16_385)).sense, inCdb(length));
    t.match(lu.run(cdb(verify, 19_999, 2)).sense, { name: 'lba-out-of-range' });
    t.match(lu.run(cdb(verify, 0, 2, BYTCHK_1), pattern(512)).sense, { name: 'invalid-field-in-iu' });
    t.equal(lu.run(cdb(verify, 0, 0, BYTCHK_1)).status, Status.good);
    t.same(lu.layer.calls, []);
  });

  t.test(`WRITE AND VERIFY${suffix} writes to the medium, reads back and compares`, async (t) => {
    const lu = new TestUnit();
    const data = pattern(1024);
    for (const flags of [0, BYTCHK_1]) {
      lu.layer.calls.length = 0;
      t.equal(lu.run(cdb(writeAndVerify, 2, 2, flags), data).status, Status.good);
      t.same(lu.layer.calls, ['write 2+2', 'read 2+2']);
      t.match(lu.layer.lastIo, { fua: true });
      t.ok(lu.layer.view(2, 2).equals(data));
    }
    for (const [flags, bit] of [
      [0x04, 2],
      [0x06, 2],
      [0x20, 7],
      [0x08, 3],
    ] as const) {
      t.match(lu.run(cdb(writeAndVerify, 0, 1, flags), pattern(512)).sense, inCdb(1, bit));
    }
  });

  t.test(`WRITE AND VERIFY${suffix}: less data than the CDB says`, async (t) => {
    const lu = new TestUnit();
    const result = lu.run(cdb(writeAndVerify, 0, 2, BYTCHK_1), pattern(512), 512);
    t.equal(result.status, Status.good);
    t.same(lu.layer.calls, ['write 0+1', 'read 0+1']);
  });
}

t.test('WRITE AND VERIFY tells where the medium gave something else back', async (t) => {
  const lu = new TestUnit();
  const read = lu.layer.read.bind(lu.layer);
  lu.layer.read = (io, lba, blocks, done) => {
    lu.layer.data[lba * 512 + 700]! ^= 0x80;
    read(io, lba, blocks, done);
  };
  t.match(lu.run(cdb(0x2e, 0, 2, BYTCHK_1), pattern(1024)).sense, { name: 'miscompare', information: 700 });
});
