import t from 'tap';
import { cdb, inCdb, pattern, Status, TestUnit } from './harness.js';

const UNMAP = 0x08;
const NDOB = 0x01;

for (const { name, opcode, length } of [
  { name: 'WRITE SAME(10)', opcode: 0x41, length: 7 },
  { name: 'WRITE SAME(16)', opcode: 0x93, length: 10 },
]) {
  t.test(`${name} repeats one block`, async (t) => {
    for (const blockSize of [512, 4096] as const) {
      const lu = new TestUnit({ blockSize });
      const block = pattern(blockSize);
      t.equal(lu.run(cdb(opcode, 3, 300), block).status, Status.good);
      for (let lba = 3; lba < 303; lba++) t.ok(lu.layer.view(lba, 1).equals(block), `LBA ${lba}`);
      t.notOk(lu.layer.mapped[2]);
      t.notOk(lu.layer.mapped[303]);
    }
  });

  t.test(`${name} with UNMAP`, async (t) => {
    const lu = new TestUnit();
    lu.layer.fill(0, 8, 0x77);
    t.equal(lu.run(cdb(opcode, 2, 4, UNMAP), Buffer.alloc(512)).status, Status.good);
    t.same(lu.layer.mapped.slice(0, 8), [true, true, false, false, false, false, true, true]);
    t.equal(lu.run(cdb(opcode, 2, 4, UNMAP), pattern(512)).status, Status.good);
    t.notOk(lu.layer.mapped[2], 'whatever the pattern');
    t.ok(lu.layer.view(5, 1).equals(Buffer.alloc(512)));
  });

  t.test(`${name} of zeros needs no room on a thin LDEV, and takes it on another`, async (t) => {
    const thin = new TestUnit();
    t.equal(thin.run(cdb(opcode, 0, 8), Buffer.alloc(512)).status, Status.good);
    t.notOk(thin.layer.mapped[0]);
    const thick = new TestUnit({ thin: false });
    t.equal(thick.run(cdb(opcode, 0, 8), Buffer.alloc(512)).status, Status.good);
    t.ok(thick.layer.mapped[0]);
    t.match(thick.run(cdb(opcode, 0, 8, UNMAP), Buffer.alloc(512)).sense, inCdb(1, 3));
  });

  t.test(`${name} of zero blocks goes to the end`, async (t) => {
    const lu = new TestUnit();
    t.equal(lu.run(cdb(opcode, 1020, 0), pattern(512)).status, Status.good);
    t.same(lu.layer.calls, ['write 1020+4']);
    t.equal(lu.run(cdb(opcode, 1024, 0), pattern(512)).status, Status.good);
    t.match(lu.run(cdb(opcode, 1025, 0), pattern(512)).sense, { name: 'lba-out-of-range' });
  });

  t.test(`${name} refuses ANCHOR, WRPROTECT, and data that is not one block`, async (t) => {
    const lu = new TestUnit();
    t.match(lu.run(cdb(opcode, 0, 1, 0x10), pattern(512)).sense, inCdb(1, 4));
    t.match(lu.run(cdb(opcode, 0, 1, 0x18), pattern(512)).sense, inCdb(1, 4));
    t.match(lu.run(cdb(opcode, 0, 1, 0x20), pattern(512)).sense, inCdb(1, 7));
    for (const bytes of [0, 256, 1024]) {
      const result = lu.run(cdb(opcode, 0, 1), Buffer.alloc(bytes));
      t.match(result.sense, { name: 'invalid-field-in-iu' }, `${bytes} bytes`);
    }
    t.match(lu.run(cdb(opcode, 1023, 2), pattern(512)).sense, { name: 'lba-out-of-range' });
    t.same(lu.layer.calls, []);
  });

  t.test(`${name} longer than MAXIMUM WRITE SAME LENGTH`, async (t) => {
    const lu = new TestUnit({ blocks: 70_000 });
    t.equal(lu.run(cdb(opcode, 0, 65_535), pattern(512)).status, Status.good);
    if (opcode === 0x93) t.match(lu.run(cdb(opcode, 0, 65_536), pattern(512)).sense, inCdb(length));
    t.match(lu.run(cdb(opcode, 0, 0), pattern(512)).sense, inCdb(length), 'to the end is too long as well');
  });
}

t.test('WRITE SAME(16) with NDOB takes no data and stores zeros', async (t) => {
  for (const thin of [true, false]) {
    const lu = new TestUnit({ thin });
    lu.layer.fill(0, 8, 0x77);
    const result = lu.run(cdb(0x93, 2, 4, NDOB));
    t.equal(result.status, Status.good);
    t.equal(result.wanted, 0);
    t.ok(lu.layer.view(2, 4).every((byte) => byte === 0));
    t.equal(lu.layer.data[512], 0x77);
  }
  t.match(new TestUnit().run(cdb(0x93, 0, 1, NDOB), pattern(512)).sense, { name: 'invalid-field-in-iu' });
  t.match(new TestUnit().run(cdb(0x41, 0, 1, NDOB), pattern(512)).sense, inCdb(1, 0), 'not in (10)');
});

t.test('a long WRITE SAME goes in steps and stops when aborted', async (t) => {
  const lu = new TestUnit({ blocks: 30_000 });
  const task = lu.start(cdb(0x93, 0, 20_000), pattern(512));
  t.same(lu.layer.calls, ['write 0+8192']);
  task.aborted = true;
  lu.clock.settle();
  t.equal(task.status, Status.taskAborted);
  t.equal(lu.layer.calls.length, 1);
  lu.layer.calls.length = 0;
  t.equal(lu.run(cdb(0x93, 0, 20_000), pattern(512)).status, Status.good);
  t.same(lu.layer.calls, ['write 0+8192', 'write 8192+8192', 'write 16384+3616']);
});
