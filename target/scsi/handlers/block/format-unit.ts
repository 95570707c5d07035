/**
 * FORMAT UNIT (SBC-4 5.4). Capacity and block size stay as they are, and there are no defects to be listed.
 *
 *   byte 1  FMTPINFO (7:6)  LONGLIST (5)  FMTDATA (4)  CMPLST (3)  DEFECT LIST FORMAT (2:0)
 *
 * Protection information (FMTPINFO), initialization patterns (IP) and fast formats (FFMT) are refused.
 */
import { decodeFormatHeader, FormatFlag, formatHeaderBytes } from '../../../../wire/scsi/format-unit.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import {
  invalidFieldInCdb,
  invalidFieldInParameterList,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { logDeferred } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';
import { finish, hostIo } from './io.js';

const LONGLIST = 0x20;
const FMTDATA = 0x10;
const CMPLST = 0x08;
const DEFECT_LIST_FORMAT = 0x07;

const hasList = (task: Task) => (task.cdb[1]! & FMTDATA) !== 0;
const isLong = (task: Task) => (task.cdb[1]! & LONGLIST) !== 0;
const listBytes = (task: Task) => (hasList(task) ? formatHeaderBytes(isLong(task)) : 0);

/** Without a list there is nothing that its fields could be about. */
function check(_unit: LogicalUnit, task: Task): Sense | null {
  if (hasList(task)) return null;
  if ((task.cdb[1]! & CMPLST) !== 0) return invalidFieldInCdb(1, 3);
  return (task.cdb[1]! & DEFECT_LIST_FORMAT) !== 0 ? invalidFieldInCdb(1, 2) : null;
}

/** Bits of the header's second byte that are to be zero: IP always, the others unless FOV says that they are valid. */
function badFlags(flags: number): number {
  const { fov, dpry, dcrt, stpf, immed } = FormatFlag;
  const options = (flags & fov) === 0 ? 0 : dpry | dcrt | stpf;
  return flags & ~(fov | immed | options);
}

function refuse(list: Buffer, long: boolean): Sense | null {
  if (list.length < formatHeaderBytes(long)) return parameterListLengthError();
  const { protectionFieldUsage, flags, protectionInterval, defectListLength } = decodeFormatHeader(list, long);
  if (protectionFieldUsage !== 0) return invalidFieldInParameterList(0, 2);
  const bad = badFlags(flags);
  if (bad !== 0) return invalidFieldInParameterList(1, 31 - Math.clz32(bad));
  if (protectionInterval !== 0) return invalidFieldInParameterList(3, 31 - Math.clz32(protectionInterval));
  return defectListLength === 0 ? null : invalidFieldInParameterList(long ? 4 : 2);
}

function run(unit: LogicalUnit, task: Task): void {
  const list = Buffer.concat(task.dataOut);
  const refusal = hasList(task) ? refuse(list, isLong(task)) : null;
  if (refusal !== null) {
    task.check(refusal);
    return;
  }
  const immediate = hasList(task) && (list[1]! & FormatFlag.immed) !== 0;
  const io = hostIo(task, false, true);
  if (immediate) {
    // Before the answer: what the host sends on it must find the format running.
    unit.format.start(
      io,
      () => false,
      (failure) => {
        if (failure !== null) logDeferred(unit, task, failure);
      },
    );
    task.good();
    return;
  }
  unit.format.start(
    io,
    () => task.aborted,
    (failure) => {
      if (task.aborted) task.fail(Status.taskAborted);
      else finish(unit, task, failure);
    },
  );
}

export const formatUnitCommand: Command = defineCommand({
  name: 'FORMAT UNIT',
  opcode: Opcode.formatUnit,
  usage: [Opcode.formatUnit, LONGLIST | FMTDATA | CMPLST | DEFECT_LIST_FORMAT, 0, 0, 0, 0],
  conflict: 'configure',
  reservation: Reservation.write,
  runsWhenStopped: false,
  writes: true,
  check,
  dataOutBytes: (_unit, task) => listBytes(task),
  run,
});
