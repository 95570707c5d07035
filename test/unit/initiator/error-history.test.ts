/** The error history in words, whole, cut short and lying about its lengths. */
import t from 'tap';
import { describeAnswer } from '../../../initiator/decode/describe.js';
import { encodeClientReport, encodeClientReports } from '../../../wire/scsi/client-error-history.js';
import { encodeErrorRecords } from '../../../wire/scsi/error-history.js';
import { DeviceType } from '../../../wire/scsi/inquiry.js';
import { unrecoveredReadError } from '../../../wire/scsi/sense.js';
import { encodeSense } from '../../../wire/scsi/sense-codec.js';

const CDB = Buffer.from([0x3c, 0x1c, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0]);
const record = {
  number: 70,
  status: 2,
  timestamp: Date.UTC(2026, 10, 22, 1, 2, 3, 4),
  relativePort: 2,
  initiatorPort: 'iqn.a:b,i,0x800000000001',
  cdb: Buffer.from([0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0]),
  range: { lba: 5, blocks: 2 },
  sense: encodeSense(unrecoveredReadError(6), true),
};
const buffer = encodeErrorRecords([record, { ...record, number: 71, range: null }], 69);

t.test('whole', async (t) => {
  const place = '(iqn.a:b,i,0x800000000001, port 2)';
  const words = `MEDIUM ERROR: UNRECOVERED READ ERROR, information 6 ${place}`;
  t.same(describeAnswer(CDB, buffer), [
    ['errors', 2],
    ['older ones', 69],
    ['error 70', `2026-11-22T01:02:03.004Z READ(10) LBA 5 blocks 2: ${words}`],
    ['error 71', `2026-11-22T01:02:03.004Z READ(10): ${words}`],
  ]);
  const directory = Buffer.from(CDB);
  directory[2] = 0;
  t.equal(describeAnswer(directory, buffer), null, 'only buffer 10h');
});

t.test('what hosts have added', async (t) => {
  const list = Buffer.alloc(30);
  list.write('EXAMPLE\u0007', 0, 'latin1');
  list.writeUInt16BE(0x8001, 8);
  const report = { number: 3, timestamp: record.timestamp, relativePort: 1, initiatorPort: 'iqn.a:c', list };
  const added = encodeClientReports([encodeClientReport(report)], 2);
  const command = Buffer.from(CDB);
  command[2] = 0x11;
  const words = '2026-11-22T01:02:03.004Z EXAMPLE. error type 8001h, 30 bytes (iqn.a:c, port 1)';
  t.same(describeAnswer(command, added), [
    ['reports', 1],
    ['older ones', 2],
    ['report 3', words],
  ]);
  for (let bytes = 1; bytes <= added.length; bytes++) {
    t.ok(describeAnswer(command, added.subarray(0, bytes))!.length <= 3);
  }
  for (let at = 0; at < added.length; at++) {
    const lying = Buffer.from(added);
    lying[at] = 0xff;
    t.ok(describeAnswer(command, lying)!.length >= 2);
  }
});

t.test('of a tape', async (t) => {
  const load = { ...record, cdb: Buffer.from([0x1b, 0, 0, 0, 1, 0]), range: null };
  const rows = describeAnswer(CDB, encodeErrorRecords([load], 0), DeviceType.sequentialAccess)!;
  t.match(rows[2]![1], / LOAD UNLOAD: /);
});

t.test('cut short, or with any byte changed', async (t) => {
  for (let bytes = 1; bytes <= buffer.length; bytes++) {
    const rows = describeAnswer(CDB, buffer.subarray(0, bytes))!;
    t.ok(rows.length <= 4);
  }
  for (let at = 0; at < buffer.length; at++) {
    const lying = Buffer.from(buffer);
    lying[at] = 0xff;
    t.ok(describeAnswer(CDB, lying)!.length >= 2);
  }
});
