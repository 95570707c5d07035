/** EXTENDED COPY(LID1), EXTENDED COPY(LID4) and COPY OPERATION ABORT (SPC-5 6.3 to 6.5). */
import { describeSense } from '../../../../wire/scsi/additional-sense.js';
import { type CopyList, decodeCopyList, LIST_ID1_HEADER } from '../../../../wire/scsi/extended-copy.js';
import { CopyOut, Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  copyClearedByDeviceServer,
  copyInformationAvailable,
  invalidFieldInCdb,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import type { CopySurroundings } from '../../../copy/copy-context.js';
import { CopyLimits, MAX_LIST_BYTES } from '../../../copy/copy-limits.js';
import type { CopyEnd, CopyOperation } from '../../../copy/copy-operation.js';
import { runCopy } from '../../../copy/run-copy.js';
import { ldevName } from '../../../volumes/model.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Nexus } from '../../nexus.js';
import { Status, type Task } from '../../task.js';
import { parameterList } from '../primary/answer.js';
import { ownUnit, resolveCscd } from './copy-targets.js';

const LIST_LENGTH_AT = 10;

type Operation = CopyOperation<Nexus>;

function surroundingsOf(unit: LogicalUnit, task: Task, immediate: boolean): CopySurroundings {
  const { nexus } = task;
  return {
    resolve: (cscd) => resolveCscd(unit, nexus, cscd),
    own: () => ownUnit(unit, nexus),
    turns: unit.copies.turns,
    soon: (run) => unit.clock.setImmediate(run),
    aborted: () => !immediate && task.aborted,
  };
}

/** Answers a command that waited for its copy. */
function answerEnd(task: Task, operation: Operation, end: CopyEnd): void {
  if (task.aborted) task.fail(Status.taskAborted);
  else if (end === 'stopped') task.check(copyClearedByDeviceServer({ segment: Math.max(0, operation.segments - 1) }));
  else if (end !== null) task.check(end);
  else if (operation.list.senseWithGood) task.goodWith(copyInformationAvailable(operation.segments));
  else task.good();
}

function carryOut(unit: LogicalUnit, task: Task, operation: Operation): void {
  const { immediate } = operation.list;
  const surroundings = surroundingsOf(unit, task, immediate);
  // In the background, errors are told by RECEIVE COPY STATUS only: there are no deferred errors (SPC-5 5.17.4.3).
  if (immediate) task.good();
  else task.onAbort = () => operation.giveUp?.();
  runCopy(operation, surroundings, (end) => {
    operation.end(end, unit.modes.descriptorSense);
    unit.copies.ended(operation);
    if (end !== null && end !== 'stopped') logFailure(unit, task, end);
    if (!immediate) answerEnd(task, operation, end);
  });
}

function logFailure(unit: LogicalUnit, task: Task, sense: Sense): void {
  const { name } = task.command!;
  unit.log.warn(`LDEV ${ldevName(unit.ldev.id)}: ${name} of ${task.nexus.initiatorName}: ${describeSense(sense)}`);
}

function run(unit: LogicalUnit, task: Task, format: CopyList['format'], serviceAction: number): void {
  const bytes = task.cdb.readUInt32BE(LIST_LENGTH_AT);
  if (bytes === 0) {
    task.good();
    return;
  }
  const bytesCame = parameterList(task, bytes);
  const list = bytesCame.length < bytes ? parameterListLengthError() : decodeCopyList(bytesCame, format, CopyLimits);
  if ('key' in list) {
    task.check(list);
    return;
  }
  const operation = unit.copies.begin(task.nexus, list, serviceAction);
  if (operation === 'busy') task.fail(Status.busy);
  else if ('key' in operation) task.check(operation);
  else carryOut(unit, task, operation);
}

function checkLength(_unit: LogicalUnit, task: Task): Sense | null {
  const bytes = task.cdb.readUInt32BE(LIST_LENGTH_AT);
  const fits = bytes === 0 || (bytes >= LIST_ID1_HEADER && bytes <= MAX_LIST_BYTES);
  return fits ? null : parameterListLengthError();
}

function extendedCopy(name: string, serviceAction: number, format: CopyList['format']): Command {
  return defineCommand({
    name,
    opcode: Opcode.thirdPartyCopyOut,
    serviceAction,
    usage: [Opcode.thirdPartyCopyOut, serviceAction, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
    // Its reads and writes are tasks of their own, in the task sets of the logical units concerned.
    conflict: 'inquire',
    reservation: Reservation.write,
    check: checkLength,
    dataOutBytes: (_unit, task) => task.cdb.readUInt32BE(LIST_LENGTH_AT),
    run: (unit, task) => run(unit, task, format, serviceAction),
  });
}

const LIST_ID_AT = 2;

function abort(unit: LogicalUnit, task: Task): void {
  const operation = unit.copies.find(task.nexus, task.cdb.readUInt32BE(LIST_ID_AT));
  if (operation?.running) operation.stop(() => task.good());
  else task.check(invalidFieldInCdb(LIST_ID_AT));
}

export const extendedCopyCommands: readonly Command[] = [
  extendedCopy('EXTENDED COPY(LID1)', CopyOut.extendedCopy1, 'lid1'),
  extendedCopy('EXTENDED COPY(LID4)', CopyOut.extendedCopy4, 'lid4'),
  defineCommand({
    name: 'COPY OPERATION ABORT',
    opcode: Opcode.thirdPartyCopyOut,
    serviceAction: CopyOut.abort,
    usage: [Opcode.thirdPartyCopyOut, CopyOut.abort, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    conflict: 'inquire',
    reservation: Reservation.free,
    run: abort,
  }),
];
