/**
 * Random tasks, faults, aborts, settings of QERR and ends of ACA conditions; some commands end as they begin. While a
 * condition stands nothing begins but commands that recover, one at a time, and nothing is answered but those; when it
 * has ended every task goes on, in the order in which it would have, and ends once.
 */
import t from 'tap';
import { seededRandom } from '../../../target/base/random.js';
import { Status, type Task, TaskAttribute } from '../../../target/scsi/task.js';
import { QueueErrors } from '../../../wire/scsi/mode-pages.js';
import { classes, nexusOf, TaskSetRig } from './rig.js';

const { simple, ordered, headOfQueue, aca } = TaskAttribute;
const SEEDS = 150;
const STEPS = 120;
const base = Number(process.env.LUNARRAY_SEED ?? 1);

for (let seed = base; seed < base + SEEDS; seed++) {
  t.test(`seed ${seed}`, async (t) => {
    const random = seededRandom(seed);
    const rig = new TaskSetRig();
    const problems: string[] = [];
    /** Tasks that the array took in, and those whose end was told. */
    const taken: Task[] = [];
    const answers = new Map<Task, number>();
    /** The model: the faulted nexus, if any. */
    let faulted: number | null = null;
    const recovers = (task: Task) => task.attribute === aca && task.nexus.id === faulted;

    rig.setQueueErrors([QueueErrors.resume, QueueErrors.abortAll, QueueErrors.abortOwn][seed % 3]!);
    rig.onBegin = (task) => {
      if (faulted !== null && !recovers(task)) problems.push(`${task.tag} began during the condition of ${faulted}`);
      if (random.below(4) === 0) rig.end(task, random.below(2) === 0);
    };
    rig.onAnswer = (task) => {
      answers.set(task, (answers.get(task) ?? 0) + 1);
      if (faulted !== null && !task.aborted && !recovers(task)) problems.push(`${task.tag} was answered`);
      if (task.aborted || task.status !== Status.checkCondition) return;
      const standing = faulted !== null;
      if (task.cdb[9] !== 0 && (!standing || recovers(task))) faulted = task.nexus.id;
      else if (standing && recovers(task)) faulted = null;
    };
    const arrive = () => {
      const attribute = [simple, simple, ordered, headOfQueue, aca][random.below(5)]!;
      const nexus = nexusOf(random.below(3));
      const options = { lba: random.below(6), blocks: random.below(4), attribute, nexus, naca: random.below(3) === 0 };
      const task = rig.make(classes[random.below(classes.length)]!, options);
      const refusal = rig.set.refusalOf(task);
      const alone = !taken.some((each) => !answers.has(each) && recovers(each));
      const wanted = faulted === null || (recovers(task) && alone);
      if ((refusal === null) !== wanted) problems.push(`${task.tag}: refused with ${refusal}`);
      if (refusal !== null || (attribute === aca && faulted === null)) return;
      taken.push(task);
      rig.set.enter(task);
    };
    const clear = () => {
      const nexus = nexusOf(random.below(3));
      const before = faulted;
      // From here on blocked tasks may be answered.
      if (before === nexus.id) faulted = null;
      const done = rig.set.clearAllegiance(nexus, () => {});
      if (done !== (before === null || before === nexus.id)) problems.push(`CLEAR ACA of ${nexus.id}: ${done}`);
    };
    const abort = () => {
      const nexus = nexusOf(random.below(3));
      rig.set.abort(
        (task) => task.nexus === nexus,
        nexus,
        () => {},
      );
    };
    const endOne = () => {
      if (rig.running.length === 0) return;
      rig.end(rig.running[random.below(rig.running.length)]!, random.below(4) === 0);
    };

    for (let step = 0; step < STEPS && problems.length === 0; step++) {
      const choice = random.below(20);
      if (choice < 9) arrive();
      else if (choice < 16) endOne();
      else if (choice < 19) clear();
      else abort();
      if (rig.pinned > 0) problems.push(`step ${step}: ${rig.pinned} reads keep their data`);
      const standing = rig.set.allegiance?.faulted.id ?? null;
      if (standing !== faulted) problems.push(`step ${step}: condition of ${standing}, not of ${faulted}`);
    }
    for (let round = 0; round < 1000 && answers.size < taken.length; round++) {
      while (rig.running.length > 0) rig.end(rig.running[0]!);
      for (const id of [0, 1, 2]) {
        if (faulted === id) faulted = null;
        rig.set.clearAllegiance(nexusOf(id), () => {});
      }
    }
    t.same(problems, [], `LUNARRAY_SEED=${seed}`);
    t.same(
      [...answers.values()].filter((count) => count !== 1),
      [],
      'each is answered once',
    );
    t.equal(answers.size, taken.length, 'all ended');
    t.equal(rig.set.size, 0);
    t.equal(rig.pinned, 0);
  });
}
