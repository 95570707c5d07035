/** Segment 13h: a tape copied to a tape, block by block and filemark by filemark (SPC-5 6.4.6.16). */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { write16 } from '../../../wire/scsi/cdb-build.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import { pattern } from '../scsi-block/harness.js';
import type { Host } from '../scsi-primary/rig.js';
import { blocks, copy, cscd, inCopyList, inSegment, receive, startCopy } from './copy-rig.js';
import { DISK_AND_TAPES, motion, recordsOf, rewind, StreamRig, TAPE, tapeImage, writeTape } from './stream-rig.js';

const RESERVE = [0x16, 0, 0, 0, 0, 0];

const filemark = (host: Host, count = 1, lun = 1) => host.run([0x10, 0, 0, 0, count, 0], null, { lun });
const run = (host: Host, ...segments: Buffer[]) => copy(host, { cscds: DISK_AND_TAPES, segments });
/** Lengths of blocks, null for filemarks. */
const shape = (records: readonly (Buffer | null)[]) => records.map((one) => one?.length ?? null);

/** A tape with blocks of these lengths and, for null, filemarks, from its beginning. */
function rigged(...objects: readonly (number | null)[]) {
  const rig = new StreamRig();
  const host = rig.host('a');
  objects.forEach((bytes, seed) => {
    if (bytes === null) filemark(host);
    else writeTape(host, pattern(bytes, seed));
  });
  rewind(host);
  return { rig, host };
}

/** Number of the object that a tape stands before. */
function position(host: Host, lun: number): number {
  return host.run([0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0], null, { lun }).data.readUInt32BE(4);
}

t.test('blocks of all lengths and filemarks, to the end of data', async (t) => {
  const objects = [10, null, 1, 4096, 100_000, null, null, null, 1_500_000, 512, null];
  const { rig, host } = rigged(...objects);
  t.equal(run(host, tapeImage(0)).sense, null);
  t.same([position(host, 1), position(host, 2)], [11, 11]);
  const [from, to] = [recordsOf(host, 1), recordsOf(host, 2)];
  t.same(shape(to), objects);
  t.ok(to.every((record, i) => (record === null ? from[i] === null : from[i]!.equals(record))));
  const status = receive(host, CopyIn.status4, 1).data;
  const bytes = objects.reduce<number>((sum, length) => sum + (length ?? 0), 0);
  t.equal(status.readBigUInt64BE(16), BigInt(bytes), 'TRANSFER COUNT');
  t.same(
    rig.layers.map(({ pinned }) => pinned),
    [0, 0, 0],
  );
});

t.test('COUNT: so many filemarks in a row, which are copied, end it', async (t) => {
  const objects = [5, null, 6, null, null, 7, null, null, null, 8];
  for (const [count, copied] of [
    [1, 2],
    [2, 5],
    [3, 9],
    [4, 10],
    [0xffffffff, 10],
  ] as const) {
    const { host } = rigged(...objects);
    t.equal(run(host, tapeImage(count)).sense, null);
    t.same([position(host, 1), position(host, 2)], [copied, copied], `COUNT ${count}`);
    t.same(shape(recordsOf(host, 2)), objects.slice(0, copied));
  }
  const { host } = rigged(...objects);
  t.equal(run(host, tapeImage(2), tapeImage(1)).sense, null, 'each segment counts anew');
  t.same(position(host, 1), 7);
});

t.test('from and to where the tapes stand, and what was behind that is gone', async (t) => {
  const { host } = rigged(5, 6, 7);
  for (const bytes of [100, 200, 300, 400]) writeTape(host, pattern(bytes), 2);
  t.equal(run(host, motion(0x11, 0, 1), motion(0x12, 0, 1, 2), tapeImage(0)).sense, null);
  t.same(shape(recordsOf(host, 2)), [100, 6, 7]);
  t.equal(run(host, tapeImage(0)).sense, null, 'nothing follows');
  t.same(shape(recordsOf(host, 2)), [100, 6, 7]);
});

t.test('whatever block length is set, and whether the descriptor says FIXED', async (t) => {
  const { host } = rigged(512, 100, 1024, null);
  for (const lun of [1, 2])
    host.run([0x15, 0x10, 0, 0, 12, 0], Buffer.from([0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 2, 0]), { lun });
  const fixed = { ...TAPE, fixed: true, blockLength: 512 };
  const cscds = [cscd(0), cscd(1, fixed), cscd(2, fixed)];
  t.equal(copy(host, { cscds, segments: [tapeImage(0)] }).sense, null);
  t.same(shape(recordsOf(host, 2)), [512, 100, 1024, null]);
});

t.test('data left over by other segments stays as it is', async (t) => {
  const { host, rig } = rigged(300);
  rig.layers[0]!.fill(0, 1, 5);
  const left = Buffer.alloc(24);
  left.writeUInt16BE(0x0001);
  left.writeUInt16BE(20, 2);
  left.writeUInt16BE(2, 6);
  left.writeUIntBE(1000, 9, 3);
  left.writeUInt16BE(1, 14);
  const rest = Buffer.from(left);
  rest.writeBigUInt64BE(1n, 16);
  t.equal(run(host, left, tapeImage(0), rest).sense, null);
  const records = recordsOf(host, 2);
  t.same(shape(records), [300, 1000]);
  t.ok(records[1]!.subarray(0, 512).every((byte) => byte === 5));
});

t.test('random tapes', async (t) => {
  const seed = Number(process.env.LUNARRAY_SEED ?? 13);
  const random = seededRandom(seed);
  for (let round = 0; round < 20; round++) {
    const objects = Array.from({ length: random.below(40) }, () =>
      random.below(3) === 0 ? null : 1 + random.below(3000),
    );
    const { host } = rigged(...objects);
    const count = random.below(4);
    let [end, row] = [0, 0];
    while (end < objects.length && (count === 0 || row < count)) row = objects[end++] === null ? row + 1 : 0;
    t.equal(run(host, tapeImage(count)).sense, null);
    const from = recordsOf(host, 1);
    t.same(recordsOf(host, 2), from.slice(0, end), `seed ${seed}, round ${round}`);
  }
});

t.test('what is refused', async (t) => {
  const { host, rig } = rigged(10);
  const operation = (field: object) => ({ name: 'copy-invalid-operation', key: 0xa, asc: 0x260c, segment: 0, field });
  t.match(run(host, tapeImage(0, 0, 2)).sense, operation(inCopyList(16 + 1)), 'from a disk');
  t.match(run(host, tapeImage(0, 1, 0)).sense, operation(inCopyList(16 + 1)), 'to a disk');
  t.match(run(host, tapeImage(0, 1, 0xffff)).sense, operation(inSegment(6)));
  t.match(run(host, motion(0x10, 0, 1, 0)).sense, operation(inCopyList(16 + 1)), 'filemarks to a disk');
  t.match(run(host, tapeImage(0, 1, 1)).sense, { name: 'copy-invalid-field', segment: 0, field: inSegment(6) });
  t.match(run(host, tapeImage(0, 1, 7)).sense, { name: 'unreachable-copy-target', field: inSegment(6) });
  const lies = [cscd(0, TAPE), cscd(1, TAPE), cscd(2, TAPE)];
  t.match(copy(host, { cscds: lies, segments: [tapeImage(0, 0, 2)] }).sense, {
    name: 'incorrect-copy-target-type',
    field: inCopyList(16 + 1),
  });
  rig.group(0).luns.delete(2);
  t.match(run(host, tapeImage(0)).sense, { name: 'unreachable-copy-target', field: inCopyList(16 + 64) }, 'masked');
  t.equal(position(host, 1), 0, 'nothing was moved');
});

t.test('errors of both ends are forwarded; the residue is not told', async (t) => {
  const { host, rig } = rigged(10, 20, 30);
  const other = rig.host('b');
  const failed = (from: string, sense: object) => ({
    name: 'third-party-device-failure',
    information: undefined,
    forwarded: { from, ...sense },
  });
  other.run(RESERVE, null, { lun: 2 });
  t.match(run(host, tapeImage(0)).sense, failed('destination', { status: 0x18 }));
  t.equal(position(host, 1), 1, 'behind what had been read');
  other.run([0x17, 0, 0, 0, 0, 0], null, { lun: 2 });
  host.run([0x1b, 0, 0, 0, 0, 0], null, { lun: 1 });
  t.match(run(host, tapeImage(0)).sense, failed('source', { sense: { name: 'medium-not-present' } }));
});

t.test('a destination that comes to its end', async (t) => {
  const rig = new StreamRig();
  const host = rig.host('a');
  for (let i = 0; i < 8; i++) writeTape(host, pattern(400_000), 1);
  for (let i = 0; i < 3; i++) writeTape(host, pattern(1_000_000), 2);
  rewind(host);
  const { sense } = run(host, tapeImage(0));
  t.match(sense, { name: 'third-party-device-failure', forwarded: { from: 'destination', sense: { eom: true } } });
  t.equal(sense?.information, undefined);
});

t.test('aborts in the midst', async (t) => {
  const { rig, host } = rigged(...new Array(200).fill(1000));
  const task = startCopy(host, { cscds: DISK_AND_TAPES, segments: [tapeImage(0), blocks(1, 0, 0)] });
  rig.clock.settle(() => rig.layers[2]!.mapped.filter(Boolean).length > 20);
  t.notOk(task.finished);
  host.manage('abort-task', { tag: task.tag });
  rig.clock.settle();
  t.ok(task.finished && task.aborted);
  const copied = recordsOf(host, 2).length;
  t.ok(copied > 0 && copied < 200);
  t.same(
    rig.layers.map(({ pinned }) => pinned),
    [0, 0, 0],
  );
  t.equal(host.run(write16(0, 1), Buffer.alloc(512)).status, 0);
});
