/** EXTENDED COPY with tapes at an end: data both ways, inline and embedded, discarded and held, residuals, motion. */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { encodeRegisterSegment, encodeVerifySegment } from '../../../wire/scsi/copy-segments.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import { pattern } from '../scsi-block/harness.js';
import { blocks, copy, cscd, inCopyList, inSegment, receive, startCopy } from './copy-rig.js';
import {
  blocksAndStream,
  bytesAndStream,
  DISK_AND_TAPES,
  discard,
  embedded,
  inline,
  motion,
  recordsOf,
  rewind,
  StreamRig,
  streams,
  TAPE,
  writeTape,
} from './stream-rig.js';

function rigged() {
  const rig = new StreamRig();
  const host = rig.host('a');
  const data = pattern(64 * 512);
  data.copy(rig.layers[0]!.data, 10 * 512);
  rig.layers[0]!.mapped.fill(true, 10, 74);
  const run = (...segments: Buffer[]) => copy(host, { cscds: DISK_AND_TAPES, segments });
  return { rig, host, data, run };
}

const lengths = (records: readonly (Buffer | null)[]) => records.map((one) => one?.length ?? null);
const joined = (records: readonly (Buffer | null)[]) => Buffer.concat(records.filter((one) => one !== null));

t.test('00h, 10h: a backup in records of one length, and a filemark; 01h: restored', async (t) => {
  const { rig, host, data, run } = rigged();
  t.equal(run(blocksAndStream(0x00, 4096, 64, 10), motion(0x10, 0, 1)).sense, null);
  const records = recordsOf(host, 1);
  t.same(lengths(records), [...new Array(8).fill(4096), null]);
  t.ok(joined(records).equals(data));
  rewind(host);
  t.equal(run(blocksAndStream(0x01, 4096, 64, 1000)).sense, null);
  t.ok(rig.layers[0]!.view(1000, 64).equals(data));
  t.equal(rig.layers[1]!.lastIo?.priority, 'background');
  t.same(
    rig.layers.map(({ pinned }) => pinned),
    [0, 0, 0],
  );
});

t.test('LID4 the same; the transfer count tells what was written', async (t) => {
  const { host, data, rig } = rigged();
  const ids = { source: 1, destination: 2 };
  const list = { format: 'lid4', cscds: DISK_AND_TAPES, segments: [blocksAndStream(0x00, 1024, 64, 10, ids)] } as const;
  t.equal(copy(host, list).sense, null);
  t.ok(joined(recordsOf(host, 1)).equals(data));
  const status = receive(host, CopyIn.status4, 1).data;
  t.equal(status.readBigUInt64BE(16), BigInt(data.length));
  t.equal(rig.layers[0]!.pinned, 0);
});

t.test('FIXED: transfers count blocks of the length that is set', async (t) => {
  const { host, data, rig } = rigged();
  const fixed = (blockLength: number) => [cscd(0), cscd(1, { ...TAPE, fixed: true, blockLength }), cscd(2, TAPE)];
  const run = (blockLength: number, segment: Buffer) => copy(host, { cscds: fixed(blockLength), segments: [segment] });
  const wrong = { name: 'incorrect-copy-target-type', field: inCopyList(16 + 32 + 29) };
  t.match(run(512, blocksAndStream(0x00, 4, 64, 10)).sense, wrong, 'no block length is set');
  host.run([0x15, 0x10, 0, 0, 12, 0], Buffer.from([0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 2, 0]), { lun: 1 });
  t.match(run(1024, blocksAndStream(0x00, 4, 64, 10)).sense, wrong);
  t.equal(run(512, blocksAndStream(0x00, 4, 64, 10)).sense, null);
  t.same(lengths(recordsOf(host, 1)), new Array(64).fill(512));
  rewind(host);
  t.equal(run(512, blocksAndStream(0x01, 16, 64, 500)).sense, null);
  t.ok(rig.layers[0]!.view(500, 64).equals(data));
});

t.test('08h and 09h: bytes from and to the middle of blocks', async (t) => {
  const { rig, host, data, run } = rigged();
  t.equal(run(bytesAndStream(0x08, 300, 900, [11, 100])).sense, null);
  t.ok(joined(recordsOf(host, 1)).equals(data.subarray(612, 1512)));
  rewind(host);
  rig.layers[0]!.fill(200, 4, 0xee);
  t.equal(run(bytesAndStream(0x09, 300, 900, [200, 500])).sense, null);
  const around = Buffer.alloc(2048, 0xee);
  data.copy(around, 500, 612, 1512);
  t.ok(rig.layers[0]!.view(200, 4).equals(around), 'what stands around it stays');
});

t.test('03h: other record lengths; 0Eh, 0Bh, 0Ch and 0Fh hold the data', async (t) => {
  const { host, data, run } = rigged();
  t.equal(run(blocksAndStream(0x00, 4096, 64, 10)).sense, null);
  rewind(host);
  t.equal(run(streams(4096, 1024, 32768)).sense, null);
  t.same(lengths(recordsOf(host, 2)), new Array(32).fill(1024));
  t.ok(joined(recordsOf(host, 2)).equals(data));
  for (const [segment, expected] of [
    [streams(4096, 8192, 8192, { hold: true }), data.subarray(0, 8192)],
    [discard(4096, 12288, { hold: true }), data.subarray(0, 12288)],
    [blocksAndStream(0x01, 4096, 8, 900, { hold: true }), data.subarray(0, 4096)],
    [blocksAndStream(0x00, 512, 3, 12, { hold: true }), data.subarray(1024, 2560)],
  ] as const) {
    rewind(host);
    t.equal(run(segment).sense, null);
    t.ok(receive(host, CopyIn.data1, 1).data.subarray(4).equals(expected), `type ${segment[0]!.toString(16)}`);
  }
});

t.test('04h and 05h: data of the parameter list', async (t) => {
  const { host } = rigged();
  const content = pattern(1000, 9);
  const send = (...segments: Buffer[]) => copy(host, { cscds: DISK_AND_TAPES, segments, inline: content });
  t.equal(send(inline(250, 0, 500), embedded(3, Buffer.from('abcdef')), inline(200, 800, 200)).sense, null);
  const records = recordsOf(host, 1);
  t.same(lengths(records), [250, 250, 3, 3, 200]);
  const expected = [content.subarray(0, 500), Buffer.from('abcdef'), content.subarray(800)];
  t.ok(joined(records).equals(Buffer.concat(expected)));
  t.match(send(inline(10, 900, 101)).sense, { key: 0xa, asc: 0x260b, segment: 0 }, 'beyond the inline data');
  t.match(send(embedded(3, Buffer.from('abc'), 4)).sense, { key: 5, asc: 0x2600, field: inCopyList(16 + 96 + 12) });
  const long = copy(host, { cscds: DISK_AND_TAPES, inline: Buffer.alloc(32769) });
  t.match(long.sense, { name: 'inline-data-length', field: inCopyList(12) });
  t.equal(copy(host, { cscds: DISK_AND_TAPES, inline: Buffer.alloc(32768) }).sense, null, 'the limit that is told');
  t.equal(receive(host, CopyIn.parameters, 0).data.readUInt32BE(20), 32768);
});

t.test('06h passes over records', async (t) => {
  const { host, data, rig, run } = rigged();
  run(blocksAndStream(0x00, 1024, 64, 10));
  rewind(host);
  t.equal(run(discard(1024, 4096), blocksAndStream(0x01, 1024, 2, 300)).sense, null);
  t.ok(rig.layers[0]!.view(300, 2).equals(data.subarray(4096, 5120)));
});

t.test('what does not fit: refused, padded, discarded or kept', async (t) => {
  const { host, data, rig, run } = rigged();
  const inexact = { key: 0xa, asc: 0x260a, segment: 0 };
  t.match(run(blocksAndStream(0x00, 1000, 2, 10)).sense, inexact);
  t.same(recordsOf(host, 1), [], 'nothing was written');
  const padded = [cscd(0), cscd(1, { ...TAPE, pad: true })];
  t.equal(copy(host, { cscds: padded, segments: [blocksAndStream(0x00, 1000, 2, 10)] }).sense, null);
  const expected = Buffer.alloc(2000);
  data.copy(expected, 0, 0, 1024);
  t.same(lengths(recordsOf(host, 1)), [1000, 1000]);
  t.ok(joined(recordsOf(host, 1)).equals(expected));

  rewind(host);
  const kept = [blocksAndStream(0x00, 1000, 2, 10, { cat: true }), blocksAndStream(0x00, 1000, 2, 12, { cat: true })];
  t.equal(run(...kept).sense, null);
  t.same(lengths(recordsOf(host, 1)), [1000, 1000]);
  t.ok(joined(recordsOf(host, 1)).equals(data.subarray(0, 2000)), 'the second record has the end of the first segment');

  rewind(host);
  t.match(run(blocksAndStream(0x01, 1000, 1, 400)).sense, inexact, '488 bytes of the record are left');
  rewind(host);
  const dropped = [cscd(0), cscd(1, { ...TAPE, pad: true })];
  t.equal(copy(host, { cscds: dropped, segments: [blocksAndStream(0x01, 1000, 1, 400)] }).sense, null, 'discarded');
  rewind(host);
  const both = [blocksAndStream(0x01, 1000, 1, 400, { cat: true }), blocksAndStream(0x01, 1000, 1, 401, { cat: true })];
  t.equal(run(...both).sense, null);
  t.ok(rig.layers[0]!.view(400, 2).equals(data.subarray(0, 1024)));
});

t.test('11h and 12h move the position', async (t) => {
  const { data, rig, run } = rigged();
  run(blocksAndStream(0x00, 512, 3, 10), motion(0x10, 1, 1), blocksAndStream(0x00, 512, 3, 20));
  t.equal(run(motion(0x12, 0, 4), blocksAndStream(0x01, 512, 1, 600)).sense, null);
  t.ok(rig.layers[0]!.view(600, 1).equals(data.subarray(5120, 5632)), 'object 4 is the first after the filemark');
  t.equal(run(motion(0x11, 1, 0xffffff), motion(0x11, 0, 0xffffff)).sense, null, 'back over the filemark and a record');
  t.equal(run(blocksAndStream(0x01, 512, 1, 601)).sense, null);
  t.ok(rig.layers[0]!.view(601, 1).equals(data.subarray(1024, 1536)));
  const failed = run(motion(0x11, 0, 2));
  t.match(failed.sense, { name: 'third-party-device-failure', segment: 0, field: inCopyList(16 + 32) });
  t.match(failed.sense?.forwarded, { from: 'destination', status: 2, sense: { name: 'filemark', information: 2 } });
});

t.test('failures of the tape: segment number, which end, its sense', async (t) => {
  const { host, rig, run } = rigged();
  writeTape(host, pattern(512));
  writeTape(host, pattern(300));
  host.run([0x10, 0, 0, 0, 1, 0], null, { lun: 1 });
  const restore = (count: number) => run(motion(0x12, 0, 0), blocksAndStream(0x01, 512, count, 700));
  t.match(restore(2).sense?.forwarded, { from: 'source', status: 2, sense: { name: 'incorrect-length' } });
  t.match(restore(2).sense, { segment: 1, asc: 0x0d01 });
  t.equal(restore(2).sense?.information, undefined, 'nothing was written yet');
  rewind(host);
  writeTape(host, pattern(512));
  host.run([0x10, 0, 0, 0, 1, 0], null, { lun: 1 });
  t.match(restore(2).sense?.forwarded?.sense, { name: 'filemark', information: 512 });
  host.run([0x1b, 0, 0, 0, 0, 0], null, { lun: 1 });
  t.match(restore(1).sense?.forwarded?.sense, { name: 'medium-not-present' });
  host.run([0x1b, 0, 0, 0, 1, 0], null, { lun: 1 });
  t.equal(rig.host('b').run([0x16, 0, 0, 0, 0, 0], null, { lun: 1 }).status, 0);
  t.match(restore(1).sense?.forwarded, { from: 'destination', status: 0x18 }, 'reserved by another nexus');
});

t.test('what is refused before anything is moved', async (t) => {
  const { host, rig, run } = rigged();
  const type = (field: object) => ({ name: 'incorrect-copy-target-type', field });
  t.match(run(blocks(1, 0, 0)).sense, type(inCopyList(16 + 32 + 1)), 'a tape as a disk');
  t.match(
    run(blocksAndStream(0x00, 512, 1, 0, { destination: 0 })).sense,
    type(inCopyList(16 + 1)),
    'a disk as a tape',
  );
  const lies = [cscd(0), cscd(1)];
  t.match(
    copy(host, { cscds: lies, segments: [blocks(1, 0, 0)] }).sense,
    type(inCopyList(16 + 32 + 1)),
    'a tape that calls itself disk',
  );
  const disks = [cscd(0), cscd(0)];
  const stray = { name: 'unsupported-segment-descriptor', field: inCopyList(16 + 2 * 32) };
  t.match(copy(host, { cscds: disks, segments: [blocksAndStream(0x00, 512, 1, 0)] }).sense, stray, 'only disks');
  const own = blocksAndStream(0x00, 512, 1, 0, { destination: 0xffff });
  t.match(run(own).sense, type(inSegment(6)), 'the disk that got the command');
  for (const transfer of [0, 1024 * 1024 + 1]) {
    t.match(run(blocksAndStream(0x00, transfer, 1, 0)).sense, { asc: 0x2600, field: inSegment(9) });
    t.match(run(streams(512, transfer, 512)).sense, { asc: 0x2600, field: inSegment(13) });
  }
  t.match(run(blocksAndStream(0x00, 512, 9, 2040)).sense, { asc: 0, field: inSegment(16) });
  t.match(run(blocksAndStream(0x01, 512, 9, 2040)).sense, { asc: 0, field: inSegment(16) });
  t.match(run(bytesAndStream(0x08, 512, 512, [0, 512])).sense, { asc: 0x2600, field: inSegment(26) });
  const noLength = [cscd(0), cscd(1, { ...TAPE, fixed: true })];
  t.match(copy(host, { cscds: noLength, segments: [blocksAndStream(0x00, 1, 1, 0)] }).sense, {
    asc: 0x2600,
    field: inCopyList(16 + 32 + 29),
  });
  const held = copy(host, {
    cscds: DISK_AND_TAPES,
    listId: 0,
    listIdUsage: 3,
    segments: [discard(512, 512, { hold: true })],
  });
  t.match(held.sense, { name: 'invalid-field-in-list' });
  rig.group(0).luns.delete(1);
  t.match(run(blocksAndStream(0x00, 512, 1, 0)).sense, { name: 'unreachable-copy-target', field: inCopyList(16 + 32) });
  t.match(run(motion(0x10, 0, 1)).sense, { name: 'unreachable-copy-target' });
});

t.test('segments for any device: verify, register a key; a tape that may not be written', async (t) => {
  const { host, rig, run } = rigged();
  const verify = encodeVerifySegment({ source: 1, destination: 0, testUnitReady: true });
  t.equal(run(verify).sense, null);
  host.run([0x1b, 0, 0, 0, 0, 0], null, { lun: 1 });
  t.match(run(verify).sense?.forwarded, { from: 'source', sense: { name: 'medium-not-present' } });
  host.run([0x1b, 0, 0, 0, 1, 0], null, { lun: 1 });
  const keys = Buffer.from('00000000000000000000000000000abc', 'hex');
  t.equal(run(encodeRegisterSegment({ source: 0, destination: 1, keys })).sense, null);
  const read = host.run([0x5e, 0, 0, 0, 0, 0, 0, 0, 255, 0], null, { lun: 1 }).data;
  t.ok(read.subarray(8).equals(keys.subarray(8)), 'READ KEYS');
  Object.assign(rig.ldevs.get(1)!, { readOnly: true });
  const refused = { from: 'destination', sense: { name: 'write-protected' } };
  t.match(run(blocksAndStream(0x00, 512, 1, 0)).sense?.forwarded, refused);
  t.match(run(motion(0x10, 0, 1)).sense?.forwarded, refused);
});

t.test('large ones go in pieces; abort', async (t) => {
  const { host, rig, run } = rigged();
  const big = pattern(2048 * 512, 3);
  big.copy(rig.layers[0]!.data);
  rig.layers[0]!.mapped.fill(true);
  t.equal(run(blocksAndStream(0x00, 65536, 2048, 0)).sense, null);
  t.ok(joined(recordsOf(host, 1)).equals(big));
  rig.layers[0]!.data.fill(0);
  rewind(host);
  t.equal(run(blocksAndStream(0x01, 65536, 2048, 0)).sense, null);
  t.ok(rig.layers[0]!.data.equals(big));
  rewind(host);

  const tape = rig.layers[1]!;
  tape.held = [];
  const task = startCopy(host, { cscds: DISK_AND_TAPES, listId: 7, segments: [blocksAndStream(0x01, 65536, 2048, 0)] });
  rig.clock.settle();
  const abort = host.start(Buffer.from([0x83, 0x1c, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  for (const part of ['header', 'data']) {
    t.notOk(abort.finished, `a read of the tape is under way: ${part} of a block`);
    tape.complete();
    rig.clock.settle();
  }
  t.ok(abort.finished);
  t.match(task.sense, { name: 'copy-cleared' });
  t.equal(tape.held.length, 0, 'nothing more was sent');
  t.equal(tape.pinned, 0);
});

t.test('leftovers at random: what is on the tape is the beginning of all that was sent', async (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? 20261122);
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 60; round++) {
    const { host, data } = rigged();
    const content = pattern(3000, round);
    const sent: Buffer[] = [];
    let transfer = 1;
    const segments = Array.from({ length: 1 + random.below(5) }, () => {
      transfer = 1 + random.below(3000);
      if (random.below(2) === 0) {
        const [offset, bytes] = [random.below(1500), random.below(1500)];
        sent.push(content.subarray(offset, offset + bytes));
        return inline(transfer, offset, bytes, { cat: true });
      }
      const [lba, count] = [random.below(32), random.below(32)];
      sent.push(data.subarray(lba * 512, (lba + count) * 512));
      return blocksAndStream(0x00, transfer, count, 10 + lba, { cat: true });
    });
    t.equal(copy(host, { cscds: DISK_AND_TAPES, segments, inline: content }).sense, null);
    const all = Buffer.concat(sent);
    const written = joined(recordsOf(host, 1));
    t.ok(written.equals(all.subarray(0, written.length)) && all.length - written.length < transfer, `round ${round}`);
  }
});

t.test('an abort ends a long command to a tape in its midst', async (t) => {
  const { host, rig } = rigged();
  const task = startCopy(host, { cscds: DISK_AND_TAPES, listId: 7, segments: [motion(0x10, 0, 8000)] });
  let turns = 0;
  rig.clock.settle(() => turns++ === 10);
  t.notOk(task.finished);
  const abort = host.start(Buffer.from([0x83, 0x1c, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  t.notOk(abort.finished);
  rig.clock.settle();
  t.ok(abort.finished);
  t.match(task.sense, { name: 'copy-cleared' });
  const marks = recordsOf(host, 1).length;
  t.ok(marks > 0 && marks < 4000, `${marks} filemarks`);
});

t.test('many small blocks become few large ones', async (t) => {
  const { host, rig, run } = rigged();
  const data = pattern(1500, 5);
  t.equal(
    host.run([0x15, 0x10, 0, 0, 12, 0], Buffer.from([0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 1]), { lun: 1 }).status,
    0,
  );
  const fixed = Buffer.from([0x0a, 0x01, 0, 0, 0, 0]);
  fixed.writeUIntBE(data.length, 2, 3);
  t.equal(host.run(fixed, data, { lun: 1 }).status, 0);
  rewind(host);
  t.equal(run(streams(1, 700, 1400)).sense, null);
  t.same(recordsOf(host, 2), [data.subarray(0, 700), data.subarray(700, 1400)]);
  t.equal(rig.layers[1]!.pinned, 0);
});
