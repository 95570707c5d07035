import t from 'tap';
import type { IoFailure } from '../../../target/volumes/block-layer.js';
import { powerOnOccurred } from '../../../wire/scsi/sense.js';
import { cdb, pattern, Status, TestUnit } from './harness.js';

const CASES: readonly (readonly [IoFailure, object])[] = [
  [
    { kind: 'medium-error', lba: 3, write: false },
    { name: 'medium-error', key: 3, asc: 0x1100, information: 3 },
  ],
  [
    { kind: 'medium-error', lba: 3, write: true },
    { name: 'write-error', key: 3, asc: 0x0c00, information: 3 },
  ],
  [
    { kind: 'hardware-error', cause: 'no answer' },
    { name: 'hardware-error', key: 4, asc: 0x4400 },
  ],
  [
    { kind: 'no-space', cause: 'pool P0 is full' },
    { name: 'no-space', key: 7, asc: 0x2707 },
  ],
  [
    { kind: 'not-ready', cause: 'blocked' },
    { name: 'not-ready', key: 2, asc: 0x0400 },
  ],
  [{ kind: 'injected', sense: powerOnOccurred() }, powerOnOccurred()],
];

t.test('each failure below has its sense, and its cause in the log', async (t) => {
  for (const [failure, sense] of CASES) {
    const lu = new TestUnit();
    lu.layer.failNext = failure;
    const result = lu.run(cdb(0x28, 0, 8));
    t.equal(result.status, Status.checkCondition);
    t.match(result.sense, sense);
    t.equal(lu.logged.length, 1);
    t.match(lu.logged[0], /LDEV 00:1A: READ\(10\) of iqn\.test:host failed: /);
    t.equal(lu.unit.counters.readErrors, 1);
  }
});

t.test('an injected status goes out as it is', async (t) => {
  const lu = new TestUnit();
  lu.layer.failNext = { kind: 'injected', status: Status.taskSetFull };
  const result = lu.run(cdb(0x2a, 0, 1), pattern(512));
  t.equal(result.status, Status.taskSetFull);
  t.equal(result.sense, null);
  t.match(lu.logged[0], /injected status 0x28/);
});

t.test('every command that reaches the blocks passes their failure on', async (t) => {
  for (const [bytes, data] of [
    [cdb(0x08, 0, 1), null],
    [cdb(0x88, 0, 1), null],
    [cdb(0x0a, 0, 1), pattern(512)],
    [cdb(0x8a, 0, 1), pattern(512)],
    [cdb(0x2e, 0, 1), pattern(512)],
    [cdb(0x2f, 0, 1), null],
    [cdb(0x41, 0, 1), pattern(512)],
    [cdb(0x93, 0, 1, 1), null],
    [cdb(0x35, 0, 1), null],
    [cdb(0x34, 0, 1), null],
    [Buffer.from([0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]), pattern(1024)],
  ] as const) {
    const lu = new TestUnit();
    lu.layer.failNext = { kind: 'hardware-error', cause: 'test' };
    t.match(lu.run(bytes, data).sense, { name: 'hardware-error' }, `opcode 0x${bytes[0]!.toString(16)}`);
    t.equal(lu.layer.pinned, 0);
  }
});

t.test('a step of WRITE SAME that fails ends it', async (t) => {
  const lu = new TestUnit({ blocks: 30_000 });
  const task = lu.start(cdb(0x93, 0, 20_000), pattern(512));
  lu.layer.failNext = { kind: 'no-space', cause: 'full' };
  lu.clock.settle();
  t.match(task.sense, { name: 'no-space' });
  t.equal(lu.layer.calls.length, 2);
});
