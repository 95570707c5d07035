/** WRITE LONG(10) and (16): blocks that cannot be read until they are written. */
import t from 'tap';
import { MAX_MARKS } from '../../../target/volumes/marked-blocks.js';
import { read, unmap, unmapList, write, writeSame16 } from '../../../wire/scsi/cdb-build.js';
import { inCdb, Status, TestUnit } from './harness.js';

const COR_DIS = 0x80;
const WR_UNCOR = 0x40;
const PBLOCK = 0x20;

const long10 = (lba: number, flags: number, bytes = 0) => {
  const cdb = Buffer.from([0x3f, flags, 0, 0, 0, 0, 0, 0, 0, 0]);
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(bytes, 7);
  return cdb;
};
const long16 = (lba: number, flags: number, bytes = 0) => {
  const cdb = Buffer.alloc(16);
  cdb[0] = 0x9f;
  cdb[1] = 0x11 | flags;
  cdb.writeBigUInt64BE(BigInt(lba), 2);
  cdb.writeUInt16BE(bytes, 12);
  return cdb;
};
const unrecovered = (lba: number) => ({ key: 3, asc: 0x1100, information: lba });
const markedBad = (lba: number) => ({ key: 3, asc: 0x1114, information: lba });

for (const [name, long] of [
  ['WRITE LONG(10)', long10],
  ['WRITE LONG(16)', long16],
] as const) {
  t.test(`${name}: reads fail at the first marked block, its neighbours are good`, async (t) => {
    const lu = new TestUnit();
    lu.layer.fill(0, 16, 0x5a);
    t.equal(lu.run(long(9, COR_DIS)).status, Status.good);
    const result = lu.run(long(7, WR_UNCOR, 600));
    t.equal(result.status, Status.good, 'BYTE TRANSFER LENGTH is ignored');
    t.equal(result.wanted, 0);
    t.match(lu.run(read(7, 1)).sense, unrecovered(7));
    t.match(lu.run(read(0, 16)).sense, unrecovered(7));
    t.match(lu.run(read(8, 8)).sense, markedBad(9));
    t.equal(lu.run(read(0, 7)).status, Status.good);
    t.equal(lu.run(read(8, 1)).data[0], 0x5a);
    t.equal(lu.run(read(10, 6)).status, Status.good);
    lu.run(long(9, WR_UNCOR));
    t.match(lu.run(read(9, 1)).sense, unrecovered(9), 'marked anew');
    lu.run(long(9, COR_DIS | WR_UNCOR));
    t.match(lu.run(read(9, 1)).sense, markedBad(9), 'COR_DIS counts for more');
    t.match(lu.unit.counters, { readErrors: 3 }, 'those of blocks marked bad do not count');
    t.equal(lu.layer.mapped[7], true);
    t.equal(lu.layer.pinned, 0);
  });

  t.test(`${name}: lengths, end, flags, protection`, async (t) => {
    const lu = new TestUnit();
    const lengthByte = name === 'WRITE LONG(10)' ? 7 : 12;
    t.equal(lu.run(long(0, 0)).status, Status.good, 'nothing to be done');
    t.match(lu.run(long(0, 0, 512), Buffer.alloc(512)).sense, inCdb(lengthByte));
    t.match(lu.run(long(0, COR_DIS, 1), Buffer.alloc(1)).sense, inCdb(lengthByte));
    t.match(lu.run(long(0, WR_UNCOR | PBLOCK)).sense, inCdb(1, 5), 'a physical block is one block');
    t.match(lu.run(long(1024, WR_UNCOR)).sense, { name: 'lba-out-of-range', information: 1024 });
    t.equal(lu.run(long(1023, WR_UNCOR)).status, Status.good);
    const control = long(0, WR_UNCOR);
    control[control.length - 1] = 0x08;
    t.match(lu.run(control).sense, inCdb(control.length - 1, 3));
    const reserved = long(0, WR_UNCOR);
    reserved[name === 'WRITE LONG(10)' ? 6 : 10]! |= 0x80;
    t.match(lu.run(reserved).sense, inCdb(name === 'WRITE LONG(10)' ? 6 : 10, 7));
    const protectedUnit = new TestUnit({ readOnly: true });
    t.match(protectedUnit.run(long(0, WR_UNCOR)).sense, { name: 'write-protected' });
    t.same(protectedUnit.layer.calls, []);
  });
}

t.test('whatever writes a block makes it good again', async (t) => {
  const writes = {
    WRITE: [write(4, 2), Buffer.alloc(1024, 1)],
    UNMAP: [unmap(24), unmapList([{ lba: 4, blocks: 2 }])],
    'WRITE SAME': [writeSame16(4, 2), Buffer.alloc(512, 3)],
  } as const;
  for (const [name, [cdb, data]] of Object.entries(writes)) {
    const lu = new TestUnit();
    lu.run(long16(4, WR_UNCOR));
    lu.run(long16(6, COR_DIS));
    t.equal(lu.run(cdb, data).status, Status.good, name);
    t.equal(lu.run(read(0, 6)).status, Status.good, `${name}: read`);
    t.match(lu.run(read(0, 7)).sense, markedBad(6), `${name}: no further than it went`);
    t.same([...lu.markStore.kept.keys()], [6], `${name}: durable`);
  }
});

t.test('a write that fails, or whose mark cannot be taken away, is not acknowledged', async (t) => {
  const lu = new TestUnit();
  lu.run(long16(4, WR_UNCOR));
  lu.layer.failNext = { kind: 'hardware-error', cause: 'test' };
  t.match(lu.run(write(4, 1), Buffer.alloc(512)).sense, { name: 'hardware-error' });
  t.match(lu.run(read(4, 1)).sense, unrecovered(4));
  lu.markStore.broken = true;
  t.match(lu.run(write(4, 1), Buffer.alloc(512)).sense, { name: 'hardware-error' });
  t.match(lu.run(read(4, 1)).sense, unrecovered(4));
  t.match(lu.run(long16(5, WR_UNCOR)).sense, { name: 'hardware-error' });
  t.equal(lu.run(read(5, 1)).status, Status.good, 'a mark that is not durable is none');
});

t.test('PBLOCK marks all blocks of the physical block', async (t) => {
  const lu = new TestUnit({ physicalBlockSize: 4096 });
  t.equal(lu.run(long10(13, WR_UNCOR | PBLOCK)).status, Status.good);
  for (const lba of [8, 15]) t.match(lu.run(read(lba, 1)).sense, unrecovered(lba));
  for (const lba of [7, 16]) t.equal(lu.run(read(lba, 1)).status, Status.good);
  t.match(lu.run(long10(1024, WR_UNCOR | PBLOCK)).sense, { name: 'lba-out-of-range', information: 1024 });
  lu.run(long10(20, WR_UNCOR));
  t.equal(lu.run(read(16, 4)).status, Status.good, 'one block without it');
});

t.test('there is an end to the marks', async (t) => {
  const lu = new TestUnit({ blocks: 4 });
  const { marks } = lu.unit.ldev;
  marks.mark(100, MAX_MARKS - 1, false);
  t.equal(lu.run(long10(0, WR_UNCOR)).status, Status.good);
  t.match(lu.run(long10(1, WR_UNCOR)).sense, { name: 'insufficient-resources' });
  t.equal(lu.run(long10(1, 0)).status, Status.good, 'nothing is marked');
  t.equal(lu.run(long10(0, COR_DIS)).status, Status.good, 'a marked block again');
  t.match(lu.run(read(0, 1)).sense, markedBad(0));
});

t.test('at the end of the marks, PBLOCK needs room for those of its blocks that are not marked', async (t) => {
  const lu = new TestUnit({ blocks: 64, physicalBlockSize: 4096 });
  const { marks } = lu.unit.ldev;
  marks.mark(100, MAX_MARKS - 8, false);
  marks.mark(8, 2, false);
  t.equal(lu.run(long10(8, WR_UNCOR | PBLOCK)).status, Status.good);
  t.equal(marks.size, MAX_MARKS);
  t.match(lu.run(long10(16, WR_UNCOR | PBLOCK)).sense, { name: 'insufficient-resources' });
});
