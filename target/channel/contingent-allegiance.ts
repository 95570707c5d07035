/**
 * Auto contingent allegiance (ACA, SAM-6 5.9): after CHECK CONDITION of a command with NACA the task set stands still, until
 * the I_T nexus concerned has done what it wants to do about it. There is one task set for all nexuses (TST 000b).
 */
import { hasNaca } from '../../wire/scsi/control-byte.js';
import { Opcode, serviceActionOf } from '../../wire/scsi/opcodes.js';
import { PersistentOut } from '../../wire/scsi/persistent-reservations.js';
import type { Nexus } from '../scsi/nexus.js';
import { Status, type Task, TaskAttribute } from '../scsi/task.js';

/**
 * How long commands of the copy manager wait for the end of a condition. Then they get BUSY: they keep turns that copies
 * of the whole array share, and a condition lasts as long as one host likes.
 */
export const COPY_PATIENCE_MS = 10_000;

export class ContingentAllegiance {
  /** Tasks that had begun when it was established, and what their `onFinish` was. */
  readonly blocked = new Map<Task, Task['onFinish']>();
  /** Commands of the copy manager do not wait for its end any more. */
  overdue = false;
  timer: { cancel(): void } | null = null;

  constructor(
    /** The faulted I_T nexus. */
    readonly faulted: Nexus,
  ) {}

  /** Whether a command is one by which the faulted nexus recovers. */
  recovers(task: Task): boolean {
    return task.attribute === TaskAttribute.aca && task.nexus === this.faulted;
  }

  /**
   * The status that a new command is refused with (SAM-6 5.9.3, 5.9.4); null: it enters the task set and runs.
   * @param alone no other command of the faulted nexus with the ACA attribute is there, and it may send one (TMF_ONLY)
   */
  refusalOf(task: Task, alone: boolean): Status | null {
    if (task.nexus === this.faulted) return this.recovers(task) && alone ? null : Status.acaActive;
    if (task.attribute === TaskAttribute.aca) return Status.acaActive;
    return isPreemptAndAbort(task.cdb) ? null : statusForOthers(task);
  }

  /** Whether a task in the set may begin. PREEMPT AND ABORT of other nexuses looks for itself whether it may go on. */
  lets(task: Task): boolean {
    return this.recovers(task) || (task.nexus !== this.faulted && isPreemptAndAbort(task.cdb));
  }
}

/** For a command of a nexus that is not the faulted one. */
export function statusForOthers(task: Task): Status {
  return hasNaca(task.cdb) ? Status.acaActive : Status.busy;
}

function isPreemptAndAbort(cdb: Buffer): boolean {
  return cdb[0] === Opcode.persistentReserveOut && serviceActionOf(cdb) === PersistentOut.preemptAndAbort;
}
