/** Task management functions (SAM-6 7): what ends, how it is told, and to whom. */
import t from 'tap';
import { capacityDataHasChanged, nexusLossOccurred } from '../../../wire/scsi/sense.js';
import { Rig } from '../scsi-primary/rig.js';

const READ = Buffer.from([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
const WRITE = Buffer.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
const block = Buffer.alloc(512, 0xaa);

/** Two hosts, each with a read under way. */
function busy() {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  rig.layer.held = [];
  return { rig, a, b, mine: a.start(READ), other: b.start(READ) };
}

function setTas(rig: Rig): void {
  const host = rig.host('admin');
  const list = Buffer.from([0, 0, 0, 0, 0x0a, 10, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 1]);
  host.run([0x15, 0x10, 0, 0, list.length, 0], list);
  host.logout();
}

t.test('ABORT TASK: one task, without a response, done when it can do no more', async (t) => {
  const { rig, a, mine, other } = busy();
  const second = a.start(READ);
  const result = a.manage('abort-task', { tag: mine.tag });
  t.equal(result.outcome, null, 'the read is still under way');
  rig.layer.complete();
  t.equal(result.outcome, 'complete');
  t.same(a.owner.droppedTasks, [mine]);
  t.same(a.owner.responded.slice(-1), [second]);
  second.release();
  other.release();
  t.equal(rig.layer.pinned, 0, 'its data was given back');
});

t.test('ABORT TASK: of a task that waits its turn', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  rig.layer.held = [];
  a.start(WRITE, block);
  const waiting = a.start(WRITE, block);
  t.equal(a.manage('abort-task', { tag: waiting.tag }).outcome, 'complete');
  t.same(a.owner.droppedTasks, [waiting]);
  rig.layer.complete();
  t.same(
    rig.layer.calls.filter((call) => call.startsWith('write')),
    ['write 0+1'],
  );
});

t.test('ABORT TASK: of a write whose data has not come', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  a.owner.withheld = [];
  const write = a.start(WRITE, block);
  t.equal(a.manage('abort-task', { tag: write.tag }).outcome, 'complete');
  t.same(a.owner.droppedTasks, [write]);
  t.equal(rig.layer.calls.length, 0);
});

t.test('ABORT TASK: no such task, no such LUN', async (t) => {
  const { a, b, mine } = busy();
  t.equal(a.manage('abort-task', { tag: 999 }).outcome, 'task-not-found');
  t.equal(b.manage('abort-task', { tag: mine.tag + 100 }).outcome, 'task-not-found');
  t.equal(a.manage('abort-task', { lun: 9, tag: mine.tag }).outcome, 'lun-not-found');
  t.notOk(mine.aborted);
});

t.test("ABORT TASK: another nexus' task of the same tag is left alone", async (t) => {
  const { rig, a, b, mine, other } = busy();
  t.equal(mine.tag, other.tag);
  b.manage('abort-task', { tag: other.tag });
  rig.layer.complete();
  t.notOk(mine.aborted);
  t.ok(a.owner.responded.includes(mine));
});

t.test('ABORT TASK SET: own tasks only', async (t) => {
  const { rig, a, b, mine, other } = busy();
  const second = a.start(READ);
  const result = a.manage('abort-task-set');
  rig.layer.complete();
  t.equal(result.outcome, 'complete');
  t.same(a.owner.droppedTasks, [mine, second]);
  t.ok(b.owner.responded.includes(other));
  t.same(b.attentions(), []);
});

t.test('CLEAR TASK SET: the others are told by a unit attention', async (t) => {
  const { rig, a, b, mine, other } = busy();
  const result = a.manage('clear-task-set');
  rig.layer.complete();
  t.equal(result.outcome, 'complete');
  t.same(a.owner.droppedTasks, [mine]);
  t.same(b.owner.droppedTasks, [other]);
  t.same(a.attentions(), []);
  t.same(b.attentions(), ['commands-cleared']);
});

t.test('CLEAR TASK SET with TAS: the others are told by TASK ABORTED', async (t) => {
  const rig = new Rig();
  setTas(rig);
  const [a, b] = [rig.host('a'), rig.host('b')];
  rig.layer.held = [];
  const mine = a.start(READ);
  const other = b.start(READ);
  a.manage('clear-task-set');
  rig.layer.complete();
  t.same(a.owner.droppedTasks, [mine]);
  t.ok(b.owner.responded.includes(other));
  t.equal(other.status, 0x40);
  t.equal(other.sense, null);
  t.equal(other.dataInLength, 0);
  t.equal(rig.layer.pinned, 0);
  t.same(b.attentions(), []);
});

t.test('LOGICAL UNIT RESET: everybody is told, the one that asked too', async (t) => {
  const { rig, a, b, mine, other } = busy();
  const result = a.manage('logical-unit-reset');
  rig.layer.complete();
  t.equal(result.outcome, 'complete');
  t.ok(mine.aborted && other.aborted);
  t.same(a.attentions(), ['lun-reset']);
  t.same(b.attentions(), ['lun-reset']);
  t.equal(a.manage('logical-unit-reset', { lun: 9 }).outcome, 'lun-not-found');
});

for (const fn of ['target-warm-reset', 'target-cold-reset'] as const) {
  t.test(`${fn}: all logical units that the nexus sees`, async (t) => {
    const rig = new Rig({
      luns: [
        [0, 0],
        [1, 1],
      ],
    });
    const [a, b] = [rig.host('a'), rig.host('b')];
    rig.layer.held = [];
    const tasks = [a.start(READ), b.start(READ, null, { lun: 1 })];
    const result = a.manage(fn, { lun: 77 });
    t.equal(result.outcome, null);
    rig.layer.complete();
    t.equal(result.outcome, 'complete');
    t.ok(tasks.every(({ aborted }) => aborted));
    for (const host of [a, b]) {
      for (const lun of [0, 1]) t.same(host.attentions(lun), ['power-on-or-reset']);
    }
  });
}

t.test('I_T NEXUS RESET: only what is of this nexus', async (t) => {
  const { rig, a, b, mine, other } = busy();
  const result = a.manage('i-t-nexus-reset');
  rig.layer.complete();
  t.equal(result.outcome, 'complete');
  t.ok(mine.aborted);
  t.notOk(other.aborted);
  t.same(a.attentions(), ['nexus-loss']);
  t.same(b.attentions(), []);
});

t.test('CLEAR ACA has nothing to do', async (t) => {
  t.equal(busy().a.manage('clear-aca').outcome, 'complete');
});

t.test('QUERY TASK and QUERY TASK SET: succeeded while there is a task of this nexus, and nothing ends', async (t) => {
  const { rig, a, b, mine, other } = busy();
  t.equal(a.manage('query-task', { tag: mine.tag }).outcome, 'succeeded');
  t.equal(a.manage('query-task', { tag: mine.tag + 1 }).outcome, 'complete');
  t.equal(a.manage('query-task', { lun: 9, tag: mine.tag }).outcome, 'lun-not-found');
  t.equal(a.manage('query-task-set').outcome, 'succeeded');
  t.equal(a.manage('query-task-set', { lun: 9 }).outcome, 'lun-not-found');
  other.aborted = false;
  rig.layer.complete();
  t.notOk(mine.aborted || other.aborted);
  t.equal(a.manage('query-task', { tag: mine.tag }).outcome, 'complete');
  t.equal(a.manage('query-task-set').outcome, 'complete');
  t.equal(b.manage('query-task-set').outcome, 'complete');
});

t.test('QUERY ASYNCHRONOUS EVENT: what would be reported next, which stays pending', async (t) => {
  const rig = new Rig();
  const a = rig.host('a');
  t.match(a.manage('query-asynchronous-event'), { outcome: 'complete', information: undefined });
  rig.unit.attentions.establish(a.nexus.id, capacityDataHasChanged());
  const one = a.manage('query-asynchronous-event');
  t.equal(one.outcome, 'succeeded');
  t.equal(one.information, 0x162a09, 'one, unit attention, 2Ah/09h');
  rig.unit.attentions.establish(a.nexus.id, nexusLossOccurred());
  t.equal(a.manage('query-asynchronous-event').information, 0x262907, 'several, the first is 29h/07h');
  t.same(a.attentions(), ['nexus-loss', 'capacity-changed']);
  t.equal(a.manage('query-asynchronous-event', { lun: 9 }).outcome, 'lun-not-found');
});

t.test('tasks that an abort makes way for do not begin', async (t) => {
  const rig = new Rig();
  const [a, b] = [rig.host('a'), rig.host('b', { port: 1 })];
  a.owner.withheld = [];
  b.owner.withheld = [];
  const first = a.start(WRITE, block);
  // These have all their data, and wait only because they overlap.
  const others = [a, b].map((host) => {
    const task = host.start(WRITE, block);
    task.dataOut.push(block);
    task.dataOutLength = 512;
    return task;
  });
  t.equal(b.manage('logical-unit-reset').outcome, 'complete');
  t.same(rig.layer.calls, []);
  t.ok([first, ...others].every((task) => task.finished && task.aborted));
  t.equal(rig.adapters[0]!.stats().depth + rig.adapters[1]!.stats().depth, 0);
});

t.test('two functions about the same task are both done when it ends', async (t) => {
  const { rig, a, b } = busy();
  const results = [a.manage('abort-task-set'), b.manage('clear-task-set'), a.manage('logical-unit-reset')];
  rig.layer.complete();
  t.same(
    results.map(({ outcome }) => outcome),
    ['complete', 'complete', 'complete'],
  );
});

t.test('a task is never answered twice, whatever comes together', async (t) => {
  const { rig, a, b, mine, other } = busy();
  a.manage('abort-task', { tag: mine.tag });
  b.manage('logical-unit-reset');
  a.logout();
  rig.layer.complete();
  t.same([a.owner.responded.includes(mine), a.owner.droppedTasks], [false, [mine]]);
  t.same(b.owner.droppedTasks, [other]);
});
