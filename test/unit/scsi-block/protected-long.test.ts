/** WRITE ATOMIC(32) and WRITE SCATTERED(32): type 2, with tags that the CDB or the list tells. */
import t from 'tap';
import { inCdb, pattern, Status, TestUnit } from './harness.js';
import { longCdb, protect, protectedBlocks } from './protection.js';

const WRITE_ATOMIC = 0x0f;
const WRITE_SCATTERED = 0x11;
const failed = (asc: number, lba: number) => ({ key: 0x0b, asc, information: lba });
const unit = () => new TestUnit({ protection: 2 });
const stored = (lu: TestUnit, lba: number, length: number) =>
  lu.run(longCdb(0x09, { lba, length, options: protect(3) })).data;

t.test('WRITE ATOMIC(32): tags, limit, blocks that do not all come', async (t) => {
  const lu = unit();
  const fields = { lba: 7, length: 3, options: protect(1), referenceTag: 900, applicationTag: 5, mask: 0xffff };
  const sent = protectedBlocks(pattern(3 * 512), 900, { applicationTag: 5 });
  t.equal(lu.run(longCdb(WRITE_ATOMIC, fields), sent).status, Status.good);
  t.ok(stored(lu, 7, 3).equals(sent));
  const other = protectedBlocks(pattern(3 * 512, 4), 900, { applicationTag: 6 });
  t.match(lu.run(longCdb(WRITE_ATOMIC, fields), other).sense, failed(0x1002, 7));
  t.match(lu.run(longCdb(WRITE_ATOMIC, { ...fields, referenceTag: 901 }), sent).sense, failed(0x1003, 7));
  t.ok(stored(lu, 7, 3).equals(sent), 'nothing of either was written');
  t.match(lu.run(longCdb(WRITE_ATOMIC, { ...fields, length: 513 }), sent).sense, inCdb(28), 'more than is atomic');
  t.match(lu.run(longCdb(WRITE_ATOMIC, { ...fields, options: protect(7) }), sent).sense, inCdb(10, 7));
  const bounded = longCdb(WRITE_ATOMIC, fields);
  bounded[5] = 1;
  t.match(lu.run(bounded, sent).sense, inCdb(5, 0), 'ATOMIC BOUNDARY');
  t.match(new TestUnit({ protection: 1 }).run(longCdb(WRITE_ATOMIC, fields), sent).sense, { asc: 0x2000 });
});

/** A CDB of WRITE SCATTERED(32), without the fields that the others have. */
function scattered({ offset = 1, descriptors = 2, length = 4, options = protect(1) } = {}): Buffer {
  const cdb = longCdb(WRITE_SCATTERED, { lba: 0, length, options });
  cdb.writeUInt16BE(offset, 12);
  cdb.writeUInt16BE(descriptors, 16);
  return cdb;
}

/** Two ranges: a block at 50, tags from 100; two at 90, tags from 7000. */
function list(applicationTag = 0, mask = 0): Buffer {
  const bytes = Buffer.alloc(520);
  for (const [index, [lba, blocks, referenceTag]] of [[50, 1, 100] as const, [90, 2, 7000] as const].entries()) {
    const at = 32 + 32 * index;
    bytes.writeBigUInt64BE(BigInt(lba), at);
    bytes.writeUInt32BE(blocks, at + 8);
    bytes.writeUInt32BE(referenceTag, at + 12);
    bytes.writeUInt16BE(applicationTag, at + 16);
    bytes.writeUInt16BE(mask, at + 18);
  }
  return bytes;
}

t.test('WRITE SCATTERED(32): each range has tags of its own', async (t) => {
  const lu = unit();
  const first = protectedBlocks(pattern(512), 100, { applicationTag: 0x12 });
  const second = protectedBlocks(pattern(1024, 5), 7000, { applicationTag: 0x12 });
  const send = (head: Buffer, ...rest: Buffer[]) => lu.run(scattered(), Buffer.concat([head, ...rest]));
  t.match(send(list(), first, protectedBlocks(pattern(1024), 7001)).sense, failed(0x1003, 90));
  t.match(send(list(0x13, 0xff), first, second).sense, failed(0x1002, 50));
  t.ok(stored(lu, 50, 1).subarray(512).equals(Buffer.alloc(8, 0xff)), 'nothing was written');
  t.equal(send(list(0x13, 0xfe), first, second).status, Status.good, 'bits outside of the mask do not count');
  t.ok(stored(lu, 50, 1).equals(first));
  t.ok(stored(lu, 90, 2).equals(second));
});

t.test('WRITE SCATTERED(32): refusals and what they point at', async (t) => {
  const lu = unit();
  const all = Buffer.concat([list(), Buffer.alloc(3 * 520)]);
  const run = (cdb: Buffer, data = all) => lu.run(cdb, data).sense;
  t.match(run(scattered({ options: protect(6) })), inCdb(10, 7));
  t.match(run(scattered({ options: 0x01 })), inCdb(10, 0));
  t.match(run(scattered({ offset: 0 })), inCdb(12), 'the list reaches into the data');
  t.match(run(scattered({ descriptors: 0xffff })), inCdb(16));
  t.match(run(scattered({ length: 100_000 })), inCdb(28));
  t.match(
    run(scattered({ length: 3 })),
    { asc: 0x2600, field: { inCdb: false, byte: 64 + 8 } },
    'more blocks than come',
  );
  const beyond = Buffer.from(all);
  beyond.writeBigUInt64BE(2n ** 40n, 64);
  t.match(run(scattered(), beyond), { name: 'lba-out-of-range' });
  t.equal(lu.run(scattered({ descriptors: 0 })).status, Status.good, 'nothing to do');
  const short = scattered();
  short[7] = 0x10;
  t.match(run(short), inCdb(7));
  t.match(new TestUnit({ protection: 3 }).run(scattered(), all).sense, { asc: 0x2000 });
  t.match(new TestUnit({ protection: 2, readOnly: true }).run(scattered(), all).sense, { name: 'write-protected' });
});
