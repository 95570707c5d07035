/** SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS (SPC-5 6.47, 6.34). */
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  invalidFieldInCdb,
  invalidFieldInParameterList,
  parameterListLengthError,
  type Sense,
  selfTestFailed,
} from '../../../../wire/scsi/sense.js';
import type { Io, IoFailure } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { answer, parameterList } from './answer.js';

const SELF_TEST = 0x04;
const PF = 0x10;
const OFFLINE = 0x03;
const PCV = 0x01;

/** SELF-TEST CODE. A background test is over before status is returned: it takes two reads. */
const testCodes = new Set([0b001, 0b010, 0b101, 0b110]);

/** Page 00h, the only diagnostic page: PAGE CODE · reserved · PAGE LENGTH 2 · supported page codes. */
const SUPPORTED_PAGES = Buffer.from([0x00, 0x00, 0x00, 0x01, 0x00]);
const PAGE_HEADER_BYTES = 4;

function checkSend(_unit: LogicalUnit, { cdb }: Task): Sense | null {
  const code = cdb[1]! >> 5;
  const selfTest = (cdb[1]! & SELF_TEST) !== 0;
  const bytes = cdb.readUInt16BE(3);
  // ABORT BACKGROUND SELF-TEST finds none running; other codes are reserved.
  if (code !== 0 && (selfTest || !testCodes.has(code))) return invalidFieldInCdb(1, 7);
  if (bytes > 0 && (selfTest || code !== 0)) return invalidFieldInCdb(3);
  return bytes > 0 && (cdb[1]! & PF) === 0 ? invalidFieldInCdb(1, 4) : null;
}

function send(unit: LogicalUnit, task: Task): void {
  const { cdb } = task;
  if (cdb[1]! >> 5 !== 0 || (cdb[1]! & SELF_TEST) !== 0) {
    selfTest(unit, task);
    return;
  }
  const bytes = cdb.readUInt16BE(3);
  const list = parameterList(task, bytes);
  const refusal = bytes === 0 ? null : refusePage(list, bytes);
  if (refusal) task.check(refusal);
  else task.good();
}

function refusePage(list: Buffer, bytes: number): Sense | null {
  if (list.length < bytes || list.length < PAGE_HEADER_BYTES) return parameterListLengthError();
  if (list[0] !== SUPPORTED_PAGES[0]) return invalidFieldInParameterList(0);
  return list.readUInt16BE(2) === bytes - PAGE_HEADER_BYTES ? null : parameterListLengthError();
}

/** Reads the first and the last block. */
function selfTest(unit: LogicalUnit, task: Task): void {
  const io: Io = { priority: 'host', initiator: task.nexus.initiatorName, fua: false, dpo: true };
  const { top } = unit.ldev;
  const failed = (failure: IoFailure) => {
    unit.log.warn(`self-test of LDEV ${unit.ldev.id} failed: ${failure.kind}`);
    task.check(selfTestFailed());
  };
  top.read(io, 0, 1, (first, _data, releaseFirst) => {
    if (first !== null) {
      failed(first);
      return;
    }
    releaseFirst();
    top.read(io, unit.blocks - 1, 1, (last, _more, releaseLast) => {
      if (last !== null) {
        failed(last);
        return;
      }
      releaseLast();
      task.good();
    });
  });
}

function receive(_unit: LogicalUnit, task: Task): void {
  // Without PCV the results of the last SEND DIAGNOSTIC are asked for, and only page 00h can have been sent.
  if (task.cdb[2] !== SUPPORTED_PAGES[0]) task.check(invalidFieldInCdb(2));
  else answer(task, SUPPORTED_PAGES, task.cdb.readUInt16BE(3));
}

export const diagnosticCommands: readonly Command[] = [
  defineCommand({
    name: 'SEND DIAGNOSTIC',
    opcode: Opcode.sendDiagnostic,
    usage: [Opcode.sendDiagnostic, 0xe0 | PF | SELF_TEST | OFFLINE, 0, 0xff, 0xff, 0],
    conflict: 'configure',
    access: 'standby',
    reservation: Reservation.write,
    check: checkSend,
    dataOutBytes: (_unit, task) => task.cdb.readUInt16BE(3),
    run: send,
  }),
  defineCommand({
    name: 'RECEIVE DIAGNOSTIC RESULTS',
    opcode: Opcode.receiveDiagnosticResults,
    usage: [Opcode.receiveDiagnosticResults, PCV, 0xff, 0xff, 0xff, 0],
    conflict: 'inquire',
    access: 'standby',
    reservation: Reservation.read,
    run: receive,
  }),
];
