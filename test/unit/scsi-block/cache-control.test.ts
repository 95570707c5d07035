import t from 'tap';
import { cdb, inCdb, Status, TestUnit } from './harness.js';

const IMMED = 0x02;

for (const [name, opcode] of [
  ['SYNCHRONIZE CACHE(10)', 0x35],
  ['SYNCHRONIZE CACHE(16)', 0x91],
] as const) {
  t.test(name, async (t) => {
    const lu = new TestUnit();
    t.equal(lu.run(cdb(opcode, 5, 10)).status, Status.good);
    t.equal(lu.run(cdb(opcode, 1000, 0)).status, Status.good);
    t.same(lu.layer.calls, ['flush 5+10', 'flush 1000+24'], 'zero blocks: to the end');
    t.match(lu.run(cdb(opcode, 1025, 0)).sense, { name: 'lba-out-of-range' });
    t.match(lu.run(cdb(opcode, 1020, 5)).sense, { name: 'lba-out-of-range' });
    t.equal(
      lu.run(cdb(opcode, 5, 10, 0x04)).status,
      Status.good,
      'SYNC_NV: everything is brought to the medium anyway',
    );
    t.match(lu.run(cdb(opcode, 0, 0, 0x08)).sense, inCdb(1, 3));
    lu.layer.failNext = { kind: 'medium-error', lba: 6, write: true };
    t.match(lu.run(cdb(opcode, 5, 10)).sense, { name: 'write-error', information: 6 });
  });

  t.test(`${name} answers at once with IMMED`, async (t) => {
    const lu = new TestUnit();
    lu.layer.held = [];
    const waits = lu.start(cdb(opcode, 0, 0));
    t.notOk(waits.finished);
    const immediate = lu.start(cdb(opcode, 0, 0, IMMED));
    t.equal(immediate.status, Status.good);
    t.ok(immediate.finished);
    lu.layer.complete();
    t.ok(waits.finished);
  });

  t.test(`${name} with IMMED logs what fails later`, async (t) => {
    const lu = new TestUnit();
    lu.layer.failNext = { kind: 'hardware-error', cause: 'drive D0 is gone' };
    t.equal(lu.run(cdb(opcode, 0, 0, IMMED)).status, Status.good);
    t.match(lu.logged, [/after it was answered.*drive D0 is gone/]);
  });
}

for (const [name, opcode] of [
  ['PRE-FETCH(10)', 0x34],
  ['PRE-FETCH(16)', 0x90],
] as const) {
  t.test(name, async (t) => {
    const lu = new TestUnit({ blocks: 20_000 });
    t.equal(lu.run(cdb(opcode, 5, 10)).status, Status.conditionMet);
    t.equal(lu.run(cdb(opcode, 0, 0)).status, Status.good, 'not everything fits');
    t.equal(lu.run(cdb(opcode, 19_990, 0, IMMED)).status, Status.conditionMet);
    t.same(lu.layer.calls, ['prefetch 5+10', 'prefetch 0+16384', 'prefetch 19990+10']);
    t.match(lu.run(cdb(opcode, 20_001, 0)).sense, { name: 'lba-out-of-range' });
    t.match(lu.run(cdb(opcode, 19_999, 2)).sense, { name: 'lba-out-of-range' });
    lu.layer.failNext = { kind: 'medium-error', lba: 3, write: false };
    t.match(lu.run(cdb(opcode, 0, 8)).sense, { name: 'medium-error', information: 3 });
  });
}

t.test('a GROUP NUMBER changes nothing', async (t) => {
  const lu = new TestUnit();
  for (const [opcode, byte] of [
    [0x28, 6],
    [0xa8, 10],
    [0x88, 14],
    [0x34, 6],
    [0x90, 14],
  ] as const) {
    const bytes = cdb(opcode, 0, 1);
    bytes[byte] = 0x3f;
    t.equal(lu.run(bytes).sense, null);
    bytes[byte] = 0x40;
    t.match(lu.run(bytes).sense, inCdb(byte, 6));
  }
});
