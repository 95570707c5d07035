import { decodeLun } from '../../wire/scsi/lun.js';
import { Opcode } from '../../wire/scsi/opcodes.js';
import { invalidMessageError, reportedLunsDataHasChanged } from '../../wire/scsi/sense.js';
import type { Log } from '../base/log.js';
import { Waits } from '../base/waits.js';
import type { Clock } from '../disk/types.js';
import { dispatchWithoutUnit } from '../scsi/dispatch.js';
import type { LogicalUnits } from '../scsi/logical-units.js';
import type { Nexus } from '../scsi/nexus.js';
import { reservationsOf } from '../scsi/reservations.js';
import { Status, type Task, TaskAttribute } from '../scsi/task.js';
import type { TargetPort } from '../volumes/model.js';
import { KnownPorts } from './known-ports.js';
import { type ChannelAdapterStats, statusCounts } from './statistics.js';
import { manageTasks, type Outcome, type TaskManagementFunction } from './task-management.js';
import { TaskSet, taskSetOf } from './task-set.js';

export interface ChannelAdapterLimits {
  /** Commands in the adapter at a time. */
  readonly port: number;
  /** Commands in one logical unit's task set, of all ports together. */
  readonly unit: number;
}

export const defaultLimits: ChannelAdapterLimits = { port: 512, unit: 256 };

/**
 * Beyond the limits so many PERSISTENT RESERVE OUT are taken: a host that hangs with a full queue is fenced off by
 * them, and its queue must not stand in the way of that.
 */
const FENCING_COMMANDS = 16;

export interface TaskObserver {
  /** A command has ended and is about to be answered, or dropped. `task.waits` is set; `now` is `Clock.now()`. */
  ended(task: Task, now: number): void;
}

export interface ChannelAdapterParts {
  readonly units: LogicalUnits;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: ChannelAdapterLimits;
}

/**
 * Channel adapter (CHA) of one port: takes tasks from the port, finds their logical units, keeps the queue
 * within its limits, and gives responses back to the port. Nothing here waits: a task that may run does so
 * before `submit` returns.
 */
export class ChannelAdapter {
  private readonly units: LogicalUnits;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly limits: ChannelAdapterLimits;
  private readonly known = new KnownPorts();
  private readonly nexuses = new Set<Nexus>();
  private readonly statuses = new Float64Array(256);
  private depth = 0;
  private maxDepth = 0;
  private arrivals = 0;
  private completed = 0;
  private aborted = 0;
  private waitNs = 0;
  private serviceNs = 0;
  private bytesIn = 0;
  private bytesOut = 0;
  private taskManagement = 0;
  /** Told of every command that arrives while it is set; null: nobody traces. */
  observer: TaskObserver | null = null;

  constructor(
    readonly port: TargetPort,
    parts: ChannelAdapterParts,
  ) {
    this.units = parts.units;
    this.clock = parts.clock;
    this.log = parts.log;
    this.limits = parts.limits ?? defaultLimits;
  }

  /** An initiator port has logged in: its session begins with a unit attention on each logical unit. */
  attach(nexus: Nexus): void {
    this.nexuses.add(nexus);
    this.units.attach(nexus);
    const condition = this.known.greet(nexus);
    for (const unit of this.units.unitsOf(nexus)) unit.attentions.establish(nexus.id, condition);
  }

  /** I_T nexus loss (SAM-6 6.3.4): its tasks end without a response, what it held by RESERVE is free. */
  detach(nexus: Nexus): void {
    if (!this.nexuses.delete(nexus)) return;
    for (const unit of this.units.units()) {
      reservationsOf(unit).nexusLost(nexus);
      unit.medium?.nexusLost(nexus);
      if (unit.tasks instanceof TaskSet)
        unit.tasks.abort(
          (task) => task.nexus === nexus,
          null,
          () => {},
        );
      unit.tasks?.endAllegiance((faulted) => faulted === nexus);
    }
    this.units.detach(nexus);
  }

  /** Takes a task; it may be completed when this returns. */
  submit(task: Task): void {
    task.startedAt = this.clock.now();
    task.onFinish = this.finished;
    if (this.observer !== null) task.waits = new Waits(this.clock);
    this.arrivals++;
    this.depth++;
    if (this.depth > this.maxDepth) this.maxDepth = this.depth;

    const lun = decodeLun(task.lun);
    const unit = lun === null ? null : this.units.find(task.nexus, lun);
    if (unit === null) {
      dispatchWithoutUnit(this.units.commands, task);
      return;
    }
    const set = taskSetOf(unit, this.clock);
    const standing = set.allegiance !== null;
    const refusal = standing ? set.refusalOf(task) : null;
    if (refusal !== null) {
      task.fail(refusal);
      return;
    }
    const excess = Math.max(this.excess, set.size + 1 - this.limits.unit);
    if (excess > 0 && !hasRoom(task, excess, standing)) {
      // BUSY for a nexus that has no task whose end it could wait for (SAM-6 5.3.1).
      task.fail(set.holds(task.nexus) ? Status.taskSetFull : Status.busy);
      return;
    }
    if (task.attribute === TaskAttribute.aca && !standing) set.enterFaulty(task, invalidMessageError());
    else set.enter(task);
  }

  /**
   * Carries out a task management function.
   * @param tag of the task, for `abort-task`
   * @param done runs once, perhaps before this returns
   */
  manage(nexus: Nexus, fn: TaskManagementFunction, lun: Buffer, tag: number | null, done: Outcome): void {
    this.taskManagement++;
    if (affectsOthers.has(fn)) this.log.info(`${this.port.name}: ${fn} by ${nexus.initiatorName}`);
    const number = decodeLun(lun);
    const unit = number === null ? null : this.units.find(nexus, number);
    manageTasks({ units: this.units, clock: this.clock }, fn, { nexus, unit, tag }, done);
  }

  stats(): ChannelAdapterStats {
    return {
      depth: this.depth,
      maxDepth: this.maxDepth,
      arrivals: this.arrivals,
      completed: this.completed,
      aborted: this.aborted,
      byStatus: statusCounts(this.statuses),
      waitNs: this.waitNs,
      serviceNs: this.serviceNs,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      taskManagement: this.taskManagement,
      nexuses: this.nexuses.size,
    };
  }

  /**
   * Commands beyond the port's limit. Those in task sets with an ACA condition do not count: they may stay for as long as
   * one host likes, and others have no part in it. Their own limit, and the hosts' windows, are on them.
   */
  private get excess(): number {
    let excess = this.depth - this.limits.port;
    if (excess <= 0) return excess;
    for (const { tasks } of this.units.units()) {
      if (tasks instanceof TaskSet && tasks.allegiance !== null) excess -= tasks.commandsOf(this.port);
    }
    return excess;
  }

  /** `onFinish` of all tasks; one function for all, so that a task costs no closure. */
  private readonly finished = (task: Task): void => {
    const set = task.unit === null ? null : (task.unit.tasks as TaskSet);
    this.depth--;
    const ran = task.running;
    // First of all: a task that stayed in the set would stand in everybody's way.
    if (set !== null) {
      set.leave(task);
      if (task.status === Status.checkCondition && !task.aborted) {
        task.unit!.errorHistory.note(task);
        set.fault(task);
      }
    }
    if (ran) {
      this.waitNs += task.dispatchedAt - task.startedAt;
      const serviceNs = this.clock.now() - task.dispatchedAt;
      this.serviceNs += serviceNs;
      if (task.dataInLength > 0) noteRead(task, serviceNs);
      else if (task.dataOutLength > 0) noteWrite(task, serviceNs);
    }
    if (task.waits !== null) this.observer?.ended(task, this.clock.now());
    if (task.aborted) this.endAborted(task);
    else this.respond(task);
    if (set !== null) set.wake();
  };

  private respond(task: Task): void {
    this.completed++;
    this.statuses[task.status]!++;
    this.bytesIn += task.dataInLength;
    this.bytesOut += task.dataOutLength;
    if (task.command !== null && task.command.opcode === Opcode.reportLuns && task.status === Status.good) {
      this.lunsReported(task.nexus);
    }
    task.owner.respond(task);
  }

  private endAborted(task: Task): void {
    task.release();
    task.dataInLength = 0;
    task.sense = null;
    if (task.abortAnswered) {
      task.status = Status.taskAborted;
      this.completed++;
      this.statuses[Status.taskAborted]!++;
      task.owner.respond(task);
    } else {
      this.aborted++;
      task.owner.dropped?.(task);
    }
  }

  /** REPORT LUNS to any logical unit clears REPORTED LUNS DATA HAS CHANGED on all of them (SPC-5 6.36). */
  private lunsReported(nexus: Nexus): void {
    const { asc } = reportedLunsDataHasChanged();
    for (const unit of this.units.unitsOf(nexus)) unit.attentions.clear(nexus.id, asc);
  }
}

/**
 * Whether a command is taken although the queue is full. During an ACA condition the one with the ACA attribute is:
 * without it nobody could end what keeps the queue full.
 */
function hasRoom(task: Task, excess: number, standing: boolean): boolean {
  return task.cdb[0] === Opcode.persistentReserveOut ? excess <= FENCING_COMMANDS : standing;
}

/** Functions that end other hosts' tasks, which their administrators may wonder about. */
const affectsOthers: ReadonlySet<TaskManagementFunction> = new Set([
  'clear-task-set',
  'logical-unit-reset',
  'target-warm-reset',
  'target-cold-reset',
]);

function noteRead({ unit, command }: Task, ns: number): void {
  if (command?.conflict === 'read') unit!.counters.readNs += ns;
}

function noteWrite({ unit, command }: Task, ns: number): void {
  if (command?.writes) unit!.counters.writeNs += ns;
}
