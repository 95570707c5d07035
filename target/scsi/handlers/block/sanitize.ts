/**
 * SANITIZE (SBC-4 5.30). There is no cipher whose key could be thrown away: CRYPTOGRAPHIC ERASE erases as BLOCK ERASE
 * does, which only logical block provisioning makes visible (all blocks are unmapped) and is for thin LDEVs alone.
 */

import { Opcode, SanitizeAction } from '../../../../wire/scsi/opcodes.js';
import { decodeOverwriteList, OVERWRITE_HEADER } from '../../../../wire/scsi/sanitize.js';
import {
  internalTargetFailure,
  invalidFieldInCdb,
  type Sense,
  sanitizeCommandFailed,
} from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { SanitizeOrder } from '../../sanitize.js';
import { Status, type Task } from '../../task.js';
import { dataOut } from './io.js';

const IMMED = 0x80;
const AUSE = 0x20;
const AUSE_BIT = 5;
const LENGTH_BYTE = 7;
const ACTION_BIT = 4;

const listBytes = (task: Task) => task.cdb.readUInt16BE(LENGTH_BYTE);
const unrestricted = (task: Task) => (task.cdb[1]! & AUSE) !== 0;

/** After a failure in restricted completion mode, only an operation in that mode leads out of it (SBC-4 4.11.3). */
function checkMode(unit: LogicalUnit, task: Task): Sense | null {
  return unit.sanitize.restricted && unrestricted(task) ? invalidFieldInCdb(1, AUSE_BIT) : null;
}

function checkErase(unit: LogicalUnit, task: Task): Sense | null {
  return listBytes(task) === 0 ? checkMode(unit, task) : invalidFieldInCdb(LENGTH_BYTE);
}

function checkOverwrite(unit: LogicalUnit, task: Task): Sense | null {
  const bytes = listBytes(task);
  const fits = bytes > OVERWRITE_HEADER && bytes <= OVERWRITE_HEADER + unit.blockSize;
  return fits ? checkMode(unit, task) : invalidFieldInCdb(LENGTH_BYTE);
}

function overwrite(unit: LogicalUnit, task: Task): void {
  const list = decodeOverwriteList(
    Buffer.concat(dataOut(task, Math.min(task.dataOutLength, listBytes(task)))),
    unit.blockSize,
  );
  if ('key' in list) task.check(list);
  else
    begin(unit, task, {
      unrestricted: unrestricted(task),
      passes: list.count,
      invert: list.invert,
      pattern: list.pattern,
    });
}

function erase(unit: LogicalUnit, task: Task): void {
  begin(unit, task, { unrestricted: unrestricted(task), passes: 1, invert: false, pattern: null });
}

/** Without IMMED the task waits for the end; the operation does not wait for the task: no abort or reset ends it. */
function begin(unit: LogicalUnit, task: Task, order: SanitizeOrder): void {
  const immediate = (task.cdb[1]! & IMMED) !== 0;
  const started = unit.sanitize.start(order, (failed) => {
    if (immediate || task.finished) return;
    if (failed) task.check(sanitizeCommandFailed());
    else task.good();
  });
  if (!started) {
    task.check(internalTargetFailure());
  } else if (immediate) {
    task.good();
  } else if (!task.finished) {
    task.onAbort = () => task.fail(Status.taskAborted);
    unit.tasks?.standAside(task);
  }
}

function exitFailureMode(unit: LogicalUnit, task: Task): void {
  if (unit.sanitize.exitFailureMode()) task.good();
  else task.check(internalTargetFailure());
}

function row(action: SanitizeAction, name: string, spec: Pick<Command, 'check' | 'run'> & Partial<Command>): Command {
  return defineCommand({
    name: `SANITIZE: ${name}`,
    opcode: Opcode.sanitize,
    serviceAction: action,
    // ZNR is for zoned block devices.
    usage: [Opcode.sanitize, IMMED | AUSE | action, 0, 0, 0, 0, 0, 0xff, 0xff, 0],
    conflict: 'configure',
    reservation: Reservation.write,
    runsWhenStopped: false,
    whileSanitizing: 'failed',
    writes: true,
    ...spec,
  });
}

export const blockEraseCommand: Command = row(SanitizeAction.blockErase, 'BLOCK ERASE', {
  check: checkErase,
  run: erase,
});

export const sanitizeCommands: readonly Command[] = [
  row(SanitizeAction.overwrite, 'OVERWRITE', {
    check: checkOverwrite,
    dataOutBytes: (_unit, task) => listBytes(task),
    run: overwrite,
  }),
  blockEraseCommand,
  row(SanitizeAction.cryptographicErase, 'CRYPTOGRAPHIC ERASE', { check: checkErase, run: erase }),
  row(SanitizeAction.exitFailureMode, 'EXIT FAILURE MODE', {
    writes: false,
    check: (unit, task) => {
      if (listBytes(task) !== 0) return invalidFieldInCdb(LENGTH_BYTE);
      return unit.sanitize.restricted ? invalidFieldInCdb(1, ACTION_BIT) : null;
    },
    run: exitFailureMode,
  }),
];
