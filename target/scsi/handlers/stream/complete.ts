/** How commands of a tape end. */
import { unrecoveredRead, writeErrorOnTape } from '../../../../wire/scsi/sense.js';
import type { Problem } from '../../../tape/object-reader.js';
import { completeFailed } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';

/** Completes with GOOD, or as the problem says. */
export function complete(unit: LogicalUnit, task: Task, problem: Problem | null): void {
  if (problem !== null) unit.tape!.alerts.note(problem);
  if (task.aborted) task.fail(Status.taskAborted);
  else if (problem === null) task.good();
  else if ('key' in problem) task.check(problem);
  else if (problem.kind === 'medium-error') task.check(problem.write ? writeErrorOnTape() : unrecoveredRead());
  else completeFailed(unit, task, problem);
}
