/** Copies that are ended: aborts, resets, lost nexuses; copies in the background; copies among other commands. */
import t from 'tap';
import { CopyLimits, PIECES_OF_UNIT } from '../../../target/copy/copy-limits.js';
import { Turns } from '../../../target/copy/turns.js';
import { TaskAttribute } from '../../../target/scsi/task.js';
import { write16 } from '../../../wire/scsi/cdb-build.js';
import { decodeStatus4 } from '../../../wire/scsi/copy-results.js';
import { CopyIn } from '../../../wire/scsi/opcodes.js';
import type { Host } from '../scsi-primary/rig.js';
import { inCdb } from '../scsi-primary/rig.js';
import { blocks, CopyRig, copy, receive, startCopy } from './copy-rig.js';

const PIECE = 2048;
const four = { format: 'lid4', listId: 7, segments: [blocks(16000, 0, 0, { source: 1, destination: 2 })] } as const;

/** A large copy that has done its first piece. */
function large(immediate = false) {
  const rig = new CopyRig([{ blocks: 16384 }, { blocks: 16384 }]);
  rig.layers[0]!.fill(0, 16384, 0x44);
  const [host, other] = [rig.host('a'), rig.host('b')];
  const task = startCopy(host, { ...four, immediate });
  const copied = () => rig.layers[1]!.mapped.filter(Boolean).length;
  t.equal(copied(), PIECE);
  return { rig, host, other, task, copied };
}

function abort(host: Host, listId: number) {
  const cdb = Buffer.alloc(16);
  cdb[0] = 0x83;
  cdb[1] = 0x1c;
  cdb.writeUInt32BE(listId, 2);
  return host.run(cdb);
}

t.test('in the background: answered at once, asked for later', async (t) => {
  const { rig, host, task, copied } = large(true);
  t.ok(task.finished);
  t.equal(task.status, 0);
  t.match(decodeStatus4(statusNow(host)), { status: 0x12, bytes: PIECE * 512, segments: 1, updateDelay: 100 });
  rig.clock.settle();
  t.equal(copied(), 16000);
  t.match(decodeStatus4(receive(host, CopyIn.status4, 7).data), { status: 1, bytes: 16000 * 512 });
  t.match(abort(host, 7).sense, inCdb(2), 'it has ended');
});

/** RECEIVE COPY STATUS(LID4) without letting the copy go on. */
function statusNow(host: Host): Buffer {
  const cdb = Buffer.from([0x84, 5, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
  const task = host.start(cdb);
  return Buffer.concat(task.dataIn);
}

t.test('errors in the background are told by status only', async (t) => {
  const rig = new CopyRig([{}, { readOnly: true }]);
  rig.layers[0]!.fill(0, 8, 1);
  const host = rig.host('a');
  const segments = [blocks(8, 0, 0, { source: 1, destination: 2 })];
  t.equal(copy(host, { ...four, segments, immediate: true }).status, 0);
  const status = decodeStatus4(receive(host, CopyIn.status4, 7).data);
  t.match(status, { status: 2, completion: 2, sense: { key: 0xa, forwarded: { from: 'destination' } } });
  t.same(host.attentions(0), []);
});

t.test('COPY OPERATION ABORT', async (t) => {
  t.match(abort(new CopyRig().host('a'), 7).sense, inCdb(2), 'there is none');
  t.match(abort(large().other, 7).sense, inCdb(2), 'another nexus has no such copy');
  const ended = large();
  const start = ended.copied();
  t.equal(abort(ended.host, 7).status, 0);
  t.match(ended.task.sense, { name: 'copy-cleared', key: 0xa, asc: 0x2f02, segment: 0 });
  t.equal(ended.copied(), start);
  t.match(decodeStatus4(receive(ended.host, CopyIn.status4, 7).data), { status: 0x60, completion: 0x40, sense: null });
  const back = large(true);
  t.equal(abort(back.host, 7).status, 0);
  t.equal(back.copied(), PIECE);
});

t.test('ABORT TASK, ABORT TASK SET, CLEAR TASK SET end the command with its copy', async (t) => {
  for (const fn of ['abort-task', 'abort-task-set', 'clear-task-set'] as const) {
    const { rig, host, task, copied } = large();
    const managed = host.manage(fn, { tag: task.tag });
    rig.clock.settle();
    t.equal(managed.outcome, 'complete', fn);
    t.ok(task.finished && task.aborted);
    t.equal(copied(), PIECE);
    t.match(decodeStatus4(receive(host, CopyIn.status4, 7).data), { status: 0x60 });
  }
});

t.test('what the copy manager sends is not the host task set: aborting that leaves it alone', async (t) => {
  const { rig, host, task, copied } = large();
  host.manage('abort-task-set', { lun: 1 });
  rig.clock.settle();
  t.equal(task.status, 0);
  t.equal(copied(), 16000);
});

t.test('LOGICAL UNIT RESET ends all copies of that logical unit, and is answered after that', async (t) => {
  for (const immediate of [false, true]) {
    const { rig, host, task, copied } = large(immediate);
    rig.layers[1]!.held = [];
    rig.clock.settle();
    const managed = host.manage('logical-unit-reset');
    t.equal(managed.outcome, null, 'a piece is being written');
    rig.layers[1]!.complete();
    rig.layers[1]!.held = null;
    rig.clock.settle();
    t.equal(managed.outcome, 'complete');
    t.equal(copied(), 2 * PIECE);
    if (!immediate) t.ok(task.aborted && task.finished);
  }
});

t.test('a reset of the destination fails the copy', async (t) => {
  const { rig, host, task } = large();
  rig.layers[1]!.held = [];
  rig.clock.settle();
  host.manage('logical-unit-reset', { lun: 1 });
  rig.layers[1]!.complete();
  rig.layers[1]!.held = null;
  rig.clock.settle();
  t.match(task.sense, { name: 'third-party-device-failure', forwarded: { from: 'destination', status: 0x40 } });
});

t.test('the nexus is lost: in the foreground it ends, in the background it goes on', async (t) => {
  for (const [immediate, copies] of [
    [false, PIECE],
    [true, 16000],
  ] as const) {
    const { rig, host, copied } = large(immediate);
    host.logout();
    rig.clock.settle();
    t.equal(copied(), copies);
  }
});

t.test('a copy that ends after its nexus leaves no results behind', async (t) => {
  const { rig, host, copied } = large(true);
  host.logout();
  t.ok(rig.unit.copies.find(host.nexus, four.listId)?.running);
  rig.clock.settle();
  t.equal(copied(), 16000);
  t.equal(rig.unit.copies.find(host.nexus, four.listId), null);
});

t.test('PREEMPT AND ABORT ends the copies of those preempted', async (t) => {
  const { rig, host, other, copied } = large(true);
  const list = (key: bigint, action: bigint) => {
    const bytes = Buffer.alloc(24);
    bytes.writeBigUInt64BE(key, 0);
    bytes.writeBigUInt64BE(action, 8);
    return bytes;
  };
  const out = (from: Host, action: number, bytes: Buffer) =>
    from.start(Buffer.from([0x5f, action, action === 0 ? 0 : 5, 0, 0, 0, 0, 0, 24, 0]), bytes);
  out(host, 0, list(0n, 1n));
  out(other, 0, list(0n, 2n));
  const task = out(other, 5, list(2n, 1n));
  rig.clock.settle();
  t.equal(task.status, 0);
  t.equal(copied(), PIECE);
});

t.test('an ORDERED command behind a copy waits for it, and the copy not for that', async (t) => {
  for (const [lun, attribute] of [
    [0, TaskAttribute.ordered],
    [1, TaskAttribute.ordered],
    [1, TaskAttribute.headOfQueue],
  ] as const) {
    const { rig, host, task, copied } = large();
    const write = host.start(write16(9000, 1), Buffer.alloc(512, 1), { lun, attribute });
    rig.clock.settle();
    t.ok(task.finished && write.finished);
    t.equal(task.status, 0);
    t.equal(copied(), 16000);
  }
});

t.test('a COMPARE AND WRITE under way is not torn by a copy', async (t) => {
  const rig = new CopyRig();
  const [source, destination] = rig.layers;
  source!.fill(0, 1, 0x11);
  const host = rig.host('a');
  destination!.held = [];
  const cdb = Buffer.from([0x89, ...new Array<number>(12).fill(0), 1, 0, 0]);
  const swap = host.start(cdb, Buffer.concat([Buffer.alloc(512), Buffer.alloc(512, 0x22)]), { lun: 1 });
  const task = startCopy(host, { segments: [blocks(1, 0, 0)] });
  rig.clock.settle();
  t.equal(destination!.calls.length, 1, 'the copy waits for it');
  for (let i = 0; i < 4; i++) {
    destination!.complete();
    rig.clock.settle();
  }
  t.same([swap.status, task.status], [0, 0]);
  t.equal(destination!.data[0], 0x11, 'the copy came after it');
});

t.test('more copies at a time than a logical unit takes', async (t) => {
  const rig = new CopyRig();
  rig.layers[0]!.fill(0, 8, 1);
  const host = rig.host('a');
  rig.layers[0]!.held = [];
  const start = (listId: number) => startCopy(host, { listId, segments: [blocks(8, 0, 0)] });
  const tasks = Array.from({ length: CopyLimits.concurrent }, (_, i) => start(i));
  t.equal(start(200).status, 8, 'BUSY');
  t.equal(rig.layers[0]!.calls.length, PIECES_OF_UNIT, 'and only so many pieces are under way');
  for (let i = 0; i < CopyLimits.concurrent; i++) {
    rig.layers[0]!.complete();
    rig.clock.settle();
  }
  t.ok(tasks.every(({ status, finished }) => finished && status === 0));
});

t.test('turns that are given up', async (t) => {
  const all = new Turns(1);
  const [one, other] = [new Turns(1, all), new Turns(1, all)];
  const order: string[] = [];
  let release = () => {};
  const take = (turns: Turns, name: string) =>
    turns.take(0, (end) => {
      order.push(name);
      release = end;
    });
  const first = take(one, 'first');
  const second = take(one, 'second');
  const third = take(other, 'third');
  take(other, 'fourth');
  t.equal(first(), false, 'it has begun');
  t.same([second(), second()], [true, false]);
  t.equal(third(), true, 'its turn here had come, not that of all');
  release();
  release();
  take(one, 'fifth');
  t.same(order, ['first', 'fourth', 'fifth']);
});

t.test('turns: priority 0 first, then in order', async (t) => {
  const turns = new Turns(1);
  const order: number[] = [];
  const releases: (() => void)[] = [];
  for (const [name, priority] of [
    [1, 0],
    [2, 3],
    [3, 1],
    [4, 3],
    [5, 0],
  ] as const) {
    turns.take(priority, (release) => {
      order.push(name);
      releases.push(release);
    });
  }
  while (order.length < 5) releases.shift()!();
  t.same(order, [1, 5, 3, 2, 4]);
});

t.test("turns: those of one logical unit are a part of the array's", async (t) => {
  const array = new Turns(3);
  const [one, other] = [new Turns(2, array), new Turns(2, array)];
  const running: string[] = [];
  const releases = new Map<string, () => void>();
  const take = (turns: Turns, name: string) =>
    turns.take(0, (release) => {
      running.push(name);
      releases.set(name, release);
    });
  for (const name of ['a', 'b', 'c']) take(one, name);
  t.same(running, ['a', 'b'], 'no more of one, though the array has room');
  for (const name of ['x', 'y']) take(other, name);
  t.same(running, ['a', 'b', 'x'], 'no more of the array');
  releases.get('a')!();
  t.same(running, ['a', 'b', 'x', 'y']);
  releases.get('x')!();
  t.same(running, ['a', 'b', 'x', 'y', 'c']);
});
