import {
  busDeviceResetFunctionOccurred,
  nexusLossOccurred,
  powerOnOrReset,
  type Sense,
} from '../../wire/scsi/sense.js';
import type { Clock } from '../disk/types.js';
import type { LogicalUnit } from '../scsi/logical-unit.js';
import type { LogicalUnits } from '../scsi/logical-units.js';
import { modePagesOf } from '../scsi/mode-state.js';
import type { Nexus } from '../scsi/nexus.js';
import { reservationsOf } from '../scsi/reservations.js';
import { taskSetOf } from './task-set.js';

/** Task management functions (SAM-6 7). */
export type TaskManagementFunction =
  | 'abort-task'
  | 'abort-task-set'
  | 'clear-task-set'
  | 'clear-aca'
  | 'logical-unit-reset'
  | 'target-warm-reset'
  | 'target-cold-reset'
  | 'i-t-nexus-reset'
  | 'query-task'
  | 'query-task-set'
  | 'query-asynchronous-event';

/** `succeeded`: a query found what it asked for; `complete`: it did not (SAM-6 7.8 to 7.10). */
export type TaskManagementOutcome =
  | 'complete'
  | 'succeeded'
  | 'task-not-found'
  | 'lun-not-found'
  | 'not-supported'
  | 'rejected';

/** @param information Additional Response Information of QUERY ASYNCHRONOUS EVENT, 24 bits */
export type Outcome = (outcome: TaskManagementOutcome, information?: number) => void;

export interface TaskManagementRequest {
  readonly nexus: Nexus;
  /** Null: the LUN has no logical unit. */
  readonly unit: LogicalUnit | null;
  readonly tag: number | null;
}

interface Parts {
  readonly units: LogicalUnits;
  readonly clock: Clock;
}

type Carry = (parts: Parts, unit: LogicalUnit, request: TaskManagementRequest, done: Outcome) => void;

/** Functions that address one logical unit. */
const onUnit: Readonly<Partial<Record<TaskManagementFunction, Carry>>> = {
  'abort-task': ({ clock }, unit, { nexus, tag }, done) => {
    const set = taskSetOf(unit, clock);
    const task = set.find((each) => each.nexus === nexus && each.tag === tag);
    if (task === null) done('task-not-found');
    else
      set.abort(
        (each) => each === task,
        nexus,
        () => done('complete'),
      );
  },
  'abort-task-set': ({ clock }, unit, { nexus }, done) => {
    taskSetOf(unit, clock).abort(
      (task) => task.nexus === nexus,
      nexus,
      () => done('complete'),
    );
  },
  'clear-task-set': ({ clock }, unit, { nexus }, done) => {
    taskSetOf(unit, clock).clear(nexus, () => done('complete'));
  },
  'clear-aca': ({ clock }, unit, { nexus }, done) => {
    if (!taskSetOf(unit, clock).clearAllegiance(nexus, () => done('complete'))) done('rejected');
  },
  'logical-unit-reset': (parts, unit, { nexus }, done) => {
    resetUnit(parts, unit, nexus, busDeviceResetFunctionOccurred(), () => done('complete'));
  },
  'query-task': ({ clock }, unit, { nexus, tag }, done) => {
    const task = taskSetOf(unit, clock).find((each) => each.nexus === nexus && each.tag === tag);
    done(task === null ? 'complete' : 'succeeded');
  },
  'query-task-set': ({ clock }, unit, { nexus }, done) => {
    done(taskSetOf(unit, clock).holds(nexus) ? 'succeeded' : 'complete');
  },
  'query-asynchronous-event': (_parts, unit, { nexus }, done) => {
    const pending = unit.attentions.list(nexus.id);
    if (pending.length === 0) done('complete');
    else done('succeeded', attentionInformation(pending));
  },
};

/**
 * Additional Response Information (SAM-6 7.10): UADE DEPTH (01b one condition, 10b more), sense key, ASC and ASCQ of
 * the condition that would be reported next. It stays pending.
 */
function attentionInformation(pending: readonly Sense[]): number {
  const { key, asc } = pending[0]!;
  return ((pending.length === 1 ? 1 : 2) << 20) | (key << 16) | asc;
}

/** Carries a function out; `done` runs when the tasks concerned can change nothing any more. */
export function manageTasks(
  parts: Parts,
  fn: TaskManagementFunction,
  request: TaskManagementRequest,
  done: Outcome,
): void {
  const onAll = onTarget[fn];
  if (onAll) {
    onEveryUnit(parts, request.nexus, onAll, () => done('complete'));
    return;
  }
  const carry = onUnit[fn];
  if (!carry) done('not-supported');
  else if (request.unit === null) done('lun-not-found');
  else carry(parts, request.unit, request, done);
}

/** Logical unit reset condition (SAM-6 6.3.3): all nexuses are told, the one that asked for it included. */
function resetUnit(parts: Parts, unit: LogicalUnit, cause: Nexus, condition: Sense, done: () => void): void {
  const set = taskSetOf(unit, parts.clock);
  set.abort(
    () => true,
    cause,
    () => unit.copies.reset(done),
  );
  set.endAllegiance(() => true);
  reservationsOf(unit).reset();
  modePagesOf(unit).reset();
  unit.errorHistory.reset();
  unit.deferred.reset();
  unit.power.reset();
  unit.medium?.reset();
  unit.tape?.reset();
  for (const nexus of parts.units.nexusesOf(unit)) unit.attentions.establish(nexus.id, condition);
}

/** I_T nexus loss without the loss (SAM-6 7.6): the nexus' own tasks and reservations go. */
function resetNexus(parts: Parts, unit: LogicalUnit, cause: Nexus, done: () => void): void {
  const set = taskSetOf(unit, parts.clock);
  set.abort((task) => task.nexus === cause, null, done);
  set.endAllegiance((faulted) => faulted === cause);
  reservationsOf(unit).nexusLost(cause);
  unit.medium?.nexusLost(cause);
  unit.copies.nexusLost(cause);
  unit.errorHistory.nexusLost(cause);
  unit.deferred.forget(cause);
  unit.attentions.establish(cause.id, nexusLossOccurred());
}

type CarryOnAll = (parts: Parts, unit: LogicalUnit, cause: Nexus, done: () => void) => void;

/** Hard reset condition (SAM-6 6.3.2). */
const resetFromTarget: CarryOnAll = (parts, unit, cause, done) => {
  unit.orwriteGenerations.reset();
  resetUnit(parts, unit, cause, powerOnOrReset(), done);
};

/** Functions that concern every logical unit that the nexus sees (RFC 7143 11.5.1). */
const onTarget: Readonly<Partial<Record<TaskManagementFunction, CarryOnAll>>> = {
  'target-warm-reset': resetFromTarget,
  'target-cold-reset': resetFromTarget,
  'i-t-nexus-reset': resetNexus,
};

function onEveryUnit(parts: Parts, cause: Nexus, carry: CarryOnAll, done: () => void): void {
  // One more than the units, so that it cannot reach zero before all have been asked.
  let left = 1;
  const one = () => {
    left--;
    if (left === 0) done();
  };
  for (const unit of parts.units.unitsOf(cause)) {
    left++;
    carry(parts, unit, cause, one);
  }
  one();
}
