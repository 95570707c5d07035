/** What is told of copies: status by both identifiers, failures, held data, limits; whose identifiers they are. */
import t from 'tap';
import { CopyLimits, HELD_BYTES_AT_ONCE, KEPT_RESULTS } from '../../../target/copy/copy-limits.js';
import { inquiry } from '../../../wire/scsi/cdb-build.js';
import { decodeStatus4, encodeStatus1 } from '../../../wire/scsi/copy-results.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import { decodeSense } from '../../../wire/scsi/sense-codec.js';
import { pattern } from '../scsi-block/harness.js';
import { inCdb } from '../scsi-primary/rig.js';
import { blocks, CopyRig, copy, receive, startCopy } from './copy-rig.js';

const unknown = inCdb(2);

t.test('RECEIVE COPY STATUS(LID4)', async (t) => {
  const rig = new CopyRig();
  rig.layers[0]!.fill(0, 100, 1);
  const host = rig.host('a');
  t.match(receive(host, CopyIn.status4, 0x01020304).sense, unknown);
  const four = { format: 'lid4', listId: 0x01020304 } as const;
  const ids = { source: 1, destination: 2 };
  t.equal(copy(host, { ...four, segments: [blocks(3, 0, 0, ids), blocks(4, 0, 9, ids)] }).status, 0);
  const { data } = receive(host, CopyIn.status4, 0x01020304);
  t.equal(data.readUInt32BE(0), data.length - 4);
  t.equal(data[4], 1, 'RESPONSE TO SERVICE ACTION');
  t.match(decodeStatus4(data), {
    status: 1,
    segments: 2,
    bytes: 7 * 512,
    updateDelay: 0xfffffffe,
    completion: 0,
    sense: null,
  });
  t.equal(decodeStatus4(data)?.commands, 6, 'GET LBA STATUS, READ and WRITE for each segment');
  t.equal(receive(host, CopyIn.status4, 0x01020304, 6).data.length, 6);
  t.match(receive(host, CopyIn.failure1, 4).sense, unknown, 'of LID1 only');

  const failed = copy(host, { ...four, segments: [blocks(1, 0, 0, ids), blocks(9, 5000, 0, ids)] });
  t.equal(failed.status, 2);
  const status = decodeStatus4(receive(host, CopyIn.status4, 0x01020304).data);
  t.match(status, { status: 2, segments: 2, bytes: 512, completion: 2, sense: { key: 0xa, segment: 1 } });
});

t.test('RECEIVE COPY STATUS(LID1) and FAILURE DETAILS(LID1): the end is told once', async (t) => {
  const rig = new CopyRig();
  rig.layers[0]!.fill(0, 100, 1);
  const host = rig.host('a');
  copy(host, { listId: 9, segments: [blocks(3, 0, 0), blocks(4, 2000, 0)] });
  t.same([...receive(host, CopyIn.status1, 9).data], [0, 0, 0, 8, 2, 0, 2, 0, 0, 0, 6, 0]);
  t.match(receive(host, CopyIn.status1, 9).sense, unknown);
  t.equal(receive(host, CopyIn.failure1, 9, 20).data.length, 20, 'a part of it leaves the whole to be asked for');
  const { data } = receive(host, CopyIn.failure1, 9);
  t.equal(data.readUInt32BE(0), data.length - 4);
  t.equal(data[56], 2);
  t.equal(data.readUInt16BE(58), data.length - 60);
  t.match(decodeSense(data.subarray(60)), { key: 0xa, segment: 1, field: { byte: 12, inSegment: true } });
  t.same([...receive(host, CopyIn.failure1, 9).data], [0, 0, 0, 0]);
  copy(host, { listId: 9, segments: [] });
  t.same([...receive(host, CopyIn.failure1, 9).data], [0, 0, 0, 0], 'nothing failed');
});

t.test('TRANSFER COUNT that exceeds 32 bits is told in larger units', async (t) => {
  const progress = {
    serviceAction: 0,
    status: 1,
    commands: 0,
    segments: 1,
    completion: 0,
    sense: Buffer.alloc(0),
    blocks: null,
  } as const;
  const told = (bytes: number) => encodeStatus1({ ...progress, bytes, heldDiscarded: true });
  t.equal(told(1)[4], 0x81, 'HDD');
  for (const [bytes, units, count] of [
    [0xffffffff, 0, 0xffffffff],
    [2 ** 32, 1, 2 ** 22],
    [2 ** 42, 2, 2 ** 22],
    [2 ** 52, 3, 2 ** 22],
  ] as const) {
    t.same([told(bytes)[7], told(bytes).readUInt32BE(8)], [units, count]);
  }
});

t.test('list identifiers belong to the I_T nexus and the logical unit', async (t) => {
  const rig = new CopyRig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  const again = rig.host('a', { isid: '00023d000002' });
  copy(a, { listId: 5, segments: [] });
  for (const other of [b, again]) t.match(receive(other, CopyIn.status4, 5).sense, unknown);
  t.match(receive(a, CopyIn.status4, 5, 100, { lun: 1 }).sense, unknown);
  t.equal(receive(a, CopyIn.status4, 5).status, 0);
  a.logout();
  t.match(receive(rig.host('a'), CopyIn.status4, 5).sense, unknown, 'results go with the nexus');
});

t.test('results that are too many push out the oldest of the nexus that has the most', async (t) => {
  const rig = new CopyRig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  copy(a, { listId: 5, segments: [] });
  for (let listId = 0; listId <= KEPT_RESULTS; listId++) copy(b, { listId, segments: [] });
  for (const gone of [0, 1]) t.match(receive(b, CopyIn.status4, gone).sense, unknown);
  for (const kept of [2, KEPT_RESULTS]) t.equal(receive(b, CopyIn.status4, kept).status, 0);
  t.equal(receive(a, CopyIn.status4, 5).status, 0, 'another nexus keeps its own');
});

t.test('the same identifier: refused while it runs, taken afresh afterwards', async (t) => {
  const rig = new CopyRig();
  rig.layers[0]!.fill(0, 8, 1);
  const [a, b] = [rig.host('a'), rig.host('b')];
  rig.layers[0]!.held = [];
  const running = startCopy(a, { listId: 5, segments: [blocks(8, 0, 0)] });
  t.match(copy(a, { listId: 5, segments: [] }).sense, { name: 'operation-in-progress', key: 5 });
  t.match(copy(a, { format: 'lid4', listId: 5, segments: [] }).sense, {
    name: 'invalid-field-in-list',
    field: { byte: 20 },
  });
  t.equal(copy(b, { listId: 5, segments: [] }).status, 0, 'of another nexus');
  t.equal(copy(a, { listId: 6, segments: [] }).status, 0);
  t.equal(copy(a, { listId: 0, listIdUsage: 3, segments: [] }).status, 0, 'without one');
  const status = receive(a, CopyIn.status1, 5).data;
  t.equal(status[4], 0, 'in progress');
  t.equal(decodeStatus4(receive(a, CopyIn.status4, 5).data)?.status, 0x11, 'in the foreground');
  t.match(receive(a, CopyIn.failure1, 5).sense, unknown);
  t.match(receive(a, CopyIn.data1, 5).sense, unknown);
  rig.layers[0]!.complete();
  rig.layers[0]!.held = null;
  rig.clock.settle();
  t.equal(running.status, 0);
  t.equal(copy(a, { listId: 5, segments: [] }).status, 0);
  t.match(receive(a, CopyIn.status4, 0).sense, unknown, 'of a copy without identifier nothing is kept');
});

t.test('held data of all copies has an end; what is given back can be held again', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 8, 0x61);
  const { held } = rig.unit.neighbours.copyMeans;
  const hold = (listId: number) => {
    copy(host, { format: 'lid4', listId, segments: [blocks(2, 0, 0, { source: 1, destination: 2, hold: true })] });
    return receive(host, CopyIn.data4, listId).data;
  };
  const all = HELD_BYTES_AT_ONCE - 1024;
  t.ok(held.take(all));
  t.equal(hold(1).readUInt32BE(32), 1024, 'the last that there is room for');
  t.ok(held.take(1024), 'told, and so given back');
  const none = hold(2);
  t.same([none.readUInt32BE(32), none[5]! & 0x80], [0, 0x80], 'discarded');
  held.take(-all);
  t.equal(hold(3).readUInt32BE(32), 1024);
});

t.test('a reset gives back what a running copy holds, and its results go', async (t) => {
  const rig = new CopyRig([{ blocks: 16384 }, { blocks: 16384 }]);
  const host = rig.host('a');
  rig.layers[0]!.fill(0, 16384, 0x61);
  const ends = { source: 1, destination: 2 };
  const segments = [blocks(2, 0, 0, { ...ends, hold: true }), blocks(16000, 0, 0, ends)];
  startCopy(host, { format: 'lid4', listId: 9, immediate: true, segments });
  rig.layers[1]!.held = [];
  rig.clock.settle();
  const [copying] = rig.unit.copies.list();
  t.same([copying!.running, copying!.held.length], [true, 1024]);
  const managed = host.manage('logical-unit-reset');
  rig.layers[1]!.complete();
  rig.layers[1]!.held = null;
  rig.clock.settle();
  t.equal(managed.outcome, 'complete');
  host.attentions();
  t.match(receive(host, CopyIn.status4, 9).sense, { key: 5 });
  t.ok(rig.unit.neighbours.copyMeans.held.take(HELD_BYTES_AT_ONCE), 'all of it');
});

t.test('held data: what segments 0Dh copied', async (t) => {
  const rig = new CopyRig();
  const [source] = rig.layers;
  pattern(512 * 300).copy(source!.data);
  source!.mapped.fill(true, 0, 300);
  const host = rig.host('a');
  const hold = (count: number, from: number) => blocks(count, from, 0, { hold: true });
  copy(host, { listId: 3, segments: [hold(2, 0), blocks(1, 50, 0), hold(1, 9)] });
  const held = Buffer.concat([source!.view(0, 2), source!.view(9, 1)]);
  const four = receive(host, CopyIn.data4, 3, 40).data;
  t.equal(four.length, 40, 'a part leaves it there');
  const one = receive(host, CopyIn.data1, 3).data;
  t.equal(one.readUInt32BE(0), held.length);
  t.ok(one.subarray(4).equals(held));
  t.same([...receive(host, CopyIn.data1, 3).data], [0, 0, 0, 0], 'told as a whole, it is dropped');

  copy(host, { listId: 3, segments: [hold(200, 20), hold(1, 0)] });
  const data = receive(host, CopyIn.data4, 3).data;
  t.equal(data[5], 0x81, 'HDD: there was more than the limit');
  t.equal(data.readUInt32BE(32), CopyLimits.heldBytes);
  const newest = Buffer.concat([source!.view(20, 200), source!.view(0, 1)]).subarray(-CopyLimits.heldBytes);
  t.ok(data.subarray(36).equals(newest), 'the newest is kept');
  t.equal(receive(host, CopyIn.data1, 3, 0).status, 0);
  t.equal(receive(host, CopyIn.data1, 3).data.length, 4, 'allocation length 0 drops it');

  copy(host, { listId: 4, listIdUsage: 2, segments: [hold(1, 0)] });
  t.match(receive(host, CopyIn.data1, 4).sense, unknown, 'list ID usage 10b: as if there had been no copy');
  t.equal(receive(host, CopyIn.status1, 4).data[4], 0x81);
  const none = copy(host, { listId: 0, listIdUsage: 3, segments: [hold(1, 0)] });
  t.match(none.sense, { name: 'invalid-field-in-list', field: { byte: 80 } });
  copy(host, { listId: 5, segments: [hold(1, 0), hold(1, 5000)] });
  t.equal(
    receive(host, CopyIn.data4, 5).data.length,
    36 + Math.ceil((receive(host, CopyIn.data4, 5).data[14] ?? 0) / 4) * 4,
  );
});

t.test('held data of a copy that went from the back', async (t) => {
  const rig = new CopyRig([{ blocks: 8192 }, {}]);
  const [layer] = rig.layers;
  pattern(layer!.data.length).copy(layer!.data);
  layer!.mapped.fill(true);
  const before = Buffer.from(layer!.view(0, 5000));
  const host = rig.host('a');
  t.equal(copy(host, { segments: [blocks(5000, 0, 7, { destination: 0, hold: true })] }).status, 0);
  t.ok(receive(host, CopyIn.data1, 1).data.subarray(4).equals(before.subarray(-CopyLimits.heldBytes)));
  t.equal(decodeStatus4(receive(host, CopyIn.status4, 1).data)?.bytes, 5000 * 512);
});

t.test('GOOD with sense', async (t) => {
  const { status, sense } = copy(new CopyRig().host('a'), {
    format: 'lid4',
    senseWithGood: true,
    segments: [blocks(0, 0, 0)],
  });
  t.equal(status, 2, 'ID 0 is no CSCD');
  t.equal(sense?.name, 'copy-invalid-field');
  const ids = { source: 1, destination: 2 };
  const good = copy(new CopyRig().host('a'), {
    format: 'lid4',
    senseWithGood: true,
    segments: [blocks(1, 0, 0, ids), blocks(1, 0, 0, ids)],
  });
  t.equal(good.status, 0);
  t.match(good.sense, { key: 0xf, asc: 0x0020, commandInformation: 2 });
});

/** 00h to 12h, 14h to 16h, and CSCDs. */
const TYPES = [...Array.from({ length: 0x17 }, (_, type) => type), 0xbe, 0xbf, 0xe4, 0xe5, 0xe6, 0xea, 0xfe];

t.test('operating parameters and VPD page 8Fh tell the same limits', async (t) => {
  const rig = new CopyRig();
  const host = rig.host('a');
  const parameters = receive(host, CopyIn.parameters, 0).data;
  t.equal(parameters.readUInt32BE(0), parameters.length - 4);
  t.equal(parameters[4], 1, 'SNLID');
  t.same(
    [8, 10].map((at) => parameters.readUInt16BE(at)),
    [64, 256],
  );
  t.same(
    [12, 16, 20, 24].map((at) => parameters.readUInt32BE(at)),
    [10_240, 0, 32_768, 65_536],
  );
  t.same([parameters.readUInt16BE(34), parameters[36]], [32, 32]);
  t.same([...parameters.subarray(43)], [30, ...TYPES]);

  const page = host.run(inquiry(0x8f, 1024)).data;
  t.equal(page.readUInt16BE(2), page.length - 4);
  const found = new Map<number, Buffer>();
  for (let at = 4; at < page.length; at += 4 + page.readUInt16BE(at + 2)) {
    t.equal(page.readUInt16BE(at + 2) % 4, 0);
    found.set(page.readUInt16BE(at), page.subarray(at + 4, at + 4 + page.readUInt16BE(at + 2)));
  }
  t.same([...found.keys()], [0x0000, 0x0001, 0x0004, 0x0008, 0x000c, 0x0106, 0x0108, 0x8001, 0x9101, 0xc001]);
  t.equal(found.get(0x9101)!.readUInt32BE(0), 1024 * 1024);
  const actions = [17, 0x83, 5, 0, 1, 0x10, 0x11, 0x1c, 0x84, 8, 0, 1, 3, 4, 5, 6, 7, 8, 0, 0];
  t.same([...found.get(0x0001)!], actions);
  const limits = found.get(0x0000)!;
  t.equal(limits.length, 0x20);
  t.same([limits.readUInt16BE(6), limits.readUInt32BE(8), limits.readUInt32BE(12)], [256, 86_400, 600]);
  t.same([limits.readUInt32BE(20), limits.readUInt32BE(28)], [2 ** 29, 2 ** 21], 'blocks: 256 GiB, 1 GiB');
  const features = found.get(0x0106)!;
  t.equal(features[0], 0, 'no tokens of other arrays');
  t.same(
    [12, 16, 20].map((at) => features.readUInt32BE(at)),
    [3600, 604_800, 86_400],
  );
  t.equal(features.readUInt16BE(42), features.length - 44);
  t.same([...features.subarray(44, 52)], [0, 0, 0, 0x2c, 0, 0, 0, 128], 'chunks of 64 KiB');
  t.equal(features.readBigUInt64BE(52), 2n ** 38n);
  const types = found.get(0x0108)!;
  t.equal(types.readUInt16BE(2), types.length - 4);
  t.same(
    [4, 68, 132, 196, 260, 324].map((at) => [types.readUInt32BE(at), types[at + 4]]),
    [
      [0x00000000, 0x80],
      [0x00800000, 0x83],
      [0x00800001, 0x83],
      [0x00800002, 0x83],
      [0x0080ffff, 0x81],
      [0xffff0001, 2],
    ],
  );
  const data = found.get(0x0004)!;
  t.same(
    [data.readUInt16BE(4), data.readUInt16BE(6), data.readUInt32BE(8), data.readUInt32BE(12)],
    [64, 256, 10_240, 32_768],
  );
  t.same([...found.get(0x0008)!].slice(0, parameters.length - 43), [...parameters.subarray(43)], 'padded');
  t.same([...found.get(0x000c)!], [0, 4, 0xf8, 0, 0xff, 0xff, 0, 0]);
  t.same(
    [0, 4, 8].map((at) => found.get(0x8001)!.readUInt32BE(at)),
    [32, 32, 0],
  );
  t.equal(found.get(0xc001)!.readUInt32BE(0), 65_536);
});
