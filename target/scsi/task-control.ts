import type { LogicalUnit } from './logical-unit.js';
import type { Nexus } from './nexus.js';
import type { Status, Task } from './task.js';

/** What handlers can do to the tasks of their logical unit; the channel's task set implements it. */
export interface TaskControl {
  /**
   * Aborts the tasks of other nexuses that `concerns` names (PREEMPT AND ABORT, SPC-5 5.14.11.5), with TASK
   * ABORTED status or COMMANDS CLEARED BY ANOTHER INITIATOR as TAS says. `done` runs when none of them can
   * change anything any more.
   */
  preempt(cause: Task, concerns: (nexus: Nexus) => boolean, done: () => void): void;

  /** During an ACA condition: the status that PREEMPT AND ABORT gets if it does not name the faulted nexus; else null. */
  mayPreempt(task: Task, named: (nexus: Nexus) => boolean): Status | null;

  /** Ends the ACA condition if it is that of a nexus which `concerns` names. */
  endAllegiance(concerns: (faulted: Nexus) => boolean): void;

  /**
   * Enters a task of the copy manager, `delegated`, into the task set of `unit`, which may be another logical unit.
   * Its owner is told of its end in any case, by `respond`; an aborted one ends with TASK ABORTED.
   */
  submit(unit: LogicalUnit, task: Task): void;

  /** The way from these tasks' hosts to the logical unit is gone: they end with TASK ABORTED status. */
  withdraw(concerns: (task: Task) => boolean): void;

  /**
   * A task that runs waits from here on for something that goes on without it: it keeps nothing waiting any more, as
   * what follows is to be refused meanwhile, not held up. Its `onAbort` is set.
   */
  standAside(task: Task): void;

  /** The commands of the logical unit have changed: those that wait are looked up again. `wake` follows. */
  prepareAnew(): void;
}
