/** Connection recovery (RFC 7143 7.2.3, 7.5, ErrorRecoveryLevel 2): a new connection takes over the tasks of a broken one. */
import { compareSerial, TaskFunction, TaskFunctionResponse } from '../wire/iscsi/bhs.js';
import type { FullFeature } from './full-feature.js';
import type { ScsiTask } from './task.js';

/**
 * Commands that the target has not received are sent again with their CmdSNs; of the others it is asked to go on here.
 * @param tasks of the broken connection
 * @param expCmdSn what the target expects next
 * @param gone the target knows nothing of the task any more
 */
export function takeOver(
  phase: FullFeature,
  tasks: readonly ScsiTask[],
  expCmdSn: number,
  gone: (task: ScsiTask) => void,
): void {
  for (const task of tasks) {
    task.path = phase;
    if (compareSerial(task.cmdSn, expCmdSn) >= 0) phase.resend(task);
    else reassign(phase, task, gone);
  }
}

/** TASK REASSIGN; `task.reassign` sends it once more while it is not answered: it may have been lost. */
function reassign(phase: FullFeature, task: ScsiTask, gone: (task: ScsiTask) => void): void {
  const ask = () => {
    const finish = (error: Error | null, response: Buffer | number) => {
      // With an error this connection broke, too: the next one sees to the task.
      if (error !== null || task.reassign !== ask) return;
      task.reassign = null;
      if (!TAKEN_OVER.has(response)) gone(task);
    };
    phase.manage(TaskFunction.taskReassign, task.lun, task, finish, nextDataSn(task));
  };
  task.reassign = ask;
  ask();
}

/** Asked twice, the target says that the task is allegiant: to this connection. */
const TAKEN_OVER: ReadonlySet<Buffer | number> = new Set([
  TaskFunctionResponse.complete,
  TaskFunctionResponse.taskStillAllegiant,
]);

/** The first DataSN that has not come; of a write, the next R2TSN. */
function nextDataSn(task: ScsiTask): number {
  if (task.dataOutBytes > 0) return task.r2tSn;
  return task.missing?.size ? Math.min(...task.missing) : task.dataSn;
}
