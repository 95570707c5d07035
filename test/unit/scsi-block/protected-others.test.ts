/** VERIFY, WRITE AND VERIFY, WRITE SAME, COMPARE AND WRITE, ORWRITE, WRITE SCATTERED with protection information. */
import t from 'tap';
import type { ProtectionType } from '../../../wire/scsi/protection.js';
import { cdb, inCdb, pattern, Status, TestUnit } from './harness.js';
import { longCdb, MADE, protect, protectedBlock, protectedBlocks } from './protection.js';

const BYTCHK = { data: 0x02, one: 0x06 };
const failed = (asc: number, lba: number, key = 0x0b) => ({ key, asc, information: lba });
const UNWRITTEN = Buffer.concat([Buffer.alloc(512), Buffer.alloc(8, 0xff)]);

function unit(protection: ProtectionType = 1, options = {}) {
  return new TestUnit({ protection, ...options });
}

const stored = (lu: TestUnit, lba: number, blocks: number) =>
  lu.unit.ldev.protection === 2
    ? lu.run(longCdb(0x09, { lba, length: blocks, options: protect(3) })).data
    : lu.run(cdb(0x88, lba, blocks, protect(3))).data;

t.test('VERIFY without data checks what is stored; VRPROTECT says what', async (t) => {
  for (const opcode of [0x2f, 0xaf, 0x8f]) {
    for (const [value, fails] of [
      [0, true],
      [1, true],
      [2, false],
      [3, false],
      [4, true],
    ] as const) {
      const lu = unit();
      lu.run(cdb(0x2a, 5, 2, protect(3)), protectedBlocks(pattern(1024), 5, { guard: 7 }));
      const result = lu.run(cdb(opcode, 5, 2, protect(value)));
      if (fails) t.match(result.sense, failed(0x1001, 5));
      else t.equal(result.status, Status.good);
      t.equal(lu.unit.counters.verifyErrors, fails ? 1 : 0);
    }
  }
  t.match(unit().run(cdb(0x2f, 0, 1, 0x04)).sense, inCdb(1, 2), 'BYTCHK 10b');
});

t.test('VERIFY with data compares data and information', async (t) => {
  const lu = unit();
  const data = pattern(2 * 512);
  const sent = protectedBlocks(data, 5, { applicationTag: 3 });
  lu.run(cdb(0x2a, 5, 2, protect(1)), sent);
  const verify = (value: number, bytes: Buffer, flags = BYTCHK.data) =>
    lu.run(cdb(0x8f, 5, 2, protect(value) | flags), bytes);
  for (const value of [1, 2, 3, 4, 5]) t.equal(verify(value, sent).status, Status.good, `VRPROTECT ${value}`);
  t.equal(verify(0, data).status, Status.good);
  const other = protectedBlocks(data, 5, { applicationTag: 4 });
  for (const value of [1, 2, 3, 4, 5]) t.match(verify(value, other).sense, failed(0x1002, 5, 0x0e));
  const changed = Buffer.from(data);
  changed[700]! ^= 1;
  t.match(verify(1, protectedBlocks(changed, 5, { applicationTag: 3 })).sense, {
    key: 0x0e,
    asc: 0x1d00,
    information: 708,
  });
  t.match(verify(0, changed).sense, { key: 0x0e, asc: 0x1d00, information: 700 });
  t.match(
    verify(1, protectedBlocks(data, 5, { applicationTag: 3, guard: 0 })).sense,
    failed(0x1001, 5),
    'what was sent',
  );
  t.match(verify(3, protectedBlocks(data, 5, { applicationTag: 3, guard: 0 })).sense, failed(0x1001, 5, 0x0e));
  t.equal(verify(2, protectedBlocks(data, 5, { applicationTag: 3, guard: 0 })).status, Status.good);
});

t.test('VERIFY with data: which reference tags are compared', async (t) => {
  for (const type of [1, 3] as const) {
    const lu = unit(type);
    lu.run(cdb(0x2a, 5, 1, protect(3)), protectedBlock(pattern(512), 111));
    for (const value of [1, 2, 3, 4, 5]) {
      const result = lu.run(cdb(0x8f, 5, 1, protect(value) | BYTCHK.data), protectedBlock(pattern(512), 5));
      if (value === 5) t.equal(result.status, Status.good, `type ${type}, VRPROTECT 101b`);
      else t.match(result.sense, failed(0x1003, 5, 0x0e), `type ${type}, VRPROTECT ${value}`);
    }
  }
});

t.test('what is stored with tags that say "unchecked" has its data compared alone', async (t) => {
  for (const type of [1, 3] as const) {
    const lu = unit(type);
    const verify = (block: Buffer) => lu.run(cdb(0x8f, 5, 1, protect(1) | BYTCHK.data), protectedBlock(block, 5));
    t.equal(verify(Buffer.alloc(512)).status, Status.good);
    t.match(verify(pattern(512)).sense, { key: 0x0e, asc: 0x1d00 });
    const compareAndWrite = cdb(0x89, 5, 0, protect(1));
    compareAndWrite[13] = 1;
    const next = protectedBlock(pattern(512), 5);
    t.equal(lu.run(compareAndWrite, Buffer.concat([protectedBlock(Buffer.alloc(512), 5), next])).status, Status.good);
    t.ok(stored(lu, 5, 1).equals(next));
  }
});

t.test('VERIFY with one block: its reference tag counts on', async (t) => {
  for (const type of [1, 3] as const) {
    const lu = unit(type);
    const block = pattern(512);
    const one = protectedBlock(block, 9);
    lu.run(cdb(0x93, 9, 40, protect(1)), one);
    t.equal(lu.run(cdb(0x8f, 9, 40, protect(1) | BYTCHK.one), one).status, Status.good);
    t.equal(lu.run(cdb(0x8f, 9, 40, BYTCHK.one), block).status, Status.good);
    const last = stored(lu, 48, 1);
    t.equal(last.readUInt32BE(516), type === 1 ? 48 : 9);
  }
});

t.test('WRITE AND VERIFY', async (t) => {
  const lu = unit();
  const data = pattern(3 * 512);
  const sent = protectedBlocks(data, 100, { applicationTag: 9 });
  for (const opcode of [0x2e, 0xae, 0x8e]) {
    for (const flags of [0, BYTCHK.data]) {
      t.equal(lu.run(cdb(opcode, 100, 3, protect(1) | flags), sent).status, Status.good);
      t.ok(stored(lu, 100, 3).equals(sent));
      t.equal(lu.run(cdb(opcode, 100, 3, flags), data).status, Status.good);
      t.ok(stored(lu, 100, 3).equals(protectedBlocks(data, 100, MADE)));
    }
  }
  t.match(lu.run(cdb(0x2e, 101, 3, protect(1)), sent).sense, failed(0x1003, 101));
  t.ok(stored(lu, 100, 4).equals(Buffer.concat([protectedBlocks(data, 100, MADE), UNWRITTEN])), 'nothing was written');
});

t.test('WRITE SAME', async (t) => {
  const lu = unit();
  const block = pattern(512);
  const repeated = Buffer.concat(new Array(70).fill(block));
  t.equal(lu.run(cdb(0x41, 20, 70), block).status, Status.good);
  t.ok(stored(lu, 20, 70).equals(protectedBlocks(repeated, 20, MADE)));
  t.equal(lu.run(cdb(0x93, 20, 70, protect(1)), protectedBlock(block, 20, { applicationTag: 5 })).status, Status.good);
  t.ok(stored(lu, 20, 70).equals(protectedBlocks(repeated, 20, { applicationTag: 5 })));
  t.match(lu.run(cdb(0x93, 20, 70, protect(1)), protectedBlock(block, 21)).sense, failed(0x1003, 20));
  t.equal(lu.run(cdb(0x93, 20, 1), Buffer.alloc(512)).status, Status.good);
  t.ok(stored(lu, 20, 1).equals(protectedBlock(Buffer.alloc(512), 20, MADE)), 'zeros are written, with a guard');
  t.equal(lu.run(cdb(0x93, 20, 70, 0x01)).status, Status.good, 'NDOB');
  t.ok(stored(lu, 20, 70).equals(Buffer.concat(new Array(70).fill(UNWRITTEN))));
  t.match(lu.run(cdb(0x93, 20, 70, 0x01 | protect(1))).sense, inCdb(1, 7));
  t.match(lu.run(cdb(0x41, 20, 70, 0x01), block).sense, inCdb(1, 0), 'NDOB is none of WRITE SAME(10)');
  lu.run(cdb(0x2a, 0, 1), block);
  t.equal(lu.run(cdb(0x93, 0, 31, 0x08), Buffer.alloc(512)).status, Status.good, 'UNMAP');
  t.ok(stored(lu, 0, 1).equals(UNWRITTEN));

  const full = unit(1, { thin: false });
  full.run(cdb(0x2a, 0, 1), block);
  t.equal(full.run(cdb(0x93, 0, 9, 0x01)).status, Status.good);
  t.ok(stored(full, 0, 1).equals(UNWRITTEN));
  t.match(full.run(cdb(0x93, 0, 9, 0x08), block).sense, inCdb(1, 3));

  for (const value of [1, 3, 5]) {
    t.equal(lu.run(cdb(0x93, 20, 70, protect(value)), UNWRITTEN).status, Status.good);
    t.ok(stored(lu, 20, 70).equals(Buffer.concat(new Array(70).fill(UNWRITTEN))), `all ones, WRPROTECT ${value}`);
  }

  const second = unit(2);
  const long = { lba: 8, length: 33, options: protect(1), referenceTag: 1000, applicationTag: 2, mask: 0xffff };
  const one = protectedBlock(block, 1000, { applicationTag: 2 });
  t.equal(second.run(longCdb(0x0d, long), one).status, Status.good);
  t.equal(stored(second, 40, 1).readUInt32BE(516), 1032);
  t.match(second.run(longCdb(0x0d, { ...long, applicationTag: 3 }), one).sense, failed(0x1002, 8));
  t.match(second.run(longCdb(0x0d, { ...long, length: 0x10000 }), one).sense, { name: 'lba-out-of-range' });
});

t.test('COMPARE AND WRITE', async (t) => {
  const caw = (lba: number, blocks: number, value: number) => {
    const bytes = cdb(0x89, lba, 0, protect(value));
    bytes[13] = blocks;
    return bytes;
  };
  const lu = unit();
  const [first, second] = [pattern(1024), pattern(1024, 9)];
  lu.run(cdb(0x2a, 30, 2), first);
  t.equal(lu.run(caw(30, 2, 0), Buffer.concat([first, second])).status, Status.good);
  t.ok(stored(lu, 30, 2).equals(protectedBlocks(second, 30, MADE)));
  const [was, next] = [protectedBlocks(second, 30), protectedBlocks(first, 30, { applicationTag: 1 })];
  t.match(lu.run(caw(30, 2, 1), Buffer.concat([next, was])).sense, { key: 0x0e, asc: 0x1d00, information: 0 });
  t.equal(lu.run(caw(30, 2, 1), Buffer.concat([was, next])).status, Status.good);
  t.ok(stored(lu, 30, 2).equals(next));
  t.match(lu.run(caw(30, 2, 1), Buffer.concat([protectedBlocks(first, 30), was])).sense, failed(0x1002, 30, 0x0e));
  t.match(lu.run(caw(30, 2, 1), Buffer.concat([next, protectedBlocks(first, 31)])).sense, failed(0x1003, 30));
  t.ok(stored(lu, 30, 2).equals(next), 'unchanged');
  t.match(lu.run(caw(30, 2, 1), Buffer.concat([first, first])).sense, inCdb(13), 'the amount of data');
  t.match(lu.run(caw(30, 2, 7), Buffer.concat([next, next])).sense, inCdb(1, 7));
});

t.test('ORWRITE', async (t) => {
  const lu = unit();
  const blocks = 600;
  const [first, second] = [pattern(blocks * 512), pattern(blocks * 512, 77)];
  const or = Buffer.from(first.map((byte, index) => byte | second[index]!));
  lu.run(cdb(0x8a, 3, blocks), first);
  const sent = protectedBlocks(second, 3, { applicationTag: 6 });
  t.equal(lu.run(cdb(0x8b, 3, blocks, protect(1)), sent).status, Status.good);
  t.ok(stored(lu, 3, blocks).equals(protectedBlocks(or, 3, { applicationTag: 6 })));
  lu.run(cdb(0x8a, 3, blocks), first);
  t.equal(lu.run(cdb(0x8b, 3, blocks), second).status, Status.good);
  t.ok(stored(lu, 3, blocks).equals(protectedBlocks(or, 3, MADE)));
  t.match(lu.run(cdb(0x8b, 4, blocks, protect(1)), sent).sense, failed(0x1003, 4));
  lu.run(cdb(0x2a, 5, 1, protect(3)), protectedBlock(first.subarray(0, 512), 5, { guard: 1 }));
  t.match(lu.run(cdb(0x8b, 3, 4, protect(1)), sent.subarray(0, 4 * 520)).sense, failed(0x1001, 5), 'what is stored');
  t.equal(lu.run(cdb(0x8b, 0, 0)).status, Status.good);
});

t.test('WRITE SCATTERED: nothing is written if any information is wrong', async (t) => {
  const lu = unit();
  const command = Buffer.from([0x9f, 0x12, protect(1), 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0]);
  const list = Buffer.alloc(520);
  list.writeBigUInt64BE(50n, 32);
  list.writeUInt32BE(1, 40);
  list.writeBigUInt64BE(90n, 64);
  list.writeUInt32BE(2, 72);
  const [first, second] = [protectedBlocks(pattern(512), 50), protectedBlocks(pattern(1024, 5), 90)];
  t.match(lu.run(command, Buffer.concat([list, first, protectedBlocks(pattern(1024), 91)])).sense, failed(0x1003, 90));
  t.ok(stored(lu, 50, 1).equals(UNWRITTEN));
  t.equal(lu.run(command, Buffer.concat([list, first, second])).status, Status.good);
  t.ok(stored(lu, 50, 1).equals(first));
  t.ok(stored(lu, 90, 2).equals(second));
  const reserved = Buffer.from(command);
  reserved[2] = protect(6);
  t.match(lu.run(reserved, Buffer.concat([list, first, second])).sense, inCdb(2, 7));
  t.match(unit(2).run(command, Buffer.concat([list, first, second])).sense, { asc: 0x2000 });
  t.match(new TestUnit().run(command, Buffer.concat([list, first, second])).sense, inCdb(2, 5));
});
