import t from 'tap';
import { lbaOutOfRange } from '../../../wire/scsi/sense.js';
import { cdb, inCdb, pattern, Status, TestUnit } from './harness.js';

const SIZES = [
  { name: 'READ(6)', opcode: 0x08, length: 4 },
  { name: 'READ(10)', opcode: 0x28, length: 7 },
  { name: 'READ(12)', opcode: 0xa8, length: 6 },
  { name: 'READ(16)', opcode: 0x88, length: 10 },
] as const;

for (const { name, opcode } of SIZES) {
  t.test(`${name} returns the blocks and gives them back`, async (t) => {
    for (const blockSize of [512, 4096] as const) {
      const lu = new TestUnit({ blockSize });
      pattern(lu.layer.data.length).copy(lu.layer.data);
      for (const [lba, blocks] of [
        [0, 1],
        [5, 3],
        [1023, 1],
      ] as const) {
        const result = lu.run(cdb(opcode, lba, blocks));
        t.equal(result.status, Status.good);
        t.ok(result.data.equals(lu.layer.view(lba, blocks)));
      }
      t.equal(lu.layer.pinned, 0);
      t.equal(lu.unit.counters.reads, 3);
      t.equal(lu.unit.counters.readBlocks, 5);
    }
  });

  t.test(`${name} beyond the end`, async (t) => {
    const lu = new TestUnit();
    for (const [lba, blocks] of [
      [1024, 1],
      [1023, 2],
      [1025, 1],
    ] as const) {
      const result = lu.run(cdb(opcode, lba, blocks));
      t.equal(result.status, Status.checkCondition);
      t.match(result.sense, lbaOutOfRange(lba));
    }
    t.same(lu.layer.calls, []);
  });
}

for (const { name, opcode, length } of SIZES.slice(1)) {
  t.test(`${name} of zero blocks: GOOD inside, refused beyond the end`, async (t) => {
    const lu = new TestUnit();
    for (const lba of [0, 1023, 1024]) t.equal(lu.run(cdb(opcode, lba, 0)).status, Status.good);
    for (const lba of [1025, 0x80000000, 0xffffffff]) {
      t.match(lu.run(cdb(opcode, lba, 0)).sense, { name: 'lba-out-of-range' });
    }
    t.same(lu.layer.calls, []);
  });

  t.test(`${name} hands DPO and FUA down`, async (t) => {
    const lu = new TestUnit();
    for (const [flags, dpo, fua] of [
      [0x00, false, false],
      [0x10, true, false],
      [0x08, false, true],
      [0x18, true, true],
    ] as const) {
      t.equal(lu.run(cdb(opcode, 0, 1, flags)).status, Status.good);
      t.match(lu.layer.lastIo, { dpo, fua, priority: 'host', initiator: 'iqn.test:host' });
    }
  });

  t.test(`${name} with RDPROTECT: there is no protection information here`, async (t) => {
    const lu = new TestUnit();
    for (let protect = 1; protect < 8; protect++) {
      t.match(lu.run(cdb(opcode, 0, 1, protect << 5)).sense, inCdb(1, 7));
    }
  });

  t.test(`${name} longer than MAXIMUM TRANSFER LENGTH`, async (t) => {
    const lu = new TestUnit({ blocks: 20_000 });
    t.equal(lu.run(cdb(opcode, 0, 16_384)).status, Status.good);
    t.match(lu.run(cdb(opcode, 0, 16_385)).sense, inCdb(length));
  });
}

t.test('READ(6) of length 0 reads 256 blocks', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(cdb(0x08, 0, 0)).data.length, 256 * 512);
  t.match(lu.run(cdb(0x08, 800, 0)).sense, { name: 'lba-out-of-range' });
});

t.test('READ(16) at LBAs that do not fit a number', async (t) => {
  const lu = new TestUnit();
  for (const high of [0x00200000, 0x80000000, 0xffffffff]) {
    const bytes = cdb(0x88, 0, 1);
    bytes.writeUInt32BE(high, 2);
    t.match(lu.run(bytes).sense, { name: 'lba-out-of-range', information: undefined });
  }
});

t.test('a hit completes before dispatch returns', async (t) => {
  const lu = new TestUnit();
  t.ok(lu.start(cdb(0x28, 0, 8)).finished);
});

t.test('data stays whole when the host announces less room', async (t) => {
  const lu = new TestUnit();
  const result = lu.run(cdb(0x28, 0, 2));
  t.equal(result.task.dataInLength, 1024, 'the port cuts and tells the residual');
});
