/** WRITE SCATTERED(16). */
import t from 'tap';
import { inCdb, pattern, Status, TestUnit } from './harness.js';

interface Fields {
  readonly offset?: number;
  readonly descriptors?: number;
  readonly blocks?: number;
  readonly flags?: number;
}

const scattered = ({ offset = 1, descriptors = 1, blocks = 2, flags = 0 }: Fields = {}) => {
  const cdb = Buffer.alloc(16);
  cdb[0] = 0x9f;
  cdb[1] = 0x12;
  cdb[2] = flags;
  cdb.writeUInt16BE(offset, 4);
  cdb.writeUInt16BE(descriptors, 8);
  cdb.writeUInt32BE(blocks, 10);
  return cdb;
};

/** A list with its data, `offset` blocks behind its begin. */
function list(ranges: readonly (readonly [number, number])[], offset: number, blockSize: number, data: Buffer): Buffer {
  const head = Buffer.alloc(offset * blockSize);
  ranges.forEach(([lba, blocks], index) => {
    head.writeBigUInt64BE(BigInt(lba), 32 + 32 * index);
    head.writeUInt32BE(blocks, 32 + 32 * index + 8);
  });
  return Buffer.concat([head, data]);
}

t.test('each range gets its blocks, in either block size', async (t) => {
  for (const blockSize of [512, 4096] as const) {
    const lu = new TestUnit({ blockSize });
    const data = pattern(6 * blockSize, 9);
    const out = list(
      [
        [100, 3],
        [7, 0],
        [5, 2],
        [1023, 1],
      ],
      2,
      blockSize,
      data,
    );
    const result = lu.run(scattered({ offset: 2, descriptors: 4, blocks: 8 }), out);
    t.equal(result.status, Status.good);
    t.equal(result.wanted, 8 * blockSize);
    t.ok(lu.layer.view(100, 3).equals(data.subarray(0, 3 * blockSize)));
    t.ok(lu.layer.view(5, 2).equals(data.subarray(3 * blockSize, 5 * blockSize)));
    t.ok(lu.layer.view(1023, 1).equals(data.subarray(5 * blockSize)));
    t.same(lu.layer.calls, ['write 100+3', 'write 5+2', 'write 1023+1']);
    t.match(lu.unit.counters, { writes: 1, writtenBlocks: 6 });
  }
});

t.test('nothing to do, more data than ranges, the later of two ranges', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(scattered({ descriptors: 0 })).status, Status.good);
  t.equal(lu.run(scattered({ blocks: 0 })).status, Status.good);
  t.same(lu.layer.calls, []);
  const data = Buffer.concat([Buffer.alloc(512, 1), Buffer.alloc(512, 2), Buffer.alloc(512, 3)]);
  const twice = list(
    [
      [4, 1],
      [4, 1],
    ],
    1,
    512,
    data,
  );
  t.equal(lu.run(scattered({ descriptors: 2, blocks: 4 }), twice).status, Status.good);
  t.equal(lu.layer.view(4, 1)[0], 2);
  t.equal(lu.layer.mapped.filter(Boolean).length, 1);
});

t.test('refusals: nothing is written', async (t) => {
  const lu = new TestUnit();
  const two = Buffer.alloc(1024);
  t.match(lu.run(scattered({ offset: 0 }), two).sense, inCdb(4), 'the list does not fit');
  t.match(lu.run(scattered({ descriptors: 16 }), two).sense, inCdb(4), '544 bytes of list in one block');
  t.match(lu.run(scattered({ offset: 3 }), two).sense, inCdb(4), 'beyond the transfer');
  t.match(lu.run(scattered({ descriptors: 257, offset: 17, blocks: 18 })).sense, inCdb(8));
  t.match(lu.run(scattered({ blocks: 16385 })).sense, inCdb(10));
  t.match(lu.run(scattered({ flags: 0x20 }), two).sense, inCdb(2, 5));
  const beyond = list(
    [
      [0, 1],
      [1024, 1],
    ],
    1,
    512,
    two,
  );
  t.match(lu.run(scattered({ descriptors: 2, blocks: 3 }), beyond).sense, {
    name: 'lba-out-of-range',
    information: 1024,
  });
  const more = list(
    [
      [0, 1],
      [8, 2],
    ],
    1,
    512,
    two,
  );
  t.match(lu.run(scattered({ descriptors: 2, blocks: 3 }), more).sense, {
    name: 'invalid-field-in-list',
    field: { inCdb: false, byte: 72 },
  });
  t.match(lu.run(scattered(), Buffer.alloc(1024), 512).sense, { name: 'invalid-field-in-iu' }, 'less data announced');
  t.same(lu.layer.calls, []);
  const readOnly = new TestUnit({ readOnly: true });
  t.match(readOnly.run(scattered(), two).sense, { name: 'write-protected' });
});

t.test('a failure and an abort end it', async (t) => {
  const data = list(
    [
      [0, 1],
      [8, 1],
    ],
    1,
    512,
    Buffer.alloc(1024, 5),
  );
  const lu = new TestUnit();
  lu.layer.failNext = { kind: 'no-space', cause: 'test' };
  t.match(lu.run(scattered({ descriptors: 2, blocks: 3 }), data).sense, { name: 'no-space' });
  t.same(lu.layer.calls, ['write 0+1']);
  lu.layer.held = [];
  const task = lu.start(scattered({ descriptors: 2, blocks: 3, flags: 0x18 }), data);
  t.match(lu.layer.lastIo, { fua: true, dpo: true });
  task.aborted = true;
  lu.layer.complete();
  t.equal(task.status, Status.taskAborted);
  t.equal(lu.layer.view(8, 1)[0], 0);
});
