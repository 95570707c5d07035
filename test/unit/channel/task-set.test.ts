/** Ordering of tasks: conflicts, attributes (SAM-6 8). */
import t from 'tap';
import { headOfQueue, ordered, TaskSetRig } from './rig.js';

t.test('an empty task set lets a task run at once', async (t) => {
  const rig = new TaskSetRig();
  const task = rig.enter('write');
  t.same(rig.begun, [task.tag]);
  t.equal(rig.set.size, 1);
  rig.end(task);
  t.equal(rig.set.size, 0);
});

t.test('reads run side by side, overlapping writes one after the other', async (t) => {
  const rig = new TaskSetRig();
  const reads = [rig.enter('read', { blocks: 8 }), rig.enter('read', { blocks: 8 })];
  const write = rig.enter('write', { lba: 7 });
  const beside = rig.enter('write', { lba: 8 });
  const later = rig.enter('read', { lba: 7 });
  t.same(rig.begun, [1, 2, beside.tag]);
  rig.end(reads[0]!);
  t.same(rig.begun, [1, 2, 4], 'one more read to wait for');
  rig.end(reads[1]!);
  t.same(rig.begun, [1, 2, 4, write.tag]);
  rig.end(write);
  t.same(rig.begun, [1, 2, 4, 3, later.tag]);
});

t.test('tasks for the same block end in the order of their arrival', async (t) => {
  const rig = new TaskSetRig();
  const tasks = Array.from({ length: 100 }, () => rig.enter('write'));
  rig.onBegin = (task) => rig.end(task);
  rig.end(tasks[0]!);
  t.same(
    rig.ended,
    tasks.map(({ tag }) => tag),
  );
});

t.test('zero blocks overlap nothing', async (t) => {
  const rig = new TaskSetRig();
  rig.enter('write', { lba: 5, blocks: 10 });
  rig.enter('write', { lba: 7, blocks: 0 });
  t.same(rig.begun, [1, 2]);
});

t.test('an ordered task waits for all older ones and holds up all younger ones', async (t) => {
  const rig = new TaskSetRig();
  const a = rig.enter('read', { lba: 0 });
  const b = rig.enter('read', { lba: 100, attribute: ordered });
  rig.enter('inquire');
  t.same(rig.begun, [1]);
  rig.end(a);
  t.same(rig.begun, [1, 2]);
  rig.end(b);
  t.same(rig.begun, [1, 2, 3]);
});

t.test('a head of queue task passes what waits, and simple tasks wait for it', async (t) => {
  const rig = new TaskSetRig();
  const running = rig.enter('write', { lba: 0 });
  const waiting = rig.enter('write', { lba: 0 });
  const head = rig.enter('read', { lba: 50, attribute: headOfQueue });
  const young = rig.enter('read', { lba: 200 });
  t.same(rig.begun, [running.tag, head.tag]);
  rig.end(running);
  t.same(rig.begun, [running.tag, head.tag], 'the head of queue task has not ended');
  rig.end(head);
  t.same(rig.begun, [running.tag, head.tag, waiting.tag, young.tag]);
});

t.test('a head of queue task waits for what runs on its blocks', async (t) => {
  const rig = new TaskSetRig();
  const running = rig.enter('write');
  rig.enter('write');
  const head = rig.enter('write', { attribute: headOfQueue });
  t.same(rig.begun, [running.tag]);
  rig.end(running);
  t.same(rig.begun, [running.tag, head.tag], 'before the older one that waited');
});

t.test('of several head of queue tasks the newest is the first', async (t) => {
  const rig = new TaskSetRig();
  const running = rig.enter('configure');
  rig.enter('read', { attribute: headOfQueue });
  rig.enter('read', { attribute: headOfQueue, lba: 9 });
  rig.onBegin = (task) => rig.end(task);
  rig.end(running);
  t.same(rig.ended, [1, 3, 2]);
});

t.test('wait and service times have their borders where the task begins', async (t) => {
  const rig = new TaskSetRig();
  const first = rig.enter('write');
  const second = rig.enter('write');
  rig.clock.advance(3);
  rig.end(first);
  t.equal(second.dispatchedAt, 3e6);
});
