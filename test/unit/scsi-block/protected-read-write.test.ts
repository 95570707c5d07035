/** READ, WRITE and WRITE ATOMIC on logical units with protection information: RDPROTECT and WRPROTECT, by type. */
import t from 'tap';
import type { ProtectionType } from '../../../wire/scsi/protection.js';
import { cdb, inCdb, pattern, Status, TestUnit } from './harness.js';
import { longCdb, MADE, protect, protectedBlock, protectedBlocks } from './protection.js';

const READ = [0x28, 0xa8, 0x88];
const WRITE = [0x2a, 0xaa, 0x8a];
const UNWRITTEN = Buffer.concat([Buffer.alloc(512), Buffer.alloc(8, 0xff)]);

/** Information of a stored block, changed behind the array's back. */
function corrupt(lu: TestUnit, lba: number, byte: number): void {
  const slot = Math.floor(lba / 31);
  const at = (slot * 32 + 16) * 512 + (lba - slot * 31) * 8 + byte;
  lu.layer.data[at]! ^= 0x01;
}

const failed = (asc: number, lba: number, key = 0x0b) => ({ key, asc, information: lba });

t.test('a write without information has it made; it comes back with any RDPROTECT that transfers it', async (t) => {
  for (const type of [1, 3] as const) {
    const lu = new TestUnit({ protection: type });
    const data = pattern(3 * 512);
    const stored = protectedBlocks(data, 100, type === 3 ? { ...MADE, referenceTag: 0xffffffff } : MADE);
    for (const opcode of [...WRITE, 0x0a]) {
      t.equal(lu.run(cdb(opcode, 100, 3), data).status, Status.good);
      t.ok(lu.run(cdb(0x88, 100, 3)).data.equals(data));
      t.ok(lu.run(cdb(0x08, 100, 3)).data.equals(data), 'READ(6)');
      for (const read of READ) {
        for (const value of [1, 2, 3, 4, 5]) {
          t.ok(lu.run(cdb(read, 100, 3, protect(value))).data.equals(stored), `type ${type}, ${read}, ${value}`);
        }
      }
      lu.layer.data.fill(0);
    }
  }
});

t.test(
  "a write without information makes none that is checked: ATO is 1, the application tag the host's",
  async (t) => {
    for (const type of [1, 2, 3] as const) {
      const lu = new TestUnit({ protection: type });
      lu.run(cdb(0x8a, 5, 1), pattern(512));
      const read = type === 2 ? longCdb(0x09, { lba: 5, length: 1, options: protect(1) }) : cdb(0x88, 5, 1, protect(1));
      const made = { applicationTag: 0xffff, referenceTag: type === 1 ? 5 : 0xffffffff };
      t.ok(lu.run(read).data.equals(protectedBlock(pattern(512), 5, made)), `type ${type}`);
      corrupt(lu, 5, 0);
      t.equal(lu.run(read).status, Status.good);
    }
  },
);

t.test('what nobody has written has all ones and is not checked', async (t) => {
  const lu = new TestUnit({ protection: 1 });
  t.ok(lu.run(cdb(0x28, 7, 2, protect(1))).data.equals(Buffer.concat([UNWRITTEN, UNWRITTEN])));
  t.ok(lu.run(cdb(0x28, 7, 2)).data.equals(Buffer.alloc(1024)));
  lu.run(cdb(0x2a, 7, 2), pattern(1024));
  const unmap = Buffer.from('00161000000000000000000000000007000000020000000000'.slice(0, 48), 'hex');
  unmap.writeUInt16BE(22, 0);
  unmap.writeUInt16BE(16, 2);
  t.equal(lu.run(Buffer.from([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0]), unmap).status, Status.good);
  t.ok(lu.run(cdb(0x28, 7, 2, protect(1))).data.equals(Buffer.concat([UNWRITTEN, UNWRITTEN])));
});

t.test('WRPROTECT: what is checked, by value', async (t) => {
  const data = pattern(2 * 512);
  /** By value: guard, application tag (nobody tells it here), reference tag. */
  const checked = { 1: [true, true], 2: [false, true], 3: [false, false], 4: [true, false], 5: [true, true] };
  for (const [value, [guard, reference]] of Object.entries(checked)) {
    const lu = new TestUnit({ protection: 1 });
    const run = (bytes: Buffer) => lu.run(cdb(0x2a, 40, 2, protect(Number(value))), bytes);
    const second = data.subarray(512);
    const first = protectedBlock(data.subarray(0, 512), 40);
    const badGuard = Buffer.concat([first, protectedBlock(second, 41, { guard: 0x1234 })]);
    const badReference = Buffer.concat([first, protectedBlock(second, 40)]);
    const anyTag = protectedBlocks(data, 40, { applicationTag: 0xbeef });
    if (guard) t.match(run(badGuard).sense, failed(0x1001, 41), `guard, ${value}`);
    else t.equal(run(badGuard).status, Status.good, `guard, ${value}`);
    const result = run(badReference);
    t.equal(result.status, reference ? Status.checkCondition : Status.good);
    if (reference) t.match(result.sense, failed(0x1003, 41));
    t.equal(run(anyTag).status, Status.good);
    t.equal(run(anyTag).wanted, 1040);
    t.ok(lu.run(cdb(0x28, 40, 2, protect(3))).data.equals(anyTag), 'kept as it was sent');
  }
  const refused = new TestUnit({ protection: 1 });
  refused.run(cdb(0x2a, 40, 2, protect(1)), protectedBlocks(data, 0));
  t.ok(refused.run(cdb(0x28, 40, 2)).data.equals(Buffer.alloc(1024)), 'nothing was written');
});

t.test('RDPROTECT: what is checked of what is stored, by value', async (t) => {
  const reads = (lu: TestUnit, value: number) => lu.run(cdb(0x88, 60, 2, protect(value)));
  for (const [byte, asc, values] of [
    [0, 0x1001, [0, 1, 4, 5]],
    [7, 0x1003, [0, 1, 2, 5]],
  ] as const) {
    for (const value of [0, 1, 2, 3, 4, 5]) {
      const lu = new TestUnit({ protection: 1 });
      lu.run(cdb(0x2a, 60, 2, protect(1)), protectedBlocks(pattern(1024), 60));
      corrupt(lu, 61, byte);
      const result = reads(lu, value);
      if ((values as readonly number[]).includes(value)) {
        t.match(result.sense, failed(asc, 61), `${asc.toString(16)}, RDPROTECT ${value}`);
        t.equal(lu.unit.counters.readErrors, 1);
      } else {
        t.equal(result.status, Status.good, `RDPROTECT ${value}`);
      }
    }
  }
});

t.test('tags that switch checks off', async (t) => {
  for (const [type, other, passes] of [
    [1, { applicationTag: 0xffff }, true],
    [2, { applicationTag: 0xffff }, true],
    [3, { applicationTag: 0xffff }, false],
    [3, { applicationTag: 0xffff, referenceTag: 0xffffffff }, true],
  ] as const) {
    const lu = new TestUnit({ protection: type as ProtectionType });
    const bytes = protectedBlock(pattern(512), 5, { guard: 1, ...other });
    const write = type === 2 ? longCdb(0x0b, { lba: 5, length: 1, options: protect(1) }) : cdb(0x2a, 5, 1, protect(1));
    const result = lu.run(write, bytes);
    t.equal(result.status, passes ? Status.good : Status.checkCondition, `type ${type}`);
    if (passes) t.equal(lu.run(cdb(0x28, 5, 1)).status, Status.good);
  }
});

t.test('refusals: reserved values, type 2 without 32 bytes, no protection information', async (t) => {
  const lu = new TestUnit({ protection: 1 });
  for (const opcode of [...READ, ...WRITE]) {
    for (const value of [6, 7]) t.match(lu.run(cdb(opcode, 0, 1, protect(value))).sense, inCdb(1, 7));
  }
  const second = new TestUnit({ protection: 2 });
  for (const opcode of [...READ, ...WRITE, 0x2f, 0x8f, 0x2e, 0x8e, 0x93, 0x8b, 0x9c]) {
    t.match(second.run(cdb(opcode, 0, 1, protect(1)), Buffer.alloc(520)).sense, { asc: 0x2000 }, opcode.toString(16));
  }
  t.equal(second.run(cdb(0x2a, 0, 1), pattern(512)).status, Status.good);
  t.ok(second.run(cdb(0x28, 0, 1)).data.equals(pattern(512)));
  const none = new TestUnit();
  t.match(none.run(cdb(0x28, 0, 1, protect(1))).sense, inCdb(1, 7));
  t.match(none.run(longCdb(0x09, { lba: 0, length: 1 })).sense, { asc: 0x2000 });
  t.match(lu.run(longCdb(0x09, { lba: 0, length: 1 })).sense, { asc: 0x2000 }, 'type 1');
  t.match(new TestUnit({ protection: 1, readOnly: true }).run(cdb(0x2a, 0, 1)).sense, { name: 'write-protected' });
  t.match(lu.run(cdb(0x2a, 1023, 2, protect(1)), Buffer.alloc(1040)).sense, { name: 'lba-out-of-range' });
  const large = new TestUnit({ protection: 1, blocks: 20_000 });
  t.match(large.run(cdb(0x8a, 0, 16385, protect(1)), Buffer.alloc(520)).sense, inCdb(10));
});

t.test('less data than asked for: whole blocks with their information', async (t) => {
  const lu = new TestUnit({ protection: 1 });
  const bytes = protectedBlocks(pattern(3 * 512), 10);
  t.equal(lu.run(cdb(0x2a, 10, 3, protect(1)), bytes, 2 * 520 + 519).status, Status.good);
  t.ok(lu.run(cdb(0x28, 10, 3, protect(1))).data.equals(Buffer.concat([bytes.subarray(0, 1040), UNWRITTEN])));
});

t.test('32 bytes: expected tags, those of the application by mask', async (t) => {
  const lu = new TestUnit({ protection: 2 });
  const data = pattern(2 * 512);
  const tags = { referenceTag: 0xffffffff, applicationTag: 0x1230, mask: 0xfff0 };
  const sent = Buffer.concat([
    protectedBlock(data.subarray(0, 512), 0, { applicationTag: 0x1237, referenceTag: 0xffffffff }),
    protectedBlock(data.subarray(512), 0, { applicationTag: 0x1238, referenceTag: 0 }),
  ]);
  const fields = { lba: 200, length: 2, options: protect(1) };
  t.equal(lu.run(longCdb(0x0b, { ...fields, ...tags }), sent).status, Status.good);
  t.ok(lu.run(longCdb(0x09, { ...fields, ...tags })).data.equals(sent));
  t.match(lu.run(longCdb(0x09, { ...fields, ...tags, mask: 0xffff })).sense, failed(0x1002, 200));
  t.match(lu.run(longCdb(0x09, { ...fields, ...tags, referenceTag: 5 })).sense, failed(0x1003, 200));
  t.match(lu.run(longCdb(0x0b, { ...fields, ...tags, referenceTag: 5 }), sent).sense, failed(0x1003, 200));
  t.ok(lu.run(longCdb(0x09, { ...fields, ...tags, options: 0 })).data.equals(data), 'RDPROTECT 000b');
  t.match(lu.run(longCdb(0x09, { ...fields, options: 0 })).sense, failed(0x1003, 200), 'which checks as well');
  t.equal(lu.run(longCdb(0x09, { ...fields, options: protect(3) })).status, Status.good);
  t.ok(lu.run(cdb(0x28, 200, 2)).data.equals(data), 'READ(10) knows no tags to check');
  const short = longCdb(0x09, { lba: 0, length: 1 });
  t.match(lu.run(short.subarray(0, 16)).sense, inCdb(16));
  short[7] = 0x10;
  t.match(lu.run(short).sense, inCdb(7));
  t.match(lu.run(longCdb(0x7f, { lba: 0, length: 1 })).sense, inCdb(8), 'no such service action');
  t.match(lu.run(longCdb(0x09, { lba: 0, length: 1, options: 0x01 })).sense, inCdb(10, 0));
  t.match(lu.run(longCdb(0x09, { lba: 0, length: 1, options: protect(6) })).sense, inCdb(10, 7));
  t.match(lu.run(longCdb(0x09, { lba: 2 ** 40, length: 1 })).sense, { name: 'lba-out-of-range' });
});

t.test('WRITE ATOMIC: as many blocks as one commit takes with their information', async (t) => {
  const lu = new TestUnit({ protection: 1 });
  const atomic = (lba: number, blocks: number) => {
    const bytes = cdb(0x9c, lba, blocks, protect(1));
    bytes.writeUInt16BE(0, 10);
    bytes.writeUInt16BE(blocks, 12);
    return bytes;
  };
  const data = protectedBlocks(pattern(465 * 512), 20);
  t.equal(lu.run(atomic(20, 465), data).status, Status.good);
  t.equal(lu.layer.lastIo?.atomic, true);
  t.equal(lu.layer.calls.filter((call) => call.startsWith('write')).length, 1);
  t.ok(lu.run(cdb(0x28, 20, 465, protect(1))).data.equals(data));
  t.match(lu.run(atomic(20, 466), Buffer.alloc(466 * 520)).sense, inCdb(12));
});

t.test('failures below are told for the block concerned, an abort leaves things as they are', async (t) => {
  const lu = new TestUnit({ protection: 1 });
  lu.layer.failNext = { kind: 'medium-error', lba: 32 + 3, write: false };
  t.match(lu.run(cdb(0x28, 31, 31)).sense, { asc: 0x1100, information: 34 });
  lu.layer.failNext = { kind: 'hardware-error', cause: 'test' };
  t.match(lu.run(cdb(0x2a, 3, 2), Buffer.alloc(1024)).sense, { name: 'hardware-error' }, 'read before the write');
  t.equal(lu.run(cdb(0x2a, 3, 2), Buffer.alloc(1024)).status, Status.good, 'the slot is free again');
  lu.unit.ldev.marks.mark(9, 1, false);
  t.match(lu.run(cdb(0x28, 8, 3, protect(1))).sense, { asc: 0x1100, information: 9 });
  t.equal(lu.run(cdb(0x2a, 9, 1, protect(1)), protectedBlocks(pattern(512), 9)).status, Status.good);
  t.equal(lu.run(cdb(0x28, 8, 3, protect(1))).status, Status.good);
});
