/** Task management (RFC 7143 11.5, 11.6): requests become calls of the channel adapter. */
import {
  compareSerial,
  decodeTaskManagementRequest,
  encodeTaskManagementResponse,
  TaskFunction,
  TaskFunctionResponse,
  type TaskManagementRequest,
} from '../../../wire/iscsi/bhs.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import type { TaskManagementFunction, TaskManagementOutcome } from '../../channel/task-management.js';
import type { IscsiTask } from './iscsi-task.js';
import type { Session } from './session.js';

interface FunctionRow {
  readonly fn: TaskManagementFunction;
  /** Undelivered commands of this session that it takes with it. */
  readonly scope: 'logical-unit' | 'target' | 'none';
}

/** The functions of RFC 7144 are not here: iSCSIProtocolLevel is negotiated to 1. */
const functions: Readonly<Record<number, FunctionRow>> = {
  [TaskFunction.abortTaskSet]: { fn: 'abort-task-set', scope: 'logical-unit' },
  [TaskFunction.clearAca]: { fn: 'clear-aca', scope: 'none' },
  [TaskFunction.clearTaskSet]: { fn: 'clear-task-set', scope: 'logical-unit' },
  [TaskFunction.logicalUnitReset]: { fn: 'logical-unit-reset', scope: 'logical-unit' },
  [TaskFunction.targetWarmReset]: { fn: 'target-warm-reset', scope: 'target' },
  [TaskFunction.targetColdReset]: { fn: 'target-cold-reset', scope: 'target' },
};

const responses: Readonly<Record<TaskManagementOutcome, number>> = {
  complete: TaskFunctionResponse.complete,
  'task-not-found': TaskFunctionResponse.taskDoesNotExist,
  'lun-not-found': TaskFunctionResponse.lunDoesNotExist,
  'not-supported': TaskFunctionResponse.functionNotSupported,
  rejected: TaskFunctionResponse.rejected,
};

export function receiveTaskManagement(session: Session, pdu: Pdu): void {
  const request = decodeTaskManagementRequest(pdu.bhs);
  if (request.fn === TaskFunction.abortTask) {
    abortTask(session, request);
    return;
  }
  if (request.fn === TaskFunction.taskReassign) {
    // Allegiance moves between connections at ErrorRecoveryLevel 2 only (RFC 7143 11.5.1).
    respond(session, request, TaskFunctionResponse.reassignmentNotSupported);
    return;
  }
  const row = functions[request.fn];
  if (row === undefined) {
    respond(session, request, TaskFunctionResponse.functionNotSupported);
    return;
  }
  if (row.scope !== 'none') {
    session.abortHeld((task) => isOlder(task, request) && (row.scope === 'target' || task.lun.equals(request.lun)));
  }
  session.parts.adapter.manage(session.nexus!, row.fn, Buffer.from(request.lun), null, (outcome) => {
    respond(session, request, responses[outcome]);
    if (row.fn === 'target-cold-reset' && outcome === 'complete') session.connection.coldReset();
  });
}

/** RFC 7143 11.5.1, 11.6.1: the task may be delivered, waiting for its turn, or not have come at all. */
function abortTask(session: Session, request: TaskManagementRequest): void {
  const task = session.tasks.get(request.referencedTaskTag);
  if (task === undefined) {
    const unseen = compareSerial(request.refCmdSn, request.cmdSn) < 0 && session.passOver(request.refCmdSn);
    respond(session, request, unseen ? TaskFunctionResponse.complete : TaskFunctionResponse.taskDoesNotExist);
    if (unseen) session.deliverHeld();
    return;
  }
  if (!task.lun.equals(request.lun)) {
    respond(session, request, TaskFunctionResponse.taskDoesNotExist);
    return;
  }
  if (!task.submitted) {
    session.abortHeld((held) => held === task);
    session.dropped(task);
    respond(session, request, TaskFunctionResponse.complete);
    return;
  }
  session.parts.adapter.manage(session.nexus!, 'abort-task', task.lun, task.tag, (outcome) =>
    respond(session, request, responses[outcome]),
  );
}

function isOlder(task: IscsiTask, request: TaskManagementRequest): boolean {
  return compareSerial(task.cmdSn, request.cmdSn) < 0;
}

function respond(session: Session, request: TaskManagementRequest, response: number): void {
  const connection = session.connection;
  if (session.ended) return;
  const { transmit } = connection;
  const at = transmit.begin();
  encodeTaskManagementResponse(transmit.slab, at, {
    response,
    initiatorTaskTag: request.initiatorTaskTag,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
  });
  transmit.header(at, 0);
}
