/** TASK REASSIGN (RFC 7143 11.5.1, 11.6, 7.2.3): another connection takes up a task whose connection is gone. */
import { TaskFunctionResponse, type TaskManagementRequest } from '../../../wire/iscsi/bhs.js';
import type { Connection } from './connection.js';
import type { Reply } from './function-faults.js';
import { resendAnswer } from './resend.js';
import type { Session } from './session.js';

/**
 * @param respond sends the response, which goes before whatever the task sends
 */
export function reassign(
  session: Session,
  connection: Connection,
  request: TaskManagementRequest,
  respond: Reply,
): void {
  const { referencedTaskTag, expDataSn, lun } = request;
  if (session.parameters.errorRecoveryLevel < 2) {
    respond(TaskFunctionResponse.reassignmentNotSupported);
    return;
  }
  const task = session.tasks.get(referencedTaskTag);
  if (task !== undefined) {
    if (!task.lun.equals(lun)) respond(TaskFunctionResponse.taskDoesNotExist);
    else if (!task.stranded) respond(TaskFunctionResponse.taskStillAllegiant);
    else {
      respond(TaskFunctionResponse.complete);
      session.adopt(task, connection);
    }
    return;
  }
  // Its answer was sent, and has perhaps not arrived.
  const sent = session.stranded?.take(referencedTaskTag);
  if (sent === undefined || (sent.data?.gone && expDataSn < sent.data.pdus)) {
    respond(TaskFunctionResponse.taskDoesNotExist);
    return;
  }
  respond(TaskFunctionResponse.complete);
  resendAnswer(connection, sent, expDataSn);
}
