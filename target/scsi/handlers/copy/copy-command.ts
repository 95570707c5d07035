/** What EXTENDED COPY and the token commands have in common: parameter list, progress, end. */
import { describeSense } from '../../../../wire/scsi/additional-sense.js';
import {
  copyClearedByDeviceServer,
  copyInformationAvailable,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import type { CopyEnd, CopyOperation } from '../../../copy/copy-operation.js';
import type { CopyMeans } from '../../../copy/copy-steps.js';
import { ldevName } from '../../../volumes/model.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import { Status, type Task } from '../../task.js';

export type Operation = CopyOperation<Nexus>;

const LIST_LENGTH_AT = 10;

/** PARAMETER LIST LENGTH, in bytes. */
export const listBytes = ({ cdb }: Task): number => cdb.readUInt32BE(LIST_LENGTH_AT);

/** A list of no bytes is none; another has its header at least. */
export function checkListLength(task: Task, header: number, most: number): Sense | null {
  const bytes = listBytes(task);
  return bytes === 0 || (bytes >= header && bytes <= most) ? null : parameterListLengthError();
}

/** An operation that has been taken up goes on, in the background if it is immediate. */
export function proceed(unit: LogicalUnit, task: Task, operation: Operation): CopyMeans {
  const { immediate } = operation.list;
  // In the background, errors are told by RECEIVE COPY STATUS only: there are no deferred errors (SPC-5 5.17.4.3).
  if (immediate) task.good();
  else task.onAbort = () => operation.giveUp?.();
  return {
    turns: unit.copies.turns,
    soon: (run) => unit.clock.setImmediate(run),
    aborted: () => !immediate && task.aborted,
  };
}

/** It has ended: that is kept, logged if it failed, and told if the command waits for it. */
export function end(unit: LogicalUnit, task: Task, operation: Operation, how: CopyEnd): void {
  operation.end(how, unit.modes.descriptorSense);
  unit.copies.ended(operation);
  if (how !== null && how !== 'stopped') {
    const { name } = task.command!;
    unit.log.warn(`LDEV ${ldevName(unit.ldev.id)}: ${name} of ${task.nexus.initiatorName}: ${describeSense(how)}`);
  }
  if (!operation.list.immediate) answer(task, operation, how);
}

function answer(task: Task, { list, segments }: Operation, how: CopyEnd): void {
  if (task.aborted) task.fail(Status.taskAborted);
  else if (how === 'stopped') task.check(copyClearedByDeviceServer(segments > 0 ? { segment: segments - 1 } : {}));
  else if (how !== null) task.check(how);
  else if (list.senseWithGood) task.goodWith(copyInformationAvailable(segments));
  else task.good();
}
