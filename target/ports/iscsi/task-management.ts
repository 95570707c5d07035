/** Task management (RFC 7143 11.5, 11.6): requests become calls of the channel adapter. */
import {
  compareSerial,
  decodeTaskManagementRequest,
  encodeTaskManagementResponse,
  RejectReason,
  TaskFunction,
  TaskFunctionResponse,
  type TaskManagementRequest,
} from '../../../wire/iscsi/bhs.js';
import type { Pdu } from '../../../wire/iscsi/pdu-parser.js';
import type { TaskManagementFunction, TaskManagementOutcome } from '../../channel/task-management.js';
import type { Connection } from './connection.js';
import { meet, type Reply, verdictOn } from './function-faults.js';
import type { IscsiTask } from './iscsi-task.js';
import { sendPing } from './nop.js';
import { reassign } from './reassign.js';
import { sendReject } from './reject.js';
import type { Session } from './session.js';

interface FunctionRow {
  readonly fn: TaskManagementFunction;
  /** Tasks of this session, waiting in it, that it takes with it. */
  readonly scope: 'logical-unit' | 'target' | 'none';
  /** iSCSIProtocolLevel that must have been negotiated. */
  readonly level: number;
  /** Its response comes after all that was sent before, on whatever connection (RFC 7143 4.2.2.3.3). */
  readonly fenced: boolean;
}

const functions: Readonly<Record<number, FunctionRow>> = {
  [TaskFunction.abortTask]: { fn: 'abort-task', scope: 'none', level: 0, fenced: false },
  [TaskFunction.abortTaskSet]: { fn: 'abort-task-set', scope: 'logical-unit', level: 0, fenced: true },
  [TaskFunction.clearAca]: { fn: 'clear-aca', scope: 'none', level: 0, fenced: true },
  [TaskFunction.clearTaskSet]: { fn: 'clear-task-set', scope: 'logical-unit', level: 0, fenced: true },
  [TaskFunction.logicalUnitReset]: { fn: 'logical-unit-reset', scope: 'logical-unit', level: 0, fenced: true },
  [TaskFunction.targetWarmReset]: { fn: 'target-warm-reset', scope: 'target', level: 0, fenced: true },
  [TaskFunction.targetColdReset]: { fn: 'target-cold-reset', scope: 'target', level: 0, fenced: true },
  [TaskFunction.queryTask]: { fn: 'query-task', scope: 'none', level: 2, fenced: false },
  [TaskFunction.queryTaskSet]: { fn: 'query-task-set', scope: 'none', level: 2, fenced: false },
  [TaskFunction.itNexusReset]: { fn: 'i-t-nexus-reset', scope: 'target', level: 2, fenced: true },
  [TaskFunction.queryAsynchronousEvent]: { fn: 'query-asynchronous-event', scope: 'none', level: 2, fenced: false },
};

const responses: Readonly<Record<TaskManagementOutcome, number>> = {
  complete: TaskFunctionResponse.complete,
  succeeded: TaskFunctionResponse.succeeded,
  'task-not-found': TaskFunctionResponse.taskDoesNotExist,
  'lun-not-found': TaskFunctionResponse.lunDoesNotExist,
  'not-supported': TaskFunctionResponse.functionNotSupported,
  rejected: TaskFunctionResponse.rejected,
};

export function receiveTaskManagement(session: Session, connection: Connection, pdu: Pdu): void {
  const request = decodeTaskManagementRequest(pdu.bhs);
  const reply: Reply = (response, information = 0) => respond(session, connection, request, response, information);
  const outstanding = session.managing + session.later.size;
  if (outstanding >= session.limits.immediateCommands) {
    const why = `${outstanding} task management requests outstanding`;
    if (request.immediate) sendReject(connection, RejectReason.tooManyImmediateCommands, pdu.bhs, why);
    else reply(TaskFunctionResponse.rejected);
    return;
  }
  const verdict = verdictOn(session, request, functions[request.fn]?.scope === 'target');
  if (verdict === null) begin(session, connection, request, reply);
  else {
    const kept = keptOf(request);
    meet(verdict, session, connection, reply, (faulty) => begin(session, connection, kept, faulty));
  }
}

/** What was received is used again. */
function keptOf(request: TaskManagementRequest): TaskManagementRequest {
  return { ...request, lun: Buffer.from(request.lun) };
}

function begin(session: Session, connection: Connection, request: TaskManagementRequest, reply: Reply): void {
  if (request.fn === TaskFunction.taskReassign) {
    reassign(session, connection, request, reply);
    return;
  }
  const row = functions[request.fn];
  if (row === undefined || row.level > connection.parameters.protocolLevel) {
    reply(TaskFunctionResponse.functionNotSupported);
    return;
  }
  if (row.fn === 'abort-task') {
    abortTask(session, connection, request, reply);
    return;
  }
  if (isKnownHere(session, request)) {
    reply(TaskFunctionResponse.succeeded);
    return;
  }
  const overtakes = compareSerial(request.cmdSn, session.window.expCmdSn) > 0;
  if (row.scope !== 'none' && overtakes && session.connections.size > 1) {
    const kept = keptOf(request);
    session.later.add(request.cmdSn, connection, () => manageTasks(session, connection, kept, row, reply));
    return;
  }
  manageTasks(session, connection, request, row, reply);
}

function manageTasks(
  session: Session,
  connection: Connection,
  request: TaskManagementRequest,
  row: FunctionRow,
  reply: Reply,
): void {
  if (row.scope !== 'none') {
    session.abortWaiting((task) => isOlder(task, request) && (row.scope === 'target' || task.lun.equals(request.lun)));
  }
  carryOut(session, connection, request, row, reply);
}

/** Has the channel adapter carry a function out. */
function carryOut(
  session: Session,
  connection: Connection,
  request: TaskManagementRequest,
  { fn, fenced }: FunctionRow,
  reply: Reply,
): void {
  const tag = fn === 'abort-task' || fn === 'query-task' ? request.referencedTaskTag : null;
  // The request's own LUN lies in a chunk of input that should not be kept.
  const lun = Buffer.from(request.lun);
  session.managing++;
  session.parts.adapter.manage(session.nexus!, fn, lun, tag, (outcome, information) => {
    const others = fenced ? [...session.connections].filter((each) => each !== connection) : [];
    const ask = (other: Connection) => sendPing(other, session.takeTransferTag());
    session.fences.add(others, ask, () => {
      session.managing--;
      reply(responses[outcome], information);
      if (fn === 'target-cold-reset' && outcome === 'complete')
        connection.port.endSessions(session.group!, 'target cold reset');
    });
  });
}

/** Queries (SAM-6 7.8, 7.9) find tasks that wait in the session as well as those that the logical unit has. */
function isKnownHere(session: Session, request: TaskManagementRequest): boolean {
  if (request.fn === TaskFunction.queryTask) {
    return session.tasks.get(request.referencedTaskTag)?.lun.equals(request.lun) === true;
  }
  if (request.fn !== TaskFunction.queryTaskSet) return false;
  for (const task of session.tasks.values()) if (task.lun.equals(request.lun)) return true;
  return false;
}

/** RFC 7143 11.5.1, 11.6.1: the task may be delivered, waiting for its turn, or not have come at all. */
function abortTask(session: Session, connection: Connection, request: TaskManagementRequest, reply: Reply): void {
  const task = session.tasks.get(request.referencedTaskTag);
  if (task === undefined) {
    const unseen = compareSerial(request.refCmdSn, request.cmdSn) < 0 && session.passOver(request.refCmdSn);
    if (unseen) session.expectLateData(request.referencedTaskTag);
    reply(unseen ? TaskFunctionResponse.complete : TaskFunctionResponse.taskDoesNotExist);
    if (unseen) session.deliverHeld();
    return;
  }
  if (!task.lun.equals(request.lun)) {
    reply(TaskFunctionResponse.taskDoesNotExist);
    return;
  }
  session.abortWaiting((each) => each === task);
  if (session.tasks.get(request.referencedTaskTag) === task)
    carryOut(session, connection, request, functions[TaskFunction.abortTask]!, reply);
  else reply(TaskFunctionResponse.complete);
}

function isOlder(task: IscsiTask, request: TaskManagementRequest): boolean {
  return compareSerial(task.cmdSn, request.cmdSn) < 0;
}

/** The answer goes to the connection that asked, if it is still there. */
function respond(
  session: Session,
  connection: Connection,
  request: TaskManagementRequest,
  response: number,
  information: number,
): void {
  if (!session.connections.has(connection)) return;
  const { transmit } = connection;
  const at = transmit.begin();
  encodeTaskManagementResponse(transmit.slab, at, {
    response,
    information,
    initiatorTaskTag: request.initiatorTaskTag,
    statSn: connection.takeStatSn(),
    expCmdSn: connection.expCmdSn,
    maxCmdSn: connection.maxCmdSn,
  });
  connection.sendStatus(at);
}
