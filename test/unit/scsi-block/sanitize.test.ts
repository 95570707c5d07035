/** SANITIZE (SBC-4 5.30): what it leaves, what it refuses meanwhile, and what follows a failure. */
import t from 'tap';
import { CommandTable } from '../../../target/scsi/command-table.js';
import { blockCommandsOf } from '../../../target/scsi/handlers/block/index.js';
import { type Host, inCdb, inList, MemoryStore, Rig } from '../scsi-primary/rig.js';
import { Status } from './harness.js';

const BLOCKS = 1024;
const BYTES = BLOCKS * 512;
const TEST_UNIT_READY = [0, 0, 0, 0, 0, 0];
const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const REQUEST_SENSE = [0x03, 0, 0, 0, 18, 0];
const IMMED = 0x80;
const AUSE = 0x20;
const OVERWRITE = 1;
const BLOCK_ERASE = 2;
const CRYPTOGRAPHIC_ERASE = 3;
const EXIT = 0x1f;

const sanitize = (action: number, length = 0) =>
  Buffer.from([0x48, action, 0, 0, 0, 0, 0, length >> 8, length & 0xff, 0]);
/** Status, progress indication and operations completed, as LOG SENSE tells them in page 30h. */
function logged(host: Host) {
  const { data, status } = host.run([0x4d, 0, 0x70, 0, 0, 0, 0, 0, 64, 0]);
  return [status, data[8], data.readUInt16BE(10), data.readUInt32BE(12)];
}
const list = (first: number, pattern: Buffer, length = pattern.length) =>
  Buffer.concat([Buffer.from([first, 0, length >> 8, length & 0xff]), pattern]);

function overwrite(host: Host, first: number, pattern: Buffer, flags = 0) {
  const data = list(first, pattern);
  return host.run(sanitize(OVERWRITE | flags, data.length), data);
}

function written(options = {}) {
  const rig = new Rig({ blocks: BLOCKS, ...options });
  rig.layer.fill(0, BLOCKS, 0x61);
  return { rig, a: rig.host('a'), b: rig.host('b', { port: 1 }) };
}

t.test('OVERWRITE repeats the pattern in each block', async (t) => {
  const { rig, a } = written();
  t.equal(overwrite(a, 1, Buffer.from([1, 2, 3])).status, Status.good);
  const block = Buffer.alloc(512, Buffer.from([1, 2, 3]));
  for (const lba of [0, 1, BLOCKS - 1]) t.same(rig.layer.view(lba, 1), block);
  t.same(rig.layer.calls, [`write 0+${BLOCKS}`, 'flush 0+0', 'flush 0+0']);
});

t.test('each pass is brought to the medium; INVERT writes the inversion before the pattern', async (t) => {
  for (const [first, before] of [
    [0x82, 0x0f],
    [0x02, 0xf0],
  ] as const) {
    const { rig, a } = written();
    const data = list(first, Buffer.from([0xf0]));
    a.start(sanitize(OVERWRITE | IMMED, data.length), data);
    t.equal(rig.layer.data[0], before, 'after the first of two passes');
    rig.clock.settle();
    t.ok(rig.layer.data.equals(Buffer.alloc(BYTES, 0xf0)));
    t.equal(rig.layer.calls.filter((call) => call.startsWith('flush')).length, 3);
  }
});

t.test('BLOCK ERASE and CRYPTOGRAPHIC ERASE unmap everything', async (t) => {
  for (const action of [BLOCK_ERASE, CRYPTOGRAPHIC_ERASE]) {
    const { rig, a } = written();
    t.equal(a.run(sanitize(action)).status, Status.good);
    t.ok(rig.layer.data.equals(Buffer.alloc(BYTES)));
    t.notOk(rig.layer.mapped.includes(true));
  }
});

t.test('BLOCK ERASE is for thin LDEVs; VPD page B1h tells', async (t) => {
  const full = new CommandTable(blockCommandsOf({ thin: false }));
  t.equal(full.find(sanitize(BLOCK_ERASE)), null);
  t.ok(full.find(sanitize(CRYPTOGRAPHIC_ERASE)));
  const characteristics = [0x12, 1, 0xb1, 0, 64, 0];
  t.equal(new Rig().host('a').run(characteristics).data[7]! & 0xf0, 0x50);
  t.equal(new Rig({ thin: false }).host('a').run(characteristics).data[7]! & 0xf0, 0x10);
});

t.test('while it goes on: NOT READY with progress for all nexuses; some commands run', async (t) => {
  const { rig, a, b } = written();
  const data = list(2, Buffer.alloc(512));
  const task = a.start(sanitize(OVERWRITE, data.length), data);
  t.notOk(task.finished, 'without IMMED it is answered at the end');
  const busy = { name: 'sanitize-in-progress', key: 2, asc: 0x041b, progress: 0x8000 };
  const refused: readonly (readonly number[])[] = [
    TEST_UNIT_READY,
    READ,
    [0x1b, 1, 0, 0, 0x12, 0],
    [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [...sanitize(EXIT)],
    [...sanitize(BLOCK_ERASE)],
  ];
  for (const host of [a, b]) {
    for (const cdb of refused) {
      const other = host.start(Buffer.from(cdb));
      t.match(other.sense, busy, `opcode ${cdb[0]}`);
    }
    const sense = host.start(Buffer.from(REQUEST_SENSE));
    t.same([...Buffer.concat(sense.dataIn).subarray(12, 18)], [0x04, 0x1b, 0, 0x80, 0x80, 0x00]);
    for (const cdb of [
      [0x12, 0, 0, 0, 36, 0],
      [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0],
      [0x4d, 0, 0x4d, 0, 0, 0, 0, 0, 64, 0],
    ])
      t.equal(host.start(Buffer.from(cdb)).status, Status.good);
    const page = host.start(Buffer.from([0x4d, 0, 0x70, 0, 0, 0, 0, 0, 16, 0]));
    t.same([...Buffer.concat(page.dataIn)], [0xb0, 0, 0, 12, 0, 0, 3, 8, 1, 0, 0x80, 0, 0, 0, 0, 0]);
  }
  rig.clock.settle();
  t.equal(task.status, Status.good);
  t.same(logged(b), [Status.good, 2, 0, 1], 'completed');
  t.equal(a.run(READ).status, Status.good);
  t.equal(rig.store!.sanitizations.size, 0);
});

t.test('it waits for commands that have begun', async (t) => {
  const { rig, a, b } = written();
  rig.layer.held = [];
  const write = b.start(Buffer.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Buffer.alloc(512, 0x62));
  a.start(sanitize(BLOCK_ERASE | IMMED));
  const late = b.start(Buffer.from([0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0]), Buffer.alloc(512, 0x62));
  t.same(rig.layer.calls, ['write 0+1']);
  rig.layer.complete();
  t.equal(write.status, Status.good);
  t.match(late.sense, { name: 'sanitize-in-progress' }, 'and nothing overtakes it');
  for (let turn = 0; turn < 3; turn++) {
    rig.layer.complete();
    rig.clock.settle();
  }
  t.ok(rig.layer.data.equals(Buffer.alloc(BYTES)));
});

t.test('aborts, resets and logout end the task, not the operation', async (t) => {
  const ends: readonly ((host: Host, tag: number) => unknown)[] = [
    (host, tag) => host.manage('abort-task', { tag }),
    (host) => host.manage('abort-task-set'),
    (host) => host.manage('logical-unit-reset'),
    (host) => host.manage('target-cold-reset'),
    (host) => host.logout(),
  ];
  for (const end of ends) {
    const { rig, a } = written();
    const data = list(3, Buffer.alloc(512));
    const task = a.start(sanitize(OVERWRITE, data.length), data);
    const result = end(a, task.tag);
    if (result !== undefined) t.match(result, { outcome: 'complete' }, 'at once');
    t.ok(task.finished);
    t.match(rig.unit.sanitize.refusal, { name: 'sanitize-in-progress' });
    rig.clock.settle();
    t.ok(rig.layer.data.equals(Buffer.alloc(BYTES)));
  }
});

t.test('the next array goes on with it', async (t) => {
  const store = new MemoryStore();
  const before = written({ store });
  const data = list(0x83, Buffer.from([0x55]));
  before.a.start(sanitize(OVERWRITE | IMMED, data.length), data);
  before.rig.units.close();
  before.rig.clock.settle();
  t.equal(before.rig.layer.data[0], 0x55, 'one pass of three');
  t.notOk(store.sanitizations.get(0)!.failed, 'a stop is no failure');

  const rig = new Rig({ blocks: BLOCKS, store });
  rig.layer.fill(0, BLOCKS, 0x61);
  t.match(rig.unit.sanitize.refusal, { name: 'sanitize-in-progress' });
  rig.clock.settle();
  t.ok(rig.layer.data.equals(Buffer.alloc(BYTES, 0x55)));
  t.equal(store.sanitizations.size, 0);
});

t.test('what cannot be saved does not begin', async (t) => {
  const { rig, a } = written();
  rig.store!.broken = true;
  t.match(a.run(sanitize(BLOCK_ERASE)).sense, { name: 'hardware-error' });
  t.same(rig.layer.calls, []);
  t.equal(a.run(READ).status, Status.good);
});

t.test('failure in restricted completion mode: only another one in that mode leads out', async (t) => {
  const { rig, a, b } = written();
  rig.layer.failNext = { kind: 'hardware-error', cause: 'test' };
  const failed = { name: 'sanitize-failed', key: 3, asc: 0x3103 };
  t.match(a.run(sanitize(BLOCK_ERASE)).sense, failed);
  for (const cdb of [TEST_UNIT_READY, READ]) t.match(b.run(cdb).sense, failed);
  t.same(logged(b).slice(0, 2), [Status.good, 3]);
  t.same([...a.run(REQUEST_SENSE).data.subarray(12, 14)], [0x31, 0x03]);
  t.match(a.run(sanitize(EXIT)).sense, inCdb(1, 4));
  t.match(a.run(sanitize(BLOCK_ERASE | AUSE)).sense, inCdb(1, 5));
  t.ok(rig.store!.sanitizations.get(0)!.failed, 'it stays failed over a restart');
  t.equal(a.run(sanitize(BLOCK_ERASE)).status, Status.good);
  t.equal(b.run(READ).status, Status.good);
});

t.test('failure in unrestricted completion mode: EXIT FAILURE MODE leads out', async (t) => {
  const { rig, a } = written();
  rig.layer.failNext = { kind: 'medium-error', lba: 5, write: true };
  t.match(overwrite(a, 1, Buffer.alloc(4), AUSE).sense, { name: 'sanitize-failed' });
  t.equal(a.run(sanitize(EXIT)).status, Status.good);
  t.equal(a.run(READ).status, Status.good);
  t.equal(a.run(sanitize(EXIT)).status, Status.good, 'there is nothing to leave');
});

t.test('parameter lists and lengths', async (t) => {
  const { rig, a } = written();
  const block = Buffer.alloc(512, 0xaa);
  for (const length of [0, 4, 512 + 5]) {
    t.match(a.run(sanitize(OVERWRITE, length), Buffer.alloc(length)).sense, inCdb(7), `length ${length}`);
  }
  for (const action of [BLOCK_ERASE, CRYPTOGRAPHIC_ERASE, EXIT]) {
    t.match(a.run(sanitize(action, 8), Buffer.alloc(8)).sense, inCdb(7));
  }
  t.match(overwrite(a, 0, block).sense, inList(0, 4), 'OVERWRITE COUNT of zero');
  t.match(overwrite(a, 0x21, block).sense, inList(0, 6), 'TEST');
  const send = (data: Buffer) => a.run(sanitize(OVERWRITE, data.length), data);
  t.match(send(list(1, block, 0)).sense, inList(2));
  t.match(send(list(1, block, 513)).sense, inList(2));
  t.match(send(list(1, block, 511)).sense, { name: 'parameter-list-length' });
  t.match(send(list(1, Buffer.alloc(4), 5)).sense, { name: 'parameter-list-length' });
  t.match(a.run(sanitize(OVERWRITE, 100), Buffer.alloc(3)).sense, { name: 'parameter-list-length' });
  const reserved = list(1, block);
  reserved[1] = 1;
  t.match(send(reserved).sense, inList(1));
  t.same(rig.layer.calls, [], 'nothing was touched');
});

t.test('reserved fields, unknown service actions, ZNR', async (t) => {
  const { a } = written();
  t.match(a.run(sanitize(BLOCK_ERASE | 0x40)).sense, inCdb(1, 6), 'ZNR: not a zoned block device');
  t.match(a.run(sanitize(0x04)).sense, inCdb(1, 4));
  const cdb = sanitize(BLOCK_ERASE);
  cdb[3] = 1;
  t.match(a.run(cdb).sense, inCdb(3, 0));
});

t.test('write protection and reservations of others hold', async (t) => {
  const { rig, a } = written({ readOnly: true });
  t.match(a.run(sanitize(BLOCK_ERASE)).sense, { name: 'write-protected' });
  t.match(overwrite(a, 1, Buffer.alloc(4)).sense, { name: 'write-protected' });
  t.same(rig.layer.calls, []);
  const other = written();
  other.b.run([0x16, 0, 0, 0, 0, 0]);
  t.equal(other.a.run(sanitize(BLOCK_ERASE)).status, Status.reservationConflict);
});
