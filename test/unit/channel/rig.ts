/** A task set whose commands end when the test says so. One operation code per conflict class. */
import { SimulatedClock } from '../../../target/base/clock.js';
import { silentLog } from '../../../target/base/log.js';
import { TaskSet } from '../../../target/channel/task-set.js';
import { CommandTable, type ConflictClass, defineCommand, Reservation } from '../../../target/scsi/command-table.js';
import { LogicalUnit } from '../../../target/scsi/logical-unit.js';
import { ModePages } from '../../../target/scsi/mode-state.js';
import type { Nexus } from '../../../target/scsi/nexus.js';
import { UnitReservations } from '../../../target/scsi/reservations.js';
import { Status, Task, TaskAttribute, type TaskOwner } from '../../../target/scsi/task.js';
import type { Ldev } from '../../../target/volumes/model.js';
import { NACA } from '../../../wire/scsi/control-byte.js';
import { invalidFieldInCdb } from '../../../wire/scsi/sense.js';

export const classes: readonly ConflictClass[] = ['inquire', 'read', 'write', 'write-any', 'flush', 'configure'];
export const { simple, ordered, headOfQueue } = TaskAttribute;

export interface EnterOptions {
  readonly lba?: number;
  readonly blocks?: number;
  readonly attribute?: TaskAttribute;
  readonly nexus?: Nexus;
  readonly naca?: boolean;
}

const DATA = Buffer.alloc(512);

const owner: TaskOwner = { fetchDataOut() {}, respond() {} };

export class TaskSetRig {
  readonly clock = new SimulatedClock();
  readonly unit: LogicalUnit;
  readonly set: TaskSet;
  /** Tags of tasks that run, in the order in which they began. */
  running: Task[] = [];
  readonly begun: number[] = [];
  readonly ended: number[] = [];
  /** Runs when a task begins. */
  onBegin: (task: Task) => void = () => {};
  /** Runs when the host would be told of its end. */
  onAnswer: (task: Task) => void = () => {};
  /** Reads that have ended and keep their data. */
  pinned = 0;
  private tag = 0;

  constructor() {
    const table = new CommandTable(
      classes.map((conflict, i) =>
        defineCommand({
          name: conflict,
          opcode: 0x20 + i,
          usage: [0x20 + i, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0],
          conflict,
          reservation: Reservation.free,
          locate:
            conflict === 'read' || conflict === 'write'
              ? (_unit, task) => {
                  task.lba = task.cdb.readUInt32BE(2);
                  task.blocks = task.cdb.readUInt16BE(7);
                }
              : null,
          run: (_unit, task) => {
            this.begun.push(task.tag);
            this.running.push(task);
            this.onBegin(task);
          },
        }),
      ),
    );
    const ldev = { id: 0, blockSize: 512, blocks: 1 << 20, readOnly: false } as unknown as Ldev;
    this.unit = new LogicalUnit(
      ldev,
      table,
      new UnitReservations(0, null, silentLog),
      new ModePages(0, null, silentLog),
      silentLog,
    );
    this.set = new TaskSet(this.unit, this.clock);
    this.unit.tasks = this.set;
  }

  setQueueErrors(value: number): void {
    (this.unit.modes as ModePages).queueErrors = value;
  }

  enter(conflict: ConflictClass, options: EnterOptions = {}): Task {
    const task = this.make(conflict, options);
    this.set.enter(task);
    return task;
  }

  /** A task that is not in the set yet. */
  make(conflict: ConflictClass, options: EnterOptions = {}): Task {
    const { lba = 0, blocks = 1, attribute = simple, nexus = nexusOf(1), naca = false } = options;
    const cdb = Buffer.alloc(16);
    cdb[0] = 0x20 + classes.indexOf(conflict);
    cdb.writeUInt32BE(lba, 2);
    cdb.writeUInt16BE(blocks, 7);
    if (naca) cdb[9] = NACA.mask;
    const task = new Task(owner, nexus, Buffer.alloc(8), cdb, ++this.tag, attribute, 0, 0);
    task.onFinish = (ended) => {
      this.ended.push(ended.tag);
      this.onAnswer(ended);
      this.set.leave(ended);
      if (ended.status === Status.checkCondition && !ended.aborted) this.set.fault(ended);
      ended.release();
      this.set.wake();
    };
    return task;
  }

  end(task: Task, faulty = false): void {
    this.running = this.running.filter((each) => each !== task);
    if (task.aborted) task.fail(Status.taskAborted);
    else if (faulty) task.check(invalidFieldInCdb(0));
    else if (task.command?.conflict === 'read') this.endRead(task);
    else task.good();
  }

  private endRead(task: Task): void {
    this.pinned++;
    task.data([DATA], DATA.length, () => {
      this.pinned--;
    });
  }
}

const nexuses = new Map<number, Nexus>();

export function nexusOf(id: number): Nexus {
  let nexus = nexuses.get(id);
  if (!nexus) {
    nexus = { id, initiatorName: `iqn.2000-01.test:${id}` } as unknown as Nexus;
    nexuses.set(id, nexus);
  }
  return nexus;
}
