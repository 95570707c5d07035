/** FORMAT UNIT: every block reads as zeros afterwards; progress, refusals. */
import t from 'tap';
import { blockCommands } from '../../../target/scsi/handlers/block/index.js';
import { primaryCommands } from '../../../target/scsi/handlers/primary/index.js';
import { read } from '../../../wire/scsi/cdb-build.js';
import { inCdb, resultOf, Status, TestUnit } from './harness.js';

const FMTDATA = 0x10;
const LONGLIST = 0x20;
const IMMED = 0x02;

const format = (flags = 0, ffmt = 0) => Buffer.from([0x04, flags, 0, 0, ffmt, 0]);
const list = (flags = 0, ...rest: readonly number[]) => Buffer.from([0, flags, ...(rest.length === 0 ? [0, 0] : rest)]);
const inList = (byte: number, bit?: number) => ({
  name: 'invalid-field-in-list',
  field: bit === undefined ? { inCdb: false, byte } : { inCdb: false, byte, bit },
});
/** Of 3 GiB, so that it takes three steps: only the first blocks are in memory. */
function large() {
  const lu = new TestUnit({ commands: [...primaryCommands, ...blockCommands] });
  lu.unit.ldev = Object.create(lu.unit.ldev, { blocks: { value: (3 * 2 ** 30) / 512 } });
  return lu;
}

t.test('all blocks, marked ones included, read as zeros', async (t) => {
  for (const [flags, data] of [
    [0, null],
    [FMTDATA, list()],
    [FMTDATA | LONGLIST | 0x08, Buffer.alloc(8)],
    [FMTDATA | 0x05, list(0xf0)],
  ] as const) {
    const lu = new TestUnit();
    lu.layer.fill(0, 1024, 0x77);
    lu.unit.ldev.marks.mark(5, 1, false);
    const result = lu.run(format(flags), data);
    t.equal(result.status, Status.good);
    t.equal(result.wanted, data?.length ?? 0);
    t.ok(lu.run(read(0, 1024)).data.equals(Buffer.alloc(1024 * 512)));
    t.equal(lu.layer.mapped.includes(true), false, 'all space is given back');
    t.equal(lu.unit.ldev.marks.size, 0);
  }
});

t.test('IMMED: answered at once; what comes meanwhile is told how far it is', async (t) => {
  const lu = large();
  lu.layer.held = [];
  const run = (cdb: Buffer, data: Buffer | null = null) => resultOf(lu.start(cdb, data));
  t.equal(run(format(FMTDATA), list(IMMED)).status, Status.good);
  const tur = Buffer.alloc(6);
  t.match(run(tur).sense, { key: 2, asc: 0x0404, progress: 0 });
  lu.layer.complete();
  lu.clock.settle();
  t.match(run(tur).sense, { key: 2, asc: 0x0404, progress: 21845 });
  t.match(run(read(0, 1)).sense, { asc: 0x0404 });
  t.match(run(format()).sense, { asc: 0x0404 }, 'one at a time');
  t.match(run(Buffer.from([0x1a, 0, 0x0a, 0, 64, 0])).sense, { asc: 0x0404 }, 'MODE SENSE');
  t.equal(run(Buffer.from([0x12, 0, 0, 0, 96, 0])).status, Status.good, 'INQUIRY');
  const sense = run(Buffer.from([0x03, 0, 0, 0, 18, 0]));
  t.equal(sense.status, Status.good);
  t.same([sense.data[2], sense.data[12], sense.data[13]], [2, 4, 4]);
  t.equal(sense.data.readUInt16BE(16), 21845, 'REQUEST SENSE tells it too');
  for (let step = 0; step < 2; step++) {
    lu.layer.complete();
    lu.clock.settle();
  }
  t.equal(run(tur).status, Status.good);
  t.same(lu.layer.calls, ['unmap 0+2097152', 'unmap 2097152+2097152', 'unmap 4194304+2097152']);
});

t.test('failures and aborts end it', async (t) => {
  const lu = large();
  lu.layer.failNext = { kind: 'hardware-error', cause: 'test' };
  t.match(lu.run(format()).sense, { name: 'hardware-error' });
  t.equal(lu.run(Buffer.alloc(6)).status, Status.good, 'the medium is there again');
  lu.layer.failNext = { kind: 'hardware-error', cause: 'test' };
  t.equal(lu.run(format(FMTDATA), list(IMMED)).status, Status.good);
  t.match(lu.logged.at(-1), /FORMAT UNIT of iqn\.test:host failed after it was answered/);
  lu.layer.calls.length = 0;
  const task = lu.start(format());
  task.aborted = true;
  lu.clock.settle();
  t.equal(task.status, Status.taskAborted);
  t.same(lu.layer.calls, ['unmap 0+2097152']);
  lu.start(format());
  lu.unit.stop();
  lu.clock.settle();
  t.equal(lu.layer.calls.length, 2, 'an array that stops goes no further');
});

t.test('refusals: nothing is formatted', async (t) => {
  const lu = new TestUnit();
  for (const bits of [0x40, 0x80, 0xc0]) {
    t.match(lu.run(format(bits)).sense, inCdb(1, 7), 'FMTPINFO');
  }
  t.match(lu.run(format(0, 1)).sense, inCdb(4, 0), 'FFMT');
  t.equal(new TestUnit().run(format(0x28)).status, Status.good, 'LONGLIST and CMPLST are ignored without a list');
  t.match(lu.run(format(0x04)).sense, inCdb(1, 2), 'DEFECT LIST FORMAT without a list');
  t.match(lu.run(format(FMTDATA), list(0, 0, 8)).sense, inList(2), 'defects');
  t.match(lu.run(format(FMTDATA | LONGLIST), Buffer.from([0, 0, 0, 0, 0, 0, 0, 4])).sense, inList(4));
  t.match(lu.run(format(FMTDATA), Buffer.from([1, 0, 0, 0])).sense, inList(0, 2), 'PROTECTION FIELD USAGE');
  t.match(lu.run(format(FMTDATA | LONGLIST), Buffer.from([0, 0, 0, 3, 0, 0, 0, 0])).sense, inList(3, 1));
  t.match(lu.run(format(FMTDATA), list(0x88)).sense, inList(1, 3), 'IP');
  t.match(lu.run(format(FMTDATA), list(0x40)).sense, inList(1, 6), 'DPRY without FOV');
  t.match(lu.run(format(FMTDATA), list(0x01)).sense, inList(1, 0), 'reserved');
  t.match(lu.run(format(FMTDATA), Buffer.alloc(3)).sense, { name: 'parameter-list-length' });
  t.match(lu.run(format(FMTDATA | LONGLIST), Buffer.alloc(4)).sense, { name: 'parameter-list-length' });
  t.match(new TestUnit({ readOnly: true }).run(format()).sense, { name: 'write-protected' });
  t.same(lu.layer.calls, []);
});
