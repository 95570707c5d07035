/** TEST UNIT READY and REQUEST SENSE (SPC-5 6.53, 6.43). */
import { decodeWellKnownLun, REPORT_LUNS_WELL_KNOWN } from '../../../../wire/scsi/lun.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { logicalUnitNotSupported, noSense, type Sense } from '../../../../wire/scsi/sense.js';
import { encodeSense } from '../../../../wire/scsi/sense-codec.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer } from './answer.js';

const DESC = 0x01;

function isWellKnown(task: Task): boolean {
  return decodeWellKnownLun(task.lun) === REPORT_LUNS_WELL_KNOWN;
}

function answerSense(task: Task, sense: Sense): void {
  answer(task, encodeSense(sense, (task.cdb[1]! & DESC) !== 0), task.cdb[4]!);
}

/**
 * Sense data of a pending unit attention or deferred error is given here with GOOD status, and cleared; that of an
 * informational exception stays (SPC-5 7.5.13, MRIE 6h).
 */
function requestSense(unit: LogicalUnit, task: Task): void {
  const state = unit.notReady ?? unit.power.sense ?? unit.exceptions.onRequest;
  const told = unit.attentions.take(task.nexus.id) ?? unit.deferred.take(task.nexus);
  answerSense(task, told ?? state ?? noSense());
}

export const unitStatusCommands: readonly Command[] = [
  defineCommand({
    name: 'TEST UNIT READY',
    opcode: Opcode.testUnitReady,
    usage: [Opcode.testUnitReady, 0, 0, 0, 0, 0],
    conflict: 'inquire',
    reservation: Reservation.status,
    runsWhenStopped: false,
    run: (_unit, task) => task.good(),
    withoutUnit: (task) => {
      if (isWellKnown(task)) task.good();
      else task.check(logicalUnitNotSupported());
    },
  }),
  defineCommand({
    name: 'REQUEST SENSE',
    opcode: Opcode.requestSense,
    usage: [Opcode.requestSense, DESC, 0, 0, 0xff, 0],
    conflict: 'inquire',
    whileSanitizing: 'always',
    access: 'any',
    runsWhileFormatting: true,
    reservation: Reservation.free,
    passesAttention: true,
    run: requestSense,
    withoutUnit: (task) => answerSense(task, isWellKnown(task) ? noSense() : logicalUnitNotSupported()),
  }),
];
