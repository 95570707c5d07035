/** ORWRITE(32): bits that are set and cleared, generations and what they keep out, ORWRITE(16) beside it. */
import t from 'tap';
import { orwrite16, orwrite32 } from '../../../wire/scsi/cdb-build.js';
import type { ProtectionType } from '../../../wire/scsi/protection.js';
import { Rig } from '../scsi-primary/rig.js';
import { cdb, inCdb, pattern, Status, TestUnit, type UnitOptions } from './harness.js';
import { longCdb, MADE, protect, protectedBlock, protectedBlocks } from './protection.js';

const MISMATCH = { key: 5, asc: 0x2c0c };
const block = Buffer.alloc(512, 0x0f);
/** Change generation and clear. */
const change = (expected: number, next: number, policy: number, lba = 0, blocks = 0) =>
  orwrite32(lba, blocks, { expected, change: { next, policy } });
const unit = (options: UnitOptions = {}) => new TestUnit({ protection: 1, ...options });
const stored = (lu: TestUnit, lba: number, blocks: number) => lu.run(cdb(0x88, lba, blocks)).data;
const combined = (a: Buffer, b: Buffer, with_: (one: number, other: number) => number) =>
  Buffer.from(a.map((byte, at) => with_(byte, b[at]!)));
const or = (a: Buffer, b: Buffer) => combined(a, b, (one, other) => one | other);
const and = (a: Buffer, b: Buffer) => combined(a, b, (one, other) => one & other);

for (const protection of [1, 2, 3] as const satisfies readonly ProtectionType[]) {
  t.test(`type ${protection}, user data alone: OR and AND`, async (t) => {
    const lu = unit({ protection, blockSize: protection === 3 ? 4096 : 512 });
    const [count, bytes] = [1022, 1022 * lu.blockSize];
    const [before, data, mask] = [pattern(bytes, 3), pattern(bytes, 77), pattern(bytes, 5)];
    t.equal(lu.run(cdb(0x8a, 1, count), before).status, Status.good);
    const result = lu.run(orwrite32(1, count, { expected: 0 }, { dpo: true, fua: true }), data);
    t.equal(result.status, Status.good);
    t.equal(result.wanted, bytes);
    t.match(lu.layer.lastIo, { dpo: true, fua: true });
    t.ok(data.equals(pattern(bytes, 77)), "the host's data is left alone");
    t.ok(stored(lu, 1, count).equals(or(before, data)));
    t.equal(lu.run(change(0, 9, 7, 1, count), mask).status, Status.good);
    t.ok(stored(lu, 1, count).equals(and(or(before, data), mask)));
    t.ok(stored(lu, 0, 1).equals(Buffer.alloc(lu.blockSize)), 'not before');
    t.ok(stored(lu, 1023, 1).equals(Buffer.alloc(lu.blockSize)), 'not behind');
    t.equal(lu.layer.pinned, 0);
    t.match(lu.unit.counters, { writes: 3, writtenBlocks: 3 * count });
  });
}

t.test('the generation', async (t) => {
  const lu = unit();
  t.equal(lu.run(change(0, 9, 7, 1, 1), block).status, Status.good);
  t.match(lu.run(change(0, 9, 7, 1, 1), block).sense, MISMATCH);
  t.equal(lu.run(change(9, 0xffffffff, 7)).status, Status.good, 'without blocks it changes all the same');
  t.equal(lu.run(orwrite32(0, 0, { expected: 0xffffffff })).status, Status.good);
  const set = orwrite32(0, 1, { expected: 0xffffffff });
  set[3] = 0x0f;
  set.fill(0x77, 24, 28);
  t.equal(lu.run(set, block).status, Status.good, 'set: policy and new generation are ignored');
  t.equal(lu.run(orwrite32(0, 0, { expected: 0xffffffff })).status, Status.good, 'and changed nothing');
  t.match(lu.unit.counters, { writes: 2, writtenBlocks: 2 }, 'what moves no blocks is no write');
});

/** SBC-4 table 29: what becomes of set operations that expect the current, the previous and another generation. */
const table: readonly [policy: number, current: string, previous: string, other: string][] = [
  [0, 'set', 'set', 'refuse'],
  [2, 'set', 'discard', 'refuse'],
  [3, 'set', 'set', 'set'],
  [5, 'set', 'discard', 'discard'],
  [7, 'set', 'refuse', 'refuse'],
];

for (const [policy, ...outcomes] of table) {
  t.test(`PREVIOUS GENERATION PROCESSING ${policy}`, async (t) => {
    for (const [index, generation] of [30, 20, 10].entries()) {
      const lu = unit();
      lu.run(cdb(0x8a, 3, 1), Buffer.alloc(512));
      for (const next of [10, 20, 30]) t.equal(lu.run(change(next - 10, next, policy)).sense, null);
      const { status, sense, wanted } = lu.run(orwrite32(3, 1, { expected: generation }), block);
      const outcome = outcomes[index];
      if (outcome === 'refuse') t.match(sense, MISMATCH);
      else t.equal(status, Status.good);
      t.equal(wanted, outcome === 'refuse' ? 0 : 512, 'a refused command costs no transfer');
      t.equal(stored(lu, 3, 1).equals(block), outcome === 'set', `${generation}: ${outcome}`);
    }
  });
}

t.test('ORWRITE(16) expects generation zero (SBC-4 4.27.2.2)', async (t) => {
  const lu = unit();
  t.equal(lu.run(change(0, 1, 5)).status, Status.good);
  t.equal(lu.run(orwrite16(0, 1), block).status, Status.good);
  t.same(lu.layer.calls, [], 'discarded');
  t.equal(lu.run(change(1, 2, 7)).status, Status.good);
  t.match(lu.run(orwrite16(0, 1), block).sense, MISMATCH);
  t.equal(lu.run(change(2, 0, 7)).status, Status.good);
  t.equal(lu.run(orwrite16(0, 1), block).status, Status.good);
  const plain = unit({ protection: 0 });
  plain.unit.orwriteGenerations.change(1, 7);
  t.equal(plain.run(orwrite16(0, 1), block).status, Status.good, 'alone it knows of none (formatted without them)');
});

t.test('what fails half-way leaves the generation', async (t) => {
  const lu = unit();
  lu.layer.failNext = { kind: 'hardware-error', cause: 'test' };
  t.match(lu.run(change(0, 5, 7, 0, 8), Buffer.alloc(4096)).sense, { key: 4 });
  const task = lu.start(change(0, 5, 7, 0, 1024), Buffer.alloc(1024 * 512));
  task.aborted = true;
  lu.clock.settle();
  t.equal(task.status, Status.taskAborted);
  lu.layer.held = [];
  const last = lu.start(change(0, 5, 7, 0, 1), block);
  lu.layer.complete();
  last.aborted = true;
  while (!last.finished) lu.layer.complete();
  t.equal(last.status, Status.taskAborted, 'aborted while its blocks were written');
  lu.layer.held = null;
  t.match(lu.run(change(0, 5, 7, 0, 8), Buffer.alloc(4000), 4000).sense, { asc: 0x0e03 }, 'less data');
  t.equal(lu.run(change(0, 5, 7)).status, Status.good);
});

t.test('refusals and what they point at', async (t) => {
  const lu = unit();
  const refused = (byte: number, value: number) => {
    const command = change(0, 1, 7, 0, 1);
    command[byte] = value;
    return lu.run(command, block).sense;
  };
  t.match(refused(2, 2), inCdb(2, 2), 'BMOP');
  for (const policy of [1, 4, 6, 8, 15]) t.match(refused(3, policy), inCdb(3, 3), `policy ${policy}`);
  t.match(refused(7, 0x10), inCdb(7), 'ADDITIONAL CDB LENGTH');
  t.match(refused(10, protect(6)), inCdb(10, 7), 'ORPROTECT');
  t.match(lu.run(change(0, 1, 7).subarray(0, 16)).sense, inCdb(16), 'cut off');
  t.match(lu.run(change(0, 1, 7, 1023, 2), Buffer.alloc(1024)).sense, { name: 'lba-out-of-range' });
  const far = unit({ blocks: 20_000 });
  t.match(far.run(change(0, 1, 7, 0, 16_385), null, 16_385 * 512).sense, inCdb(28));
  const locked = unit({ readOnly: true });
  t.match(locked.run(change(0, 1, 7, 0, 1), block).sense, { name: 'write-protected' });
  t.match(locked.run(change(0, 1, 7)).sense, { name: 'write-protected' }, 'without blocks, too');
  lu.reserved = true;
  t.equal(lu.run(change(0, 1, 7)).status, Status.reservationConflict);
  lu.reserved = false;
  t.same(lu.layer.calls, []);
  t.equal(lu.run(change(0, 1, 7)).status, Status.good, 'the generation is what it was');
});

t.test('which commands of 32 bytes there are', async (t) => {
  for (const protection of [0, 1, 3] as const) {
    const lu = unit({ protection });
    for (const action of [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0f, 0x11]) {
      t.match(lu.run(longCdb(action, { lba: 0, length: 1 })).sense, { asc: 0x2000 });
    }
    if (protection === 0) t.match(lu.run(change(0, 1, 7)).sense, { asc: 0x2000 });
    else t.match(lu.run(longCdb(0x7f, { lba: 0, length: 1 })).sense, inCdb(8));
  }
});

t.test('resets: only a hard one sets the generations to zero', async (t) => {
  const rig = new Rig({ protection: 1 });
  const [a, b] = [rig.host('a'), rig.host('b')];
  t.equal(a.run(change(0, 6, 3)).status, Status.good);
  t.equal(b.run(change(6, 7, 7)).status, Status.good, 'the generation is that of all hosts');
  for (const fn of ['logical-unit-reset', 'i-t-nexus-reset'] as const) {
    a.manage(fn);
    a.attentions();
    t.match(a.run(change(0, 1, 7)).sense, MISMATCH, fn);
  }
  for (const fn of ['target-warm-reset', 'target-cold-reset'] as const) {
    a.manage(fn);
    a.attentions();
    t.equal(a.run(orwrite32(0, 0, { expected: 0 })).status, Status.good, fn);
    t.match(a.run(orwrite32(0, 0, { expected: 7 })).sense, MISMATCH, 'the policy is 7h');
    a.run(change(0, 7, 3));
  }
});

t.test('no write is under way when the generation changes', async (t) => {
  const rig = new Rig({ protection: 1 });
  const host = rig.host('a');
  rig.layer.held = [];
  const set = host.start(orwrite16(100, 1), block);
  const changes = host.start(change(0, 1, 5, 0, 1), block);
  const late = host.start(orwrite16(200, 1), block);
  const ended: string[] = [];
  const names = new Map([
    [set, 'set'],
    [changes, 'changes'],
    [late, 'late'],
  ]);
  while (!late.finished) {
    const calls = rig.layer.calls.length;
    rig.layer.complete();
    for (const [task, name] of names) if (task.finished && !ended.includes(name)) ended.push(name);
    if (!changes.finished) t.notOk(late.finished);
    if (!set.finished) t.equal(rig.layer.calls.length - calls, 1, 'one command at a time');
  }
  t.same(ended, ['set', 'changes', 'late']);
  t.equal(late.status, Status.good);
  t.notOk(
    rig.layer.calls.some((call) => call.startsWith('read 206')),
    'the later one was discarded',
  );
});

t.test('protection information', async (t) => {
  const lu = unit();
  const withTags = (lba: number, blocks: number) => lu.run(cdb(0x88, lba, blocks, protect(3))).data;
  const blocks = 600;
  const [first, second] = [pattern(blocks * 512), pattern(blocks * 512, 77)];
  lu.run(cdb(0x8a, 3, blocks), first);
  const sent = protectedBlocks(second, 3, { applicationTag: 6 });
  const orprotect = { protect: 1 } as const;
  const clear = orwrite32(3, blocks, { expected: 0, change: { next: 4, policy: 3 } }, orprotect);
  t.equal(lu.run(clear, sent).status, Status.good);
  const cleared = and(first, second);
  t.ok(withTags(3, blocks).equals(protectedBlocks(cleared, 3, { applicationTag: 6 })), 'a guard of its own, tags sent');
  t.equal(lu.run(orwrite32(3, blocks, { expected: 4 }), first).status, Status.good);
  t.ok(withTags(3, blocks).equals(protectedBlocks(or(cleared, first), 3, MADE)));
  const elsewhere = lu.run(orwrite32(4, 1, { expected: 4 }, orprotect), sent.subarray(0, 520));
  t.match(elsewhere.sense, { key: 0x0b, asc: 0x1003, information: 4 });
  lu.run(cdb(0x2a, 5, 1, protect(3)), protectedBlock(first.subarray(0, 512), 5, { guard: 1 }));
  const wrong = orwrite32(5, 1, { expected: 4, change: { next: 8, policy: 7 } });
  t.match(lu.run(wrong, block).sense, { key: 0x0b, asc: 0x1001, information: 5 }, 'what is stored');
  t.equal(lu.run(change(4, 8, 7)).status, Status.good, 'which left the generation');
  const typeTwo = unit({ protection: 2 });
  t.match(typeTwo.run(orwrite32(0, 1, { expected: 0 }, orprotect), sent.subarray(0, 520)).sense, { asc: 0x2000 });
  const told = orwrite32(7, 1, { expected: 0 });
  t.equal(typeTwo.run(told, block).status, Status.good);
  const tagged = longCdb(0x0b, { lba: 7, length: 1, options: protect(1), referenceTag: 9, applicationTag: 1, mask: 1 });
  t.equal(typeTwo.run(tagged, protectedBlock(block, 9, { applicationTag: 1 })).status, Status.good);
  t.equal(typeTwo.run(told, block).status, Status.good, 'generations are no tags to expect');
});
