import t from 'tap';
import { Reservation, reservationPolicy } from '../../../target/scsi/command-table.js';
import { readCapacity10 } from '../../../wire/scsi/cdb-build.js';
import { cdb, inCdb, pattern, Status, TestUnit } from './harness.js';

const START = Buffer.from([0x1b, 0, 0, 0, 0x01, 0]);
const STOP = Buffer.from([0x1b, 0, 0, 0, 0x00, 0]);
const STOP_NO_FLUSH = Buffer.from([0x1b, 0, 0, 0, 0x04, 0]);
const STOP_IMMED = Buffer.from([0x1b, 1, 0, 0, 0x00, 0]);
const NOT_READY = { name: 'initializing-command-required', key: 2, asc: 0x0402 };

t.test('stopped: medium access is refused until started', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(STOP).status, Status.good);
  t.same(lu.layer.calls, ['flush 0+0'], 'the whole cache goes to the medium first');
  for (const bytes of [cdb(0x28, 0, 1), cdb(0x2f, 0, 1), cdb(0x35, 0, 0), readCapacity10()]) {
    t.match(lu.run(bytes).sense, NOT_READY);
  }
  t.match(lu.run(cdb(0x2a, 0, 1), pattern(512)).sense, NOT_READY);
  t.equal(lu.run(START).status, Status.good);
  t.equal(lu.run(cdb(0x28, 0, 1)).status, Status.good);
  t.equal(lu.run(START).status, Status.good);
  t.equal(lu.unit.counters.starts, 1);
});

t.test('NO_FLUSH and IMMED', async (t) => {
  const lu = new TestUnit();
  t.equal(lu.run(STOP_NO_FLUSH).status, Status.good);
  t.ok(lu.unit.stopped);
  t.same(lu.layer.calls, []);
  lu.run(START);
  lu.layer.held = [];
  const task = lu.start(STOP_IMMED);
  t.ok(task.finished);
  t.ok(lu.unit.stopped);
});

t.test('a failed flush leaves it started', async (t) => {
  const lu = new TestUnit();
  lu.layer.failNext = { kind: 'no-space', cause: 'disk full' };
  t.match(lu.run(STOP).sense, { name: 'no-space', key: 7, asc: 0x2707 });
  t.notOk(lu.unit.stopped);
});

t.test('LOEJ is refused, and so are power conditions that there are not', async (t) => {
  const lu = new TestUnit();
  for (const [byte, bit] of [
    [0x20, 7],
    [0xa0, 7],
    [0x02, 1],
    [0x03, 1],
  ] as const) {
    t.match(lu.run(Buffer.from([0x1b, 0, 0, 0, byte, 0])).sense, inCdb(4, bit));
  }
  t.match(lu.run(Buffer.from([0x1b, 0, 0, 1, 1, 0])).sense, inCdb(3, 0));
});

t.test('starting is allowed beside a reservation, stopping is not', async (t) => {
  const command = new TestUnit().unit.commands.find(START)!;
  t.equal(reservationPolicy(command, START), Reservation.free);
  t.equal(reservationPolicy(command, STOP), Reservation.write);
});
