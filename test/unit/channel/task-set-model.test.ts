/**
 * Random tasks against the rules of SAM-6 8 and the conflict matrix, stated here as a predicate over all tasks
 * that have not ended: no task begins against a rule (safety), none waits without a reason (liveness), every
 * task ends, every abort is reported done exactly when its tasks have ended.
 */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { conflictMatrix } from '../../../target/channel/conflict-matrix.js';
import { type Task, TaskAttribute } from '../../../target/scsi/task.js';
import { classes, headOfQueue, nexusOf, ordered, TaskSetRig } from './rig.js';

const { simple, untagged } = TaskAttribute;
const SEEDS = 150;
const STEPS = 120;
const base = Number(process.env.LUNARRAY_SEED ?? 1);

function conflicts(task: Task, older: Task): boolean {
  const action = conflictMatrix[task.command!.conflict][older.command!.conflict];
  if (action !== 'overlap') return action === 'wait';
  for (let lba = task.lba; lba < task.lba + task.blocks; lba++) {
    if (lba >= older.lba && lba < older.lba + older.blocks) return true;
  }
  return false;
}

/** Whether the rules let `task` begin beside `others`, all that have not ended. `isRunning` is about these. */
function mayBegin(task: Task, others: readonly Task[], isRunning: (task: Task) => boolean): boolean {
  return others.every((other) => {
    if (other === task) return true;
    if (task.attribute === headOfQueue) return !(isRunning(other) && conflicts(task, other));
    if (other.attribute === headOfQueue) return false;
    if (other.tag > task.tag) return true;
    if (task.attribute === ordered || other.attribute === ordered) return false;
    return !conflicts(task, other);
  });
}

for (let seed = base; seed < base + SEEDS; seed++) {
  t.test(`seed ${seed}`, async (t) => {
    const random = seededRandom(seed);
    const rig = new TaskSetRig();
    const alive = new Set<Task>();
    const problems: string[] = [];
    const aborts: { tasks: Task[]; done: number }[] = [];
    const eager = random.below(4);

    rig.onBegin = (task) => {
      const others = [...alive].filter((other) => !other.finished);
      if (!mayBegin(task, others, (other) => rig.running.includes(other))) problems.push(`${task.tag} began too early`);
      // Some commands end in the tick in which they begin.
      if (random.below(4) < eager) end(task);
    };
    const end = (task: Task) => {
      alive.delete(task);
      rig.end(task);
    };
    const arrive = () => {
      const attribute = [simple, simple, simple, untagged, ordered, headOfQueue][random.below(6)]!;
      const conflict = classes[random.below(classes.length)]!;
      const options = { lba: random.below(6), blocks: random.below(4), attribute, nexus: nexusOf(random.below(3)) };
      // The task counts from its arrival, which is before it may begin.
      const known = rig.set.enter.bind(rig.set);
      rig.set.enter = (task) => {
        alive.add(task);
        known(task);
      };
      rig.enter(conflict, options);
      rig.set.enter = known;
    };
    const abort = () => {
      const nexus = nexusOf(random.below(3));
      const entry = { tasks: [...alive].filter((task) => task.nexus === nexus), done: 0 };
      aborts.push(entry);
      rig.set.abort(
        (task) => task.nexus === nexus,
        nexus,
        () => entry.done++,
      );
      for (const task of entry.tasks) if (task.finished) alive.delete(task);
    };

    for (let step = 0; step < STEPS && problems.length === 0; step++) {
      const choice = random.below(10);
      if (choice < 5) arrive();
      else if (choice < 9 && rig.running.length > 0) end(rig.running[random.below(rig.running.length)]!);
      else if (choice === 9 && random.below(4) === 0) abort();
      for (const task of [...alive]) if (task.finished) alive.delete(task);
      for (const task of alive) {
        const runs = rig.running.includes(task);
        if (!runs && mayBegin(task, [...alive], (other) => rig.running.includes(other))) {
          problems.push(`step ${step}: ${task.tag} waits for nothing`);
        }
      }
      for (const { tasks, done } of aborts) {
        const over = tasks.every((task) => task.finished);
        if (done !== (over ? 1 : 0)) problems.push(`step ${step}: abort told ${done} times, over: ${over}`);
      }
      if (rig.set.size !== alive.size) problems.push(`step ${step}: size ${rig.set.size}, alive ${alive.size}`);
    }
    while (rig.running.length > 0) end(rig.running[0]!);
    t.same(problems, [], `LUNARRAY_SEED=${seed}`);
    t.equal(rig.set.size, 0, 'all ended');
  });
}
