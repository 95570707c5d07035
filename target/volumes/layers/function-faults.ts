/** Task management functions that fault rules cover, and how rules answer them in the array's place. */
import { TaskFunction, TaskFunctionResponse } from '../../../wire/iscsi/bhs.js';

/** By name; codes of RFC 7143 11.5.1 and RFC 7144 4.1. Null: each of them. */
export const faultFunctions: ReadonlyMap<string, number | null> = new Map([
  ['abort-task', TaskFunction.abortTask],
  ['abort-task-set', TaskFunction.abortTaskSet],
  ['clear-task-set', TaskFunction.clearTaskSet],
  ['clear-aca', TaskFunction.clearAca],
  ['logical-unit-reset', TaskFunction.logicalUnitReset],
  ['target-warm-reset', TaskFunction.targetWarmReset],
  ['target-cold-reset', TaskFunction.targetColdReset],
  ['i-t-nexus-reset', TaskFunction.itNexusReset],
  ['task-reassign', TaskFunction.taskReassign],
  ['query-task', TaskFunction.queryTask],
  ['query-task-set', TaskFunction.queryTaskSet],
  ['query-asynchronous-event', TaskFunction.queryAsynchronousEvent],
  ['any', null],
]);

export interface FaultResponse {
  /** RFC 7143 11.6.1; null: the function is not answered at all. */
  readonly code: number | null;
  /** For help texts. */
  readonly meaning: string;
}

const response = (name: string, code: number, meaning: string): [string, FaultResponse] => [
  name,
  { code, meaning: `response ${code}: ${meaning}` },
];

/** With any of them the function is not carried out. */
export const faultResponses: ReadonlyMap<string, FaultResponse> = new Map([
  response('complete', TaskFunctionResponse.complete, 'function complete, which is not true'),
  response('task-does-not-exist', TaskFunctionResponse.taskDoesNotExist, 'task does not exist'),
  response('lun-does-not-exist', TaskFunctionResponse.lunDoesNotExist, 'LUN does not exist'),
  response('task-still-allegiant', TaskFunctionResponse.taskStillAllegiant, 'task still allegiant'),
  response(
    'reassignment-not-supported',
    TaskFunctionResponse.reassignmentNotSupported,
    'task allegiance reassignment not supported',
  ),
  response('not-supported', TaskFunctionResponse.functionNotSupported, 'task management function not supported'),
  response('authorization-failed', TaskFunctionResponse.authorizationFailed, 'function authorization failed'),
  response('succeeded', TaskFunctionResponse.succeeded, 'function succeeded (of queries), which is not true'),
  response('rejected', TaskFunctionResponse.rejected, 'function rejected'),
  ['none', { code: null, meaning: 'the request is lost: nothing is done, and nothing answered' }],
]);

/** What of a function rules look at. */
export interface FunctionFacts {
  readonly code: number;
  /** Of the LUN that it names; null: none there, or it is about the whole target. */
  readonly ldev: number | null;
  readonly initiator: string;
  readonly port: string;
}
