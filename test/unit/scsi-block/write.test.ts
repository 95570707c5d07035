import t from 'tap';
import { dispatch } from '../../../target/scsi/dispatch.js';
import { Task, TaskAttribute } from '../../../target/scsi/task.js';
import { cdb, inCdb, pattern, Status, TestUnit, testNexus } from './harness.js';

const SIZES = [
  { name: 'WRITE(6)', opcode: 0x0a, length: 4 },
  { name: 'WRITE(10)', opcode: 0x2a, length: 7 },
  { name: 'WRITE(12)', opcode: 0xaa, length: 6 },
  { name: 'WRITE(16)', opcode: 0x8a, length: 10 },
] as const;

for (const { name, opcode } of SIZES) {
  t.test(`${name} stores the blocks`, async (t) => {
    for (const blockSize of [512, 4096] as const) {
      const lu = new TestUnit({ blockSize });
      const data = pattern(3 * blockSize);
      const result = lu.run(cdb(opcode, 10, 3), data);
      t.equal(result.status, Status.good);
      t.equal(result.wanted, data.length);
      t.ok(lu.layer.view(10, 3).equals(data));
      t.equal(lu.unit.counters.writtenBlocks, 3);
    }
  });

  t.test(`${name} beyond the end asks for no data`, async (t) => {
    const lu = new TestUnit();
    const result = lu.run(cdb(opcode, 1023, 2), pattern(1024));
    t.match(result.sense, { name: 'lba-out-of-range', information: 1023 });
    t.equal(result.task.dataOutLength, 0);
  });

  t.test(`${name} to a write-protected logical unit`, async (t) => {
    const sense = { name: 'write-protected', key: 7, asc: 0x2700 };
    t.match(new TestUnit({ readOnly: true }).run(cdb(opcode, 0, 1), pattern(512)).sense, sense);
    const lu = new TestUnit();
    lu.modes.softwareWriteProtect = true;
    t.match(lu.run(cdb(opcode, 0, 1), pattern(512)).sense, sense);
    t.same(lu.layer.calls, []);
  });

  t.test(`${name} with less or more data than the CDB says`, async (t) => {
    const lu = new TestUnit();
    lu.layer.fill(0, 4, 0x61);
    const data = Buffer.alloc(10_000, 0x62);
    const changed = () => lu.layer.data.subarray(0, 2048).lastIndexOf(0x62) + 1;

    const none = lu.run(cdb(opcode, 0, 1), null, 0);
    t.match({ status: none.status, wanted: none.wanted }, { status: Status.good, wanted: 512 });
    t.equal(changed(), 0);

    const part = lu.run(cdb(opcode, 0, 1), data.subarray(0, 200), 200);
    t.match({ status: part.status, wanted: part.wanted }, { status: Status.good, wanted: 512 });
    t.equal(changed(), 0, 'part of a block is not written; the residual tells');

    const uneven = lu.run(cdb(opcode, 0, 3), data.subarray(0, 1100), 1100);
    t.match({ status: uneven.status, wanted: uneven.wanted }, { status: Status.good, wanted: 1536 });
    t.equal(changed(), 1024, 'two whole blocks came');
    lu.layer.fill(0, 4, 0x61);

    const half = lu.run(cdb(opcode, 0, 2), data.subarray(0, 512), 512);
    t.match({ status: half.status, wanted: half.wanted }, { status: Status.good, wanted: 1024 });
    t.equal(changed(), 512, 'the block that came is written, the other is not');

    lu.layer.fill(0, 4, 0x61);
    const more = lu.run(cdb(opcode, 0, 1), data, 10_000);
    t.match({ status: more.status, wanted: more.wanted }, { status: Status.good, wanted: 512 });
    t.equal(changed(), 512, 'only what the CDB says is written');
  });
}

for (const { name, opcode, length } of SIZES.slice(1)) {
  t.test(`${name} of zero blocks`, async (t) => {
    const lu = new TestUnit();
    t.equal(lu.run(cdb(opcode, 1024, 0)).status, Status.good);
    t.match(lu.run(cdb(opcode, 1025, 0)).sense, { name: 'lba-out-of-range' });
    t.same(lu.layer.calls, []);
  });

  t.test(`${name}: flags and limits`, async (t) => {
    const lu = new TestUnit({ blocks: 20_000 });
    t.equal(lu.run(cdb(opcode, 0, 1, 0x18), pattern(512)).status, Status.good);
    t.match(lu.layer.lastIo, { dpo: true, fua: true });
    for (let protect = 1; protect < 8; protect++) {
      t.match(lu.run(cdb(opcode, 0, 1, protect << 5), pattern(512)).sense, inCdb(1, 7));
    }
    const tooLong = lu.run(cdb(opcode, 0, 16_385), pattern(512), 16_385 * 512);
    t.match(tooLong.sense, inCdb(length));
    t.equal(tooLong.task.dataOutLength, 0, 'nothing fetched');
  });
}

t.test('data that came with the command needs no fetching', async (t) => {
  const lu = new TestUnit();
  const task = lu.start(cdb(0x2a, 0, 1), pattern(512));
  t.ok(task.finished);
});

t.test('a task aborted while its data was on the way changes nothing', async (t) => {
  const lu = new TestUnit();
  const owner = { fetchDataOut() {}, respond() {} };
  const bytes = Buffer.concat([cdb(0x2a, 0, 1), Buffer.alloc(6)]);
  const task = new Task(owner, testNexus, Buffer.alloc(8), bytes, 1, TaskAttribute.simple, 512, 0);
  dispatch(lu.unit, task);
  t.notOk(task.finished);
  task.aborted = true;
  task.dataOutArrived();
  t.equal(task.status, Status.taskAborted);
  t.same(lu.layer.calls, []);
});

t.test('a host that announces more data than it sends', async (t) => {
  const lu = new TestUnit();
  const result = lu.run(cdb(0x2a, 0, 4), pattern(1024), 2048);
  t.match(result.sense, { name: 'not-enough-unsolicited-data', key: 0xb, asc: 0x0c0d });
  t.same(lu.layer.calls, []);
});
