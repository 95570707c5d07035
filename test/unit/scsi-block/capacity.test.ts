import t from 'tap';
import { decodeCapacity10, decodeCapacity16 } from '../../../wire/scsi/capacity.js';
import { getLbaStatus, readCapacity10, readCapacity16 } from '../../../wire/scsi/cdb-build.js';
import { decodeLbaStatus } from '../../../wire/scsi/lba-status.js';
import { inCdb, Status, TestUnit } from './harness.js';

t.test('READ CAPACITY(10)', async (t) => {
  const lu = new TestUnit();
  t.same(decodeCapacity10(lu.run(readCapacity10()).data), { blocks: 1024, blockSize: 512 });
  for (const [blocks, told] of [
    [0xffffffff, 0xffffffff],
    [0x100000000, null],
    [2 ** 40, null],
  ] as const) {
    (lu.unit as { ldev: object }).ldev = { ...lu.unit.ldev, blocks };
    t.same(decodeCapacity10(lu.run(readCapacity10()).data)?.blocks, told);
  }
  const pmi = readCapacity10();
  pmi[8] = 1;
  t.match(lu.run(pmi).sense, inCdb(8, 0));
});

t.test('READ CAPACITY(16)', async (t) => {
  for (const blockSize of [512, 4096] as const) {
    for (const thin of [true, false]) {
      const lu = new TestUnit({ blockSize, thin });
      t.same(decodeCapacity16(lu.run(readCapacity16(32)).data), {
        blocks: 1024,
        blockSize,
        physicalExponent: 0,
        protection: 0,
        lowestAligned: 0,
        thin,
        readsZeros: thin,
      });
    }
  }
});

t.test('READ CAPACITY(16) tells how many logical blocks make a physical one', async (t) => {
  for (const [blockSize, physicalBlockSize, physicalExponent] of [
    [512, 512, 0],
    [512, 4096, 3],
    [4096, 4096, 0],
  ] as const) {
    const lu = new TestUnit({ blockSize, physicalBlockSize });
    t.match(decodeCapacity16(lu.run(readCapacity16(32)).data), { physicalExponent, lowestAligned: 0 });
  }
});

t.test('READ CAPACITY(16) is cut to the allocation length', async (t) => {
  const lu = new TestUnit();
  const whole = lu.run(readCapacity16(32)).data;
  for (const allocation of [0, 1, 8, 12, 31, 32, 33, 65536]) {
    const cut = lu.run(readCapacity16(allocation));
    t.equal(cut.status, Status.good);
    t.ok(cut.data.equals(whole.subarray(0, allocation)));
  }
});

t.test('SERVICE ACTION IN(16) with an unknown service action', async (t) => {
  const bytes = readCapacity16(32);
  bytes[1] = 0x1f;
  t.match(new TestUnit().run(bytes).sense, inCdb(1, 4));
});

t.test('GET LBA STATUS tells allocation states from the LBA on', async (t) => {
  const lu = new TestUnit();
  lu.layer.fill(8, 8, 1);
  lu.layer.fill(100, 1, 1);
  const list = (lba: number, allocation: number) => decodeLbaStatus(lu.run(getLbaStatus(lba, allocation)).data);
  t.same(list(0, 4096), [
    { lba: 0, blocks: 8, status: 1 },
    { lba: 8, blocks: 8, status: 0 },
    { lba: 16, blocks: 84, status: 1 },
    { lba: 100, blocks: 1, status: 0 },
    { lba: 101, blocks: 923, status: 1 },
  ]);
  t.same(list(10, 24), [{ lba: 10, blocks: 6, status: 0 }]);
  t.same(list(1023, 24), [{ lba: 1023, blocks: 1, status: 1 }]);
  t.equal(list(0, 47).length, 2);
  t.equal(lu.run(getLbaStatus(0, 10)).data.length, 10);
});

t.test('GET LBA STATUS beyond the end, and a failure below', async (t) => {
  const lu = new TestUnit();
  t.match(lu.run(getLbaStatus(1024, 24)).sense, { name: 'lba-out-of-range' });
  lu.layer.failNext = { kind: 'not-ready', cause: 'blocked' };
  t.match(lu.run(getLbaStatus(0, 24)).sense, { name: 'not-ready', key: 2, asc: 0x0400 });
});

t.test('GET LBA STATUS: extents longer than the field', async (t) => {
  const lu = new TestUnit();
  const blocks = 2 ** 33;
  (lu.unit as { ldev: object }).ldev = { ...lu.unit.ldev, blocks };
  lu.layer.extents = (lba, count, _limit, done) => done(null, [{ lba, blocks: count, mapped: false }]);
  t.same(decodeLbaStatus(lu.run(getLbaStatus(0, 4096)).data), [
    { lba: 0, blocks: 0xffffffff, status: 1 },
    { lba: 0xffffffff, blocks: 0xffffffff, status: 1 },
    { lba: 2 * 0xffffffff, blocks: 2, status: 1 },
  ]);
});
