import {
  internalTargetFailure,
  logicalUnitNotReadyCauseNotReportable,
  readErrorMarkedBad,
  type Sense,
  spaceAllocationFailed,
  unrecoveredReadError,
  writeError,
} from '../../wire/scsi/sense.js';
import type { IoFailure } from '../volumes/block-layer.js';
import { ldevName } from '../volumes/model.js';
import type { LogicalUnit } from './logical-unit.js';
import { Status, type Task } from './task.js';

/** The one place where a failure below the handlers becomes what the host sees. The cause is logged first. */
export function completeFailed(unit: LogicalUnit, task: Task, failure: IoFailure): void {
  logCause(unit, task, 'failed', failure);
  if (failure.kind === 'injected' && failure.sense === undefined) {
    task.fail((failure.status ?? Status.busy) as Status);
  } else {
    task.check(senseOf(failure));
  }
}

/** For work that goes on after the command was answered (IMMED): its host is told by a deferred error, if it is still there. */
export function completeDeferred(unit: LogicalUnit, task: Task, failure: IoFailure): void {
  logDeferred(unit, task, failure);
  for (const nexus of unit.nexuses(unit)) if (nexus === task.nexus) unit.deferred.add(nexus, senseOf(failure));
}

/** The same where nothing is lost by it: the log and the error history are all that learn of it (SPC-5 4.4.7 a). */
export function logDeferred(unit: LogicalUnit, task: Task, failure: IoFailure): void {
  logCause(unit, task, 'failed after it was answered', failure);
  unit.errorHistory.note(task, senseOf(failure));
}

function logCause(unit: LogicalUnit, task: Task, what: string, failure: IoFailure): void {
  const name = task.command?.name ?? 'command';
  unit.log.warn(`LDEV ${ldevName(unit.ldev.id)}: ${name} of ${task.nexus.initiatorName} ${what}: ${causeOf(failure)}`);
}

/** Whether a failed read counts in the error counters: blocks that a host marked bad do not (SBC-4 4.18.2). */
export function countsAsError(failure: IoFailure): boolean {
  return failure.kind !== 'medium-error' || failure.markedBad !== true;
}

/** The sense of a failure. */
export function senseOf(failure: IoFailure): Sense {
  switch (failure.kind) {
    case 'medium-error':
      if (failure.write) return writeError(failure.lba);
      return failure.markedBad === true ? readErrorMarkedBad(failure.lba) : unrecoveredReadError(failure.lba);
    case 'hardware-error':
      return internalTargetFailure();
    case 'no-space':
      return spaceAllocationFailed();
    case 'not-ready':
      return logicalUnitNotReadyCauseNotReportable();
    case 'injected':
      return failure.sense ?? internalTargetFailure();
  }
}

/** For the log. */
export function causeOf(failure: IoFailure): string {
  if (failure.kind === 'medium-error') return `medium error at LBA ${failure.lba}`;
  if (failure.kind === 'injected')
    return `injected ${failure.sense?.name ?? `status 0x${failure.status?.toString(16)}`}`;
  return `${failure.kind}: ${failure.cause}`;
}
