import t from 'tap';
import { orwrite16 } from '../../../wire/scsi/cdb-build.js';
import { inCdb, pattern, Status, TestUnit } from './harness.js';

t.test('ORWRITE(16) sets the bits of the data-out', async (t) => {
  for (const [blockSize, blocks] of [
    [512, 1],
    [512, 1022],
    [4096, 65],
  ] as const) {
    const lu = new TestUnit({ blockSize });
    const bytes = blocks * blockSize;
    const before = pattern(bytes, 3);
    const data = pattern(bytes, 77);
    before.copy(lu.layer.data, blockSize);
    lu.layer.fill(blocks + 1, 1, 0x55);
    const result = lu.run(orwrite16(1, blocks), data);
    t.equal(result.status, Status.good);
    t.equal(result.wanted, bytes);
    t.ok(lu.layer.view(1, blocks).equals(Buffer.from(before.map((byte, at) => byte | data[at]!))));
    t.ok(lu.layer.view(0, 1).equals(Buffer.alloc(blockSize)), 'not before');
    t.ok(lu.layer.view(blocks + 1, 1).equals(Buffer.alloc(blockSize, 0x55)), 'not behind');
    t.ok(data.equals(pattern(bytes, 77)), "the host's data is left alone");
    t.equal(lu.layer.pinned, 0);
    t.match(lu.unit.counters, { writes: 1, writtenBlocks: blocks, reads: 0 });
  }
});

t.test('ORWRITE(16): long ones in steps, an abort between them', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(orwrite16(0, 1024), Buffer.alloc(1024 * 512, 1)).status, Status.good);
  t.same(lu.layer.calls, ['read 0+512', 'write 0+512', 'read 512+512', 'write 512+512']);
  lu.layer.calls.length = 0;
  const task = lu.start(orwrite16(0, 1024), Buffer.alloc(1024 * 512, 2));
  task.aborted = true;
  lu.clock.settle();
  t.equal(task.status, Status.taskAborted);
  t.same(lu.layer.calls, ['read 0+512', 'write 0+512']);
  t.equal(lu.unit.commands.find(orwrite16(0, 1))?.conflict, 'write', 'nothing that overlaps comes between');
});

t.test('ORWRITE(16): zero blocks, end, flags, protection', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(orwrite16(1024, 0)).status, Status.good);
  t.match(lu.run(orwrite16(1025, 0)).sense, { name: 'lba-out-of-range' });
  t.match(lu.run(orwrite16(1023, 2), pattern(1024)).sense, { name: 'lba-out-of-range' });
  t.same(lu.layer.calls, []);
  t.equal(lu.run(orwrite16(0, 1, { dpo: true, fua: true }), Buffer.alloc(512)).sense, null);
  t.match(lu.layer.lastIo, { dpo: true, fua: true });
  for (const [byte, bit] of [
    [1, 5],
    [1, 6],
    [1, 7],
    [1, 2],
    [1, 1],
    [1, 0],
    [14, 7],
    [15, 3],
  ] as const) {
    const cdb = orwrite16(0, 1);
    cdb[byte] = 1 << bit;
    // WRPROTECT or ORPROTECT is one field.
    t.match(lu.run(cdb, Buffer.alloc(512)).sense, inCdb(byte, byte === 1 && bit >= 5 ? 7 : bit));
  }
  const far = new TestUnit({ blocks: 20_000 });
  t.match(far.run(orwrite16(0, 16_385), null, 16_385 * 512).sense, inCdb(10), 'above MAXIMUM TRANSFER LENGTH');
  t.match(new TestUnit({ readOnly: true }).run(orwrite16(0, 1), Buffer.alloc(512)).sense, { name: 'write-protected' });
});

t.test('ORWRITE(16): less data than blocks writes the whole blocks', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(orwrite16(0, 4), Buffer.alloc(1300, 1)).status, Status.good);
  t.same(lu.layer.calls, ['read 0+2', 'write 0+2']);
});

t.test('ORWRITE(16): failures of the read and of the write', async (t) => {
  const lu = new TestUnit();
  lu.layer.failNext = { kind: 'medium-error', lba: 3, write: false };
  t.match(lu.run(orwrite16(0, 8), Buffer.alloc(4096, 1)).sense, { key: 3 });
  t.same(lu.layer.calls, ['read 0+8'], 'nothing is written');
  t.equal(lu.layer.pinned, 0);
  const read = lu.layer.read.bind(lu.layer);
  lu.layer.read = (io, lba, blocks, done) => {
    read(io, lba, blocks, (failure, data, release) => {
      lu.layer.failNext = { kind: 'no-space', cause: 'full' };
      done(failure, data, release);
    });
  };
  t.match(lu.run(orwrite16(0, 8), Buffer.alloc(4096, 1)).sense, { key: 7 });
  t.match(lu.unit.counters, { readErrors: 1, writeErrors: 1, writes: 0 });
});
