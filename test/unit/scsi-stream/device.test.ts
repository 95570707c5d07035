/** What a virtual tape tells of itself, its mode parameters, its medium, and who may use it. */
import t from 'tap';
import { CONFLICT, out, Type } from '../scsi-primary/persistent-rig.js';
import { inList } from '../scsi-primary/rig.js';
import {
  ERASE,
  filemarks,
  locate,
  position,
  REWIND,
  read,
  record,
  setBlockLength,
  space,
  TapeRig,
  unload,
  write,
  writeRecord,
} from './tape-rig.js';

t.test('INQUIRY, VPD pages, REPORT DENSITY SUPPORT, LOG SENSE', async (t) => {
  const host = new TapeRig().host('a');
  const standard = host.run([0x12, 0, 0, 0, 96, 0]).data;
  t.equal(standard[0], 0x01);
  t.equal(standard[1], 0x80, 'RMB');
  t.equal(standard[5]! & 0x09, 0x08, 'copies, and no protection information');
  t.equal(standard.toString('latin1', 16, 32).trim(), 'VIRTUAL TAPE');
  const vpd = (page: number) => host.run([0x12, 1, page, 0, 255, 0]);
  t.same([...vpd(0x00).data.subarray(4)], [0x00, 0x80, 0x83, 0x85, 0x86, 0x87, 0x88, 0x8f, 0xb0]);
  for (const page of vpd(0x00).data.subarray(4)) {
    t.equal(vpd(page).data[0], 0x01);
    t.equal(vpd(page).data[1], page);
  }
  t.equal(vpd(0xb0).data.toString('hex'), '01b000020000');
  t.equal(vpd(0xb1).status, 2);
  const density = host.run([0x44, 0, 0, 0, 0, 0, 0, 0, 255, 0]).data;
  t.equal(density.length, 56);
  t.same([...density.subarray(0, 7)], [0, 54, 0, 0, 0x80, 0x80, 0xa0]);
  t.same(
    [...host.run([0x4d, 0, 0x40, 0, 0, 0, 0, 0, 255, 0]).data.subarray(4)],
    [0x00, 0x02, 0x03, 0x05, 0x0c, 0x0d, 0x19, 0x2e, 0x2f],
  );
});

t.test('MODE SENSE and MODE SELECT: block length, BUFFERED MODE, pages', async (t) => {
  const host = new TapeRig().host('a');
  const other = host.rig.host('b');
  const head = () => host.run([0x1a, 0, 0x10, 0, 255, 0]).data.subarray(0, 12).toString('hex');
  t.equal(head(), '1b0010088000000000000000');
  t.equal(setBlockLength(host, 512).status, 0);
  t.equal(head(), '1b0010088000000000000200');
  t.same(other.attentions(), ['mode-parameters-changed']);
  t.same(host.attentions(), []);
  for (const page of [0x01, 0x0a, 0x0f, 0x10, 0x1c])
    t.equal(host.run([0x1a, 8, page, 0, 255, 0]).data[4]! & 0x3f, page);
  t.equal(host.run([0x1a, 8, 0x08, 0, 255, 0]).status, 2, 'no caching page');
  const select = (...list: number[]) => host.run([0x15, 0x10, 0, 0, list.length, 0], Buffer.from(list)).sense;
  t.match(select(0, 0, 0x20, 0), inList(2, 6));
  t.match(select(0, 0, 0x11, 0), inList(2, 3));
  t.match(select(0, 0, 0x10, 8, 0x41, 0, 0, 0, 0, 0, 0, 0), inList(4));
  t.match(select(0, 0, 0x10, 8, 0, 0, 0, 1, 0, 0, 0, 0), inList(5));
  t.match(select(0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0x80, 0, 1), inList(9));
  t.equal(select(0, 0, 0x00, 8, 0x7f, 0, 0, 0, 0, 0x80, 0, 0), null);
  t.equal(head(), '1b0000088000000000800000');
  host.manage('logical-unit-reset');
  host.attentions();
  t.equal(head(), '1b0010088000000000000000', 'a reset gives the defaults');
});

t.test('LOAD UNLOAD and PREVENT ALLOW MEDIUM REMOVAL', async (t) => {
  const rig = new TapeRig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  writeRecord(a, record(10, 1));
  t.equal(b.run([0x1e, 0, 0, 0, 1, 0]).status, 0);
  t.match(a.run(unload()).sense, { name: 'removal-prevented' });
  b.run([0x1e, 0, 0, 0, 0, 0]);
  t.equal(a.run(unload()).status, 0);
  const needing = [[0, 0, 0, 0, 0, 0], read(10), REWIND, space(0, 1), locate(0), filemarks(1), ERASE];
  for (const cdb of needing) t.match(a.run(cdb).sense, { name: 'medium-not-present' });
  t.match(a.run(write(1), Buffer.alloc(1)).sense, { name: 'medium-not-present' });
  t.equal(a.run([0x12, 0, 0, 0, 96, 0]).status, 0);
  t.equal(a.run(unload(0x01)).status, 0);
  t.same(b.attentions(), ['medium-may-have-changed']);
  t.same(position(a), [0, 0]);
  t.ok(a.run(read(10)).data.equals(record(10, 1)));
  t.equal(a.run(unload(0x01)).status, 0);
  t.same(position(a), [0, 0], 'loading what is loaded rewinds');
});

t.test('write protection: read only', async (t) => {
  const host = new TapeRig({ readOnly: true }).host('a');
  for (const cdb of [filemarks(1), ERASE]) t.match(host.run(cdb).sense, { name: 'write-protected' });
  t.match(host.run(write(1), Buffer.alloc(1)).sense, { name: 'write-protected' });
  t.equal(host.run([0x1a, 0, 0x10, 0, 255, 0]).data[2], 0x90, 'WP');
  t.equal(host.run(read(1)).sense?.name, 'end-of-data');
});

t.test('reservations of another nexus', async (t) => {
  const rig = new TapeRig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  t.equal(a.run([0x16, 0, 0, 0, 0, 0]).status, 0);
  const kept = [
    read(1),
    REWIND,
    space(0, 1),
    locate(0),
    filemarks(1),
    ERASE,
    unload(),
    [0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ];
  for (const cdb of kept) t.equal(b.run(cdb).status, 0x18, `${cdb[0]!.toString(16)}h`);
  t.equal(b.run(write(1), Buffer.alloc(1)).status, 0x18);
  t.equal(b.run([0x05, 0, 0, 0, 0, 0]).status, 0, 'READ BLOCK LIMITS');
});

t.test('a write exclusive reservation keeps others from moving the position, too', async (t) => {
  const rig = new TapeRig();
  const [a, b] = [rig.host('a'), rig.host('b')];
  out(a, 'register', { action: 1 });
  t.equal(out(a, 'reserve', { type: Type.we, key: 1 }).status, 0);
  writeRecord(a, record(10, 1));
  const moving = [read(1), REWIND, space(0, 1), locate(0), filemarks(1), ERASE, unload()];
  for (const cdb of moving) t.equal(b.run(cdb).status, CONFLICT, `${cdb[0]!.toString(16)}h`);
  t.same(position(b), [1, 0]);
  t.equal(a.run(REWIND).status, 0);
});

t.test('commands of disks are none of tapes', async (t) => {
  const host = new TapeRig().host('a');
  for (const opcode of [0x04, 0x25, 0x28, 0x2a, 0x35, 0x41, 0x48, 0x88, 0x93]) {
    t.equal(host.run([opcode, ...new Array<number>(15).fill(0)]).sense?.name, 'invalid-opcode');
  }
});

t.test('a reset in the midst of a long command ends it; what was written stays', async (t) => {
  const rig = new TapeRig({ blocks: 65536 });
  const host = rig.host('a');
  setBlockLength(host, 65536);
  rig.layer.held = [];
  const data = record(65536 * 40, 1);
  const task = host.start(Buffer.from(write(40, 0x01)), data);
  // Label, end of data, the new pass, and the first piece of the blocks.
  for (let i = 0; i < 3; i++) rig.layer.complete();
  rig.clock.settle();
  const reset = host.manage('logical-unit-reset');
  t.equal(reset.outcome, null, 'it waits for what is under way');
  for (let i = 0; i < 5; i++) rig.layer.complete();
  rig.clock.settle();
  t.equal(reset.outcome, 'complete');
  t.ok(task.finished);
  rig.layer.held = null;
  host.attentions();
  const [number] = position(host);
  t.ok(number > 0 && number < 40, `${number} of 40 blocks`);
  host.run(REWIND);
  t.ok(host.run(read(65536)).data.equals(data.subarray(0, 65536)));
  t.equal(rig.layer.pinned, 0);
});
