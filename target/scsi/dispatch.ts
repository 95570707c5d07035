/**
 * The way of a command through a logical unit. Conditions are looked at in the order of SAM-6 5.3.3 (status
 * precedence): unit attention, then RESERVATION CONFLICT, then everything else that ends in CHECK CONDITION:
 * unknown command, deferred error, reserved bits, asymmetric access state, not ready, LBA range, the command's own checks, write protection.
 * Data-out is fetched only when all of these have passed, so a refused WRITE costs no transfer.
 */

import { controlByteOf, hasNaca, NACA } from '../../wire/scsi/control-byte.js';
import { Opcode, serviceActionOf, VariableAction } from '../../wire/scsi/opcodes.js';
import {
  invalidFieldInCdb,
  invalidFieldInInformationUnit,
  invalidOperationCode,
  lbaOutOfRange,
  logicalUnitNotSupported,
  notEnoughUnsolicitedData,
  type Sense,
  writeProtected,
} from '../../wire/scsi/sense.js';
import { throughFaults } from './command-faults.js';
import type { Command, CommandTable } from './command-table.js';
import type { LogicalUnit } from './logical-unit.js';
import { Status, type Task } from './task.js';

/**
 * First step, at arrival: finds the row and the blocks addressed, so that the task set can tell what the
 * command conflicts with. Refuses nothing.
 */
export function prepare(unit: LogicalUnit, task: Task): void {
  const command = unit.commands.find(task.cdb);
  task.command = command;
  if (command !== null && command.locate !== null && task.cdb.length >= command.cdbLength) command.locate(unit, task);
}

/** Second step, when nothing stands in the command's way: checks it, fetches data-out and runs it. */
export function execute(unit: LogicalUnit, task: Task): void {
  task.descriptorSense = unit.modes.descriptorSense;
  if (unit.ldev.commandFaults) throughFaults(unit, task, unit.ldev.commandFaults, carryOut);
  else carryOut(unit, task);
}

function carryOut(unit: LogicalUnit, task: Task): void {
  const command = task.command;
  if (!task.delegated && unit.attentions.pending(task.nexus.id) && command?.passesAttention !== true) {
    const condition = unit.attentions.take(task.nexus.id);
    if (condition !== null) {
      task.check(condition);
      return;
    }
  }
  if (command === null) {
    task.check(unknownCommand(unit.commands, task.cdb));
    return;
  }
  if (unit.reservations.conflict(task.nexus, command, task.cdb)) {
    task.fail(Status.reservationConflict);
    return;
  }
  if (unit.deferred.pending && !command.passesAttention && !task.delegated) {
    const error = unit.deferred.take(task.nexus);
    if (error !== null) {
      task.check(error);
      return;
    }
  }
  // INQUIRY, REPORT LUNS and REQUEST SENSE tell of no exceptions, as of no unit attentions (SPC-5 7.5.13).
  if (unit.exceptions.due && !command.passesAttention && !task.delegated) task.onGood ??= unit.reportException;
  const refusal = refusalOf(unit, task, command);
  if (refusal !== null) {
    task.check(refusal);
  } else if (command.dataOutBytes === null) {
    command.run(unit, task);
  } else {
    fetchAndRun(unit, task, command, command.dataOutBytes(unit, task));
  }
}

/** Both steps. */
export function dispatch(unit: LogicalUnit, task: Task): void {
  prepare(unit, task);
  execute(unit, task);
}

/**
 * A command to a LUN without a logical unit (SPC-5 table "commands to incorrect logical units"): some commands
 * answer, all others get LOGICAL UNIT NOT SUPPORTED.
 */
export function dispatchWithoutUnit(commands: CommandTable, task: Task): void {
  const command = commands.find(task.cdb);
  task.command = command;
  if (command === null || command.withoutUnit === null) {
    task.check(logicalUnitNotSupported());
    return;
  }
  const forbidden = forbiddenBit(command, task.cdb) ?? withoutTaskSet(task.cdb);
  if (forbidden !== null) task.check(forbidden);
  else command.withoutUnit(task);
}

/** NACA where there is no task set that an ACA condition could be of (INQUIRY says NORMACA 0). */
function withoutTaskSet(cdb: Buffer): Sense | null {
  return hasNaca(cdb) ? invalidFieldInCdb(controlByteOf(cdb[0]!)!, NACA.bit) : null;
}

const { orwrite32, ...FOR_TYPE_2 } = VariableAction;
/** Whose absence is told by another code than that of unknown service actions (SBC-4 4.21.2.2). */
const TYPE_2_ACTIONS: ReadonlySet<number> = new Set(Object.values(FOR_TYPE_2));

function unknownCommand(commands: CommandTable, cdb: Buffer): Sense {
  if (!commands.usesServiceActions(cdb[0]!)) return invalidOperationCode();
  if (cdb[0] !== Opcode.variableLength) return invalidFieldInCdb(1, 4);
  return TYPE_2_ACTIONS.has(serviceActionOf(cdb)) ? invalidOperationCode() : invalidFieldInCdb(8);
}

function refusalOf(unit: LogicalUnit, task: Task, command: Command): Sense | null {
  // Whatever their fields hold: a sanitize operation refuses all commands but a few (SBC-4 4.11.2).
  if (unit.sanitize.holds && command.whileSanitizing !== 'always') {
    if (unit.sanitize.running || command.whileSanitizing === 'never') return unit.sanitize.refusal;
  }
  const forbidden = forbiddenBit(command, task.cdb);
  if (forbidden !== null) return forbidden;
  if (!unit.access.symmetric) {
    const inaccessible = unit.access.refusal(task.nexus.port.portGroup, command.access);
    if (inaccessible !== null) return inaccessible;
  }
  if (unit.format.holds) {
    const reason = unit.format.refusalOf(command);
    if (reason !== null) return reason;
  }
  if (!command.runsWhenStopped) {
    const reason = unit.mediumState;
    if (reason !== null) return reason;
  }
  if (unit.power.standby && (command.locate !== null || command.writes)) unit.power.activate();
  if (command.locate !== null && task.lba + task.blocks > unit.blocks) return lbaOutOfRange(task.lba);
  if (command.check !== null) {
    const refusal = command.check(unit, task);
    if (refusal !== null) return refusal;
  }
  return command.writes && unit.writeProtected ? writeProtected() : null;
}

/** Of byte 1 of commands on blocks: value of the lowest bit of RDPROTECT, and number of its highest. */
const PROTECT_LOWEST = 0x20;
const PROTECT_HIGHEST = 7;

/** The highest bit of the first byte that is set although the row does not evaluate it. */
export function forbiddenBit(command: Command, cdb: Buffer): Sense | null {
  const { usage, cdbLength } = command;
  if (cdb.length < cdbLength) return invalidFieldInCdb(cdb.length);
  for (let byte = 1; byte < cdbLength; byte++) {
    let forbidden = cdb[byte]! & ~usage[byte]!;
    if (forbidden === 0) continue;
    // The service action shares byte 1 with other fields and is told as a value, not as a mask.
    if (byte === 1 && command.serviceAction !== null && command.opcode !== Opcode.variableLength) forbidden &= ~0x1f;
    if (forbidden === 0) continue;
    // RDPROTECT and its like are one field, which is pointed at by its highest bit (SPC-5 4.4.2.3).
    const protect = byte === 1 && command.locate !== null && forbidden >= PROTECT_LOWEST;
    return invalidFieldInCdb(byte, protect ? PROTECT_HIGHEST : 31 - Math.clz32(forbidden));
  }
  return null;
}

function fetchAndRun(unit: LogicalUnit, task: Task, command: Command, wanted: number): void {
  task.dataOutWanted = wanted;
  const expected = task.expectedDataOut;
  if (!transferable(command, wanted, expected)) {
    task.check(invalidFieldInInformationUnit());
    return;
  }
  let bytes = Math.min(expected, wanted);
  if (command.transfer === 'blocks' && expected < wanted) {
    // Part of a block cannot be written; the residual (overflow) tells the host what was left out.
    const blockBytes = wanted / task.blocks;
    task.blocks = Math.floor(expected / blockBytes);
    bytes = task.blocks * blockBytes;
  }
  if (task.dataOutLength >= bytes) {
    command.run(unit, task);
    return;
  }
  task.waits?.begin('host');
  task.onDataOut = () => {
    task.waits?.end('host');
    if (task.finished) return;
    if (task.aborted) {
      task.fail(Status.taskAborted);
    } else if (task.dataOutLength < bytes && command.transfer !== 'list') {
      // The host ended its data early: "incorrect amount of data" (RFC 7143 11.4.7.2).
      task.check(notEnoughUnsolicitedData());
    } else {
      command.run(unit, task);
    }
  };
  task.owner.fetchDataOut(task, bytes);
}

/** Whether the announced amount will do: a comparison or a pattern cut short means nothing. */
function transferable(command: Command, wanted: number, expected: number): boolean {
  if (expected === wanted || command.transfer === 'list' || command.transfer === 'blocks') return true;
  return expected > wanted && command.transfer === 'complete';
}
