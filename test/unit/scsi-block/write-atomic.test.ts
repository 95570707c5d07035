import t from 'tap';
import { Limits } from '../../../target/scsi/limits.js';
import { writeAtomic16 } from '../../../wire/scsi/cdb-build.js';
import { inCdb, pattern, Status, TestUnit } from './harness.js';

t.test('WRITE ATOMIC(16) writes in one atomic operation', async (t) => {
  for (const [blockSize, blocks] of [
    [512, 1],
    [512, Limits.atomicBytes / 512],
    [4096, Limits.atomicBytes / 4096],
  ] as const) {
    const lu = new TestUnit({ blockSize });
    const data = pattern(blocks * blockSize);
    const result = lu.run(writeAtomic16(5, blocks), data);
    t.equal(result.status, Status.good);
    t.equal(result.wanted, data.length);
    t.ok(lu.layer.view(5, blocks).equals(data));
    t.same(lu.layer.calls, [`write 5+${blocks}`]);
    t.match(lu.layer.lastIo, { atomic: true, dpo: false });
    t.match(lu.unit.counters, { writes: 1, writtenBlocks: blocks });
  }
});

t.test('WRITE ATOMIC(16): longer than MAXIMUM ATOMIC TRANSFER LENGTH, and an atomic boundary', async (t) => {
  for (const blockSize of [512, 4096] as const) {
    const lu = new TestUnit({ blockSize, blocks: 65536 / 8 });
    const blocks = Limits.atomicBytes / blockSize + 1;
    t.match(lu.run(writeAtomic16(0, blocks), Buffer.alloc(blocks * blockSize)).sense, inCdb(12));
    const boundary = writeAtomic16(0, 8);
    boundary.writeUInt16BE(4, 10);
    t.match(lu.run(boundary, Buffer.alloc(8 * blockSize)).sense, inCdb(11, 2));
    boundary.writeUInt16BE(0x8000, 10);
    t.match(lu.run(boundary, Buffer.alloc(8 * blockSize)).sense, inCdb(10, 7));
    t.same(lu.layer.calls, []);
  }
});

t.test('WRITE ATOMIC(16): zero blocks, end, flags, protection', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(writeAtomic16(1024, 0)).status, Status.good);
  t.match(lu.run(writeAtomic16(1025, 0)).sense, { name: 'lba-out-of-range' });
  t.match(lu.run(writeAtomic16(1023, 2), pattern(1024)).sense, { name: 'lba-out-of-range' });
  t.same(lu.layer.calls, []);
  t.equal(lu.run(writeAtomic16(0, 1, { dpo: true, fua: true }), Buffer.alloc(512)).sense, null);
  t.match(lu.layer.lastIo, { atomic: true, dpo: true, fua: true });
  for (const [byte, bit] of [
    [1, 5],
    [1, 7],
    [1, 2],
    [1, 0],
    [14, 6],
    [15, 3],
  ] as const) {
    const cdb = writeAtomic16(0, 1);
    cdb[byte] = 1 << bit;
    // WRPROTECT or ORPROTECT is one field.
    t.match(lu.run(cdb, Buffer.alloc(512)).sense, inCdb(byte, byte === 1 && bit >= 5 ? 7 : bit));
  }
  t.match(new TestUnit({ readOnly: true }).run(writeAtomic16(0, 1), Buffer.alloc(512)).sense, {
    name: 'write-protected',
  });
  t.equal(lu.unit.commands.find(writeAtomic16(0, 1))?.conflict, 'write');
});

t.test('WRITE ATOMIC(16): less data than blocks writes nothing', async (t) => {
  const lu = new TestUnit();
  t.match(lu.run(writeAtomic16(0, 4), Buffer.alloc(1024)).sense, { name: 'invalid-field-in-iu' });
  t.same(lu.layer.calls, []);
  t.equal(lu.run(writeAtomic16(0, 1), Buffer.alloc(1024)).status, Status.good, 'more: the rest is not looked at');
});

t.test('a WRITE is not an atomic one', async (t) => {
  const lu = new TestUnit();
  const cdb = writeAtomic16(0, 1);
  cdb[0] = 0x8a;
  t.equal(lu.run(cdb, Buffer.alloc(512)).status, Status.good);
  t.match(lu.layer.lastIo, { atomic: false });
});

t.test('WRITE ATOMIC(16): a failure below', async (t) => {
  const lu = new TestUnit();
  lu.layer.failNext = { kind: 'hardware-error', cause: 'too small' };
  t.match(lu.run(writeAtomic16(0, 1), Buffer.alloc(512)).sense, { key: 4 });
  t.match(lu.unit.counters, { writeErrors: 1, writes: 0 });
});
