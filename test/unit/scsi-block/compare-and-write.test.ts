import t from 'tap';
import { compareAndWrite } from '../../../wire/scsi/cdb-build.js';
import { inCdb, pattern, Status, TestUnit } from './harness.js';

t.test('COMPARE AND WRITE writes what compares equal', async (t) => {
  for (const [blockSize, blocks] of [
    [512, 1],
    [512, 255],
    [4096, 5],
  ] as const) {
    const lu = new TestUnit({ blockSize });
    const bytes = blocks * blockSize;
    const before = pattern(bytes, 3);
    const after = pattern(bytes, 200);
    before.copy(lu.layer.data, 7 * blockSize);
    const result = lu.run(compareAndWrite(7, blocks), Buffer.concat([before, after]));
    t.equal(result.status, Status.good);
    t.equal(result.wanted, 2 * bytes);
    t.ok(lu.layer.view(7, blocks).equals(after));
    t.equal(lu.layer.pinned, 0);
  }
});

t.test('COMPARE AND WRITE tells the first byte that differs and writes nothing', async (t) => {
  const lu = new TestUnit();
  for (const offset of [0, 511, 512, 1023]) {
    const expected = Buffer.from(lu.layer.view(0, 2));
    expected[offset]! ^= 0x10;
    const result = lu.run(compareAndWrite(0, 2), Buffer.concat([expected, pattern(1024)]));
    t.match(result.sense, { name: 'miscompare', key: 0xe, asc: 0x1d00, information: offset });
  }
  t.ok(lu.layer.calls.every((call) => call.startsWith('read')));
  t.equal(lu.layer.pinned, 0);
});

t.test('COMPARE AND WRITE: zero blocks, end, flags', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(compareAndWrite(1024, 0)).status, Status.good);
  t.match(lu.run(compareAndWrite(1025, 0)).sense, { name: 'lba-out-of-range' });
  t.match(lu.run(compareAndWrite(1023, 2), pattern(2048)).sense, { name: 'lba-out-of-range' });
  t.match(lu.run(compareAndWrite(0, 1, { dpo: true, fua: true }), Buffer.alloc(1024)).sense, null);
  t.match(lu.layer.lastIo, { dpo: true, fua: true });
  const protect = compareAndWrite(0, 1);
  protect[1] = 0x40;
  t.match(lu.run(protect, Buffer.alloc(1024)).sense, inCdb(1, 7));
  t.match(new TestUnit({ readOnly: true }).run(compareAndWrite(0, 1), Buffer.alloc(1024)).sense, {
    name: 'write-protected',
  });
});

t.test('COMPARE AND WRITE takes exactly twice the blocks; otherwise the count is wrong', async (t) => {
  const lu = new TestUnit();
  for (const [blocks, bytes] of [
    [1, 0],
    [1, 512],
    [1, 1536],
    [1, 2048],
    [256, 2 * 256 * 512],
  ] as const) {
    t.match(lu.run(compareAndWrite(0, blocks & 0xff), Buffer.alloc(bytes)).sense, inCdb(13), `${blocks}: ${bytes}`);
  }
  t.same(lu.layer.calls, []);
});
