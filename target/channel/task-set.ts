import { hasNaca } from '../../wire/scsi/control-byte.js';
import { QueueErrors } from '../../wire/scsi/mode-pages.js';
import { commandsClearedByAnotherInitiator, type Sense } from '../../wire/scsi/sense.js';
import type { Clock } from '../disk/types.js';
import { execute, prepare } from '../scsi/dispatch.js';
import type { LogicalUnit } from '../scsi/logical-unit.js';
import { modePagesOf } from '../scsi/mode-state.js';
import type { Nexus } from '../scsi/nexus.js';
import { Status, type Task, TaskAttribute } from '../scsi/task.js';
import type { TaskControl } from '../scsi/task-control.js';
import type { TargetPort } from '../volumes/model.js';
import { Action, actions, CLASSES, classIndex, concerns } from './conflict-matrix.js';
import { COPY_PATIENCE_MS, ContingentAllegiance, statusForOthers } from './contingent-allegiance.js';

const { ordered, headOfQueue } = TaskAttribute;

/** Tasks whose end somebody waits for. */
interface Awaited {
  readonly tasks: Set<Task>;
  readonly done: () => void;
}

/**
 * The task set of one logical unit, for all nexuses and ports (TST 000b): the tasks that have not ended, linked
 * in the order of SAM-6 8: tasks of the head of queue and ACA attributes first, newest before older, then the others
 * as they arrived.
 *
 * A task waits for one other task at a time, `blockedBy`: one that runs, or stands before it. When that one
 * ends, the next reason to wait is looked for. So ends cost what they free, and nothing waits in a circle.
 */
export class TaskSet implements TaskControl {
  private head: Task | null = null;
  private tail: Task | null = null;
  /** Tasks of each conflict class, and a bit for each class that has any. */
  private readonly perClass = new Uint32Array(CLASSES);
  private present = 0;
  private orderedTasks = 0;
  private headTasks = 0;
  private waiting = 0;
  private awaited: Awaited[] = [];
  private waking = false;
  private wakeAgain = false;
  size = 0;
  /** The ACA condition there is. While it stands, `refusalOf` is asked before a host's task enters. */
  allegiance: ContingentAllegiance | null = null;

  constructor(
    private readonly unit: LogicalUnit,
    private readonly clock: Clock,
  ) {}

  /** Takes a task in. It runs before this returns if nothing stands in its way. */
  enter(task: Task): void {
    task.unit = this.unit;
    prepare(this.unit, task);
    const attribute = task.attribute;
    const own = classOf(task);
    const free =
      this.size === 0 ||
      (attribute < ordered && this.orderedTasks + this.headTasks === 0 && (this.present & concerns[own]!) === 0);
    if (attribute >= headOfQueue || task.delegated) this.prepend(task);
    else this.append(task);
    this.count(task, own, 1);
    const blocker = free ? null : this.blockerOf(task);
    if (blocker === null) {
      task.dispatchedAt = task.startedAt;
      this.run(task);
    } else {
      task.blockedBy = blocker;
      this.waiting++;
    }
  }

  /** The status that an ACA condition has for a new task; null: it may enter. */
  refusalOf(task: Task): Status | null {
    const { allegiance } = this;
    if (allegiance === null) return null;
    const busy = modePagesOf(this.unit).functionsOnly || this.find((each) => allegiance.recovers(each)) !== null;
    return allegiance.refusalOf(task, !busy);
  }

  /** Takes a task in that ends at once with CHECK CONDITION, whatever it asks for. */
  enterFaulty(task: Task, sense: Sense): void {
    task.unit = this.unit;
    this.append(task);
    this.count(task, classOf(task), 1);
    task.dispatchedAt = task.startedAt;
    task.running = true;
    task.descriptorSense = this.unit.modes.descriptorSense;
    task.check(sense);
  }

  /**
   * A task of a host has left, and is about to be answered CHECK CONDITION: what that does to the others (QERR), and
   * whether an ACA condition begins or ends by it (SAM-6 5.9.2, 5.9.5).
   */
  fault(task: Task): void {
    const naca = hasNaca(task.cdb);
    // First of all: what comes free by aborts must not begin any more.
    if (naca && this.allegiance === null) this.establish(task.nexus);
    const { queueErrors } = modePagesOf(this.unit);
    if (queueErrors !== QueueErrors.resume) {
      const own = queueErrors === QueueErrors.abortOwn;
      const concerned = (other: Task) => !other.delegated && (!own || other.nexus === task.nexus);
      this.tell(this.abort(concerned, task.nexus, () => {}));
    }
    // With NACA, the new condition follows upon the old one: what is blocked stays so.
    if (!naca && this.allegiance?.recovers(task)) this.lift();
  }

  /**
   * CLEAR ACA (SAM-6 7.4): to a command with the ACA attribute it is what ABORT TASK is.
   * @param done runs when that can change nothing any more; perhaps before this returns
   * @returns false: the condition is another nexus', and `done` does not run
   */
  clearAllegiance(nexus: Nexus, done: () => void): boolean {
    const { allegiance } = this;
    if (allegiance === null) {
      done();
      return true;
    }
    if (allegiance.faulted !== nexus) return false;
    this.abort((task) => allegiance.recovers(task), nexus, done);
    this.endAllegiance((faulted) => faulted === nexus);
    return true;
  }

  endAllegiance(concerns: (faulted: Nexus) => boolean): void {
    if (this.allegiance !== null && concerns(this.allegiance.faulted)) this.lift();
  }

  /** Takes an ended task out; `wake` must follow once its response is on its way. */
  leave(task: Task): void {
    if (!task.running) this.waiting--;
    task.running = false;
    this.unlink(task);
    this.count(task, classOf(task), -1);
    if (this.waiting > 0) this.unblock(task);
    if (this.awaited.length > 0) this.settle(task);
  }

  /** Runs what no longer has to wait. */
  wake(): void {
    if (this.waiting === 0) return;
    this.wakeAgain = true;
    if (this.waking) return;
    this.waking = true;
    while (this.wakeAgain) {
      this.wakeAgain = false;
      this.runFree();
    }
    this.waking = false;
  }

  /** Whether the nexus has a task here. */
  holds(nexus: Nexus): boolean {
    return this.find((task) => task.nexus === nexus) !== null;
  }

  /** How many commands of a port's hosts are here. */
  commandsOf(port: TargetPort): number {
    return this.all((task) => task.nexus.port === port && !task.delegated).length;
  }

  find(match: (task: Task) => boolean): Task | null {
    for (let task = this.head; task !== null; task = task.next) if (match(task)) return task;
    return null;
  }

  /**
   * Aborts tasks (SAM-6 5.7). Those of `cause` get no response; others are answered TASK ABORTED if TAS is set.
   * @param cause the nexus whose doing it is; null: all get no response
   * @param done runs when none of them can change anything any more; perhaps before this returns
   * @returns ids of other nexuses that lost tasks without being told by a status
   */
  abort(match: (task: Task) => boolean, cause: Nexus | null, done: () => void): Set<number> {
    const tasks = this.all(match);
    const untold = new Set<number>();
    const answered = cause !== null && tasks.length > 0 && modePagesOf(this.unit).taskAbortedStatus;
    for (const task of tasks) {
      if (task.aborted) continue;
      task.aborted = true;
      task.abortAnswered = answered && task.nexus !== cause;
      if (cause !== null && task.nexus !== cause && !answered && !task.delegated) untold.add(task.nexus.id);
    }
    this.endAborted(tasks, done);
    return untold;
  }

  withdraw(concerns: (task: Task) => boolean): void {
    const tasks = this.all((task) => !task.aborted && concerns(task));
    for (const task of tasks) {
      task.aborted = true;
      task.abortAnswered = true;
    }
    this.endAborted(tasks, () => {});
  }

  /** As `abort`, for all tasks of the logical unit; the other nexuses' unit attention included (SAM-6 7.5). */
  clear(cause: Nexus, done: () => void): void {
    this.tell(this.abort(() => true, cause, done));
  }

  preempt(cause: Task, named: (nexus: Nexus) => boolean, done: () => void): void {
    this.tell(this.abort((task) => task !== cause && named(task.nexus), cause.nexus, done));
  }

  mayPreempt(task: Task, named: (nexus: Nexus) => boolean): Status | null {
    const { allegiance } = this;
    if (allegiance === null || task.nexus === allegiance.faulted || named(allegiance.faulted)) return null;
    return statusForOthers(task);
  }

  submit(unit: LogicalUnit, task: Task): void {
    taskSetOf(unit, this.clock).carry(task);
  }

  private carry(task: Task): void {
    task.startedAt = this.clock.now();
    task.onFinish = this.carried;
    if (this.allegiance === null || this.mayBegin(task)) this.enter(task);
    else this.hold(task);
  }

  private readonly carried = (task: Task): void => {
    this.leave(task);
    if (task.aborted) {
      task.release();
      task.dataInLength = 0;
      task.sense = null;
      task.status = Status.taskAborted;
    }
    task.owner.respond(task);
    this.wake();
  };

  standAside(task: Task): void {
    this.classify(task, classOf(task), -1);
    task.aside = true;
    if (this.waiting === 0) return;
    this.unblock(task);
    this.wake();
  }

  prepareAnew(): void {
    for (let task = this.head; task !== null; task = task.next) {
      if (task.running || task.finished) continue;
      this.classify(task, classOf(task), -1);
      prepare(this.unit, task);
      this.classify(task, classOf(task), 1);
      task.blockedBy = null;
    }
  }

  /** Takes a task in that waits for the end of the ACA condition. */
  private hold(task: Task): void {
    task.unit = this.unit;
    prepare(this.unit, task);
    this.prepend(task);
    this.count(task, classOf(task), 1);
    this.waiting++;
    if (this.allegiance!.overdue) task.fail(Status.busy);
  }

  private establish(faulted: Nexus): void {
    const allegiance = new ContingentAllegiance(faulted);
    this.allegiance = allegiance;
    allegiance.timer = this.clock.setTimeout(() => {
      allegiance.overdue = true;
      const held = this.all((task) => task.delegated && !task.running && !this.mayBegin(task));
      for (const task of held) if (!task.finished) task.fail(Status.busy);
    }, COPY_PATIENCE_MS);
    for (let task = this.head; task !== null; task = task.next) {
      // PREEMPT AND ABORT waits for what it aborts, and must not wait for who is fenced off by it.
      if (!task.running || task.delegated || task.aborted || allegiance.lets(task)) continue;
      allegiance.blocked.set(task, task.onFinish);
      task.onFinish = this.endBlocked;
    }
  }

  /**
   * `onFinish` of blocked tasks: they cannot be stopped, but their ends are not told until the condition has ended
   * (SAM-6 8.5.3). A read gives its data back, cache slots or memory, and is carried out once more then.
   */
  private readonly endBlocked = (task: Task): void => {
    if (task.aborted) {
      this.letEnd(task);
      return;
    }
    if (task.dataInLength === 0 || task.command?.conflict !== 'read' || task.status !== Status.good) {
      if (!task.aside) this.standAside(task);
      task.owner.answerWithheld?.(task);
      return;
    }
    task.restart();
    task.running = false;
    this.waiting++;
    this.unblock(task);
    this.wake();
  };

  /** An aborted task that is blocked, and has ended, leaves. */
  private letEnd(task: Task): void {
    const end = this.allegiance!.blocked.get(task)!;
    this.allegiance!.blocked.delete(task);
    task.onFinish = end;
    end!(task);
  }

  /** The condition ends: what was blocked is answered, or goes on. */
  private lift(): void {
    const { blocked, timer } = this.allegiance!;
    timer?.cancel();
    this.allegiance = null;
    const ended = [...blocked].filter(([task]) => task.finished);
    for (const [task, end] of blocked) task.onFinish = end;
    // An end told here may establish the next condition, which takes over those that are left.
    for (const [task, end] of ended) if (task.running && task.onFinish === end) end!(task);
    this.wake();
  }

  /** During an ACA condition. The copy manager goes on for a command with the ACA attribute. */
  private mayBegin(task: Task): boolean {
    const allegiance = this.allegiance!;
    if (!task.delegated) return allegiance.lets(task);
    return task.nexus.id === allegiance.faulted.id && this.find((each) => allegiance.recovers(each)) !== null;
  }

  private all(match: (task: Task) => boolean): Task[] {
    const tasks: Task[] = [];
    for (let task = this.head; task !== null; task = task.next) if (match(task)) tasks.push(task);
    return tasks;
  }

  /** Ends tasks marked as aborted: at once, unless they are being carried out below; `done` after the last. */
  private endAborted(tasks: readonly Task[], done: () => void): void {
    if (tasks.length === 0) {
      done();
      return;
    }
    this.awaited.push({ tasks: new Set(tasks), done });
    for (const task of tasks) {
      if (task.finished) {
        if (task.onFinish === this.endBlocked) this.letEnd(task);
      } else if (!task.running) task.fail(Status.taskAborted);
      else if (task.onAbort !== null) task.onAbort();
      else if (task.onDataOut !== null) task.dataOutArrived();
    }
  }

  private tell(nexuses: ReadonlySet<number>): void {
    for (const id of nexuses) this.unit.attentions.establish(id, commandsClearedByAnotherInitiator());
  }

  private run(task: Task): void {
    task.running = true;
    execute(this.unit, task);
  }

  /** The next reason for a task to wait; null: none. The newest is found, as it tends to end last. */
  private blockerOf(task: Task): Task | null {
    if (task.attribute >= headOfQueue || task.delegated || this.allegiance !== null) return this.runningConflict(task);
    const own = classOf(task) * CLASSES;
    for (let older = task.previous; older !== null; older = older.previous) {
      const attribute = older.attribute;
      if (older.aside) continue;
      if (task.attribute === ordered || attribute >= ordered) return older;
      const action = actions[own + classOf(older)]!;
      if (action === Action.wait || (action === Action.overlap && overlap(task, older))) return older;
    }
    return null;
  }

  /** A head of queue task, or one of the copy manager, passes all that wait, but not what already runs on its blocks. */
  private runningConflict(task: Task): Task | null {
    const own = classOf(task) * CLASSES;
    for (let other = this.head; other !== null; other = other.next) {
      if (other === task || !other.running || other.aside) continue;
      const action = actions[own + classOf(other)]!;
      if (action === Action.wait || (action === Action.overlap && overlap(task, other))) return other;
    }
    return null;
  }

  /** Marks those that waited for `task`. */
  private unblock(task: Task): void {
    for (let other = this.head; other !== null; other = other.next) {
      if (other.blockedBy === task) other.blockedBy = null;
    }
  }

  private runFree(): void {
    let task = this.head;
    while (task !== null && this.waiting > 0) {
      const next: Task | null = task.next;
      // The end of one aborted task makes way for another, which must not begin.
      const ready = !task.running && task.blockedBy === null && !task.finished && !task.aborted;
      if (ready && (this.allegiance === null || this.mayBegin(task))) {
        const blocker = this.blockerOf(task);
        if (blocker === null) {
          this.waiting--;
          task.dispatchedAt = this.clock.now();
          this.run(task);
          // The run may have ended tasks anywhere in the list.
          this.wakeAgain = true;
          return;
        }
        task.blockedBy = blocker;
      }
      task = next;
    }
  }

  private settle(task: Task): void {
    const settled: Awaited[] = [];
    this.awaited = this.awaited.filter((each) => {
      each.tasks.delete(task);
      if (each.tasks.size > 0) return true;
      settled.push(each);
      return false;
    });
    for (const { done } of settled) done();
  }

  private count(task: Task, own: number, by: number): void {
    this.size += by;
    if (!task.aside) this.classify(task, own, by);
  }

  private classify(task: Task, own: number, by: number): void {
    const left = this.perClass[own]! + by;
    this.perClass[own] = left;
    if (left === 0) this.present &= ~(1 << own);
    else this.present |= 1 << own;
    if (task.attribute === ordered) this.orderedTasks += by;
    else if (task.attribute >= headOfQueue) this.headTasks += by;
  }

  private append(task: Task): void {
    task.previous = this.tail;
    if (this.tail === null) this.head = task;
    else this.tail.next = task;
    this.tail = task;
  }

  private prepend(task: Task): void {
    task.next = this.head;
    if (this.head === null) this.tail = task;
    else this.head.previous = task;
    this.head = task;
  }

  private unlink(task: Task): void {
    if (task.previous === null) this.head = task.next;
    else task.previous.next = task.next;
    if (task.next === null) this.tail = task.previous;
    else task.next.previous = task.previous;
    task.previous = null;
    task.next = null;
    task.blockedBy = null;
  }
}

function classOf(task: Task): number {
  return task.command === null ? 0 : classIndex[task.command.conflict];
}

/** Whether both address a common block; a task without blocks addresses none. */
function overlap(a: Task, b: Task): boolean {
  return a.blocks !== 0 && b.blocks !== 0 && a.lba < b.lba + b.blocks && b.lba < a.lba + a.blocks;
}

/** The task set of a logical unit, made when first asked for. */
export function taskSetOf(unit: LogicalUnit, clock: Clock): TaskSet {
  if (unit.tasks instanceof TaskSet) return unit.tasks;
  const made = new TaskSet(unit, clock);
  unit.tasks = made;
  return made;
}
