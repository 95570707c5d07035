/**
 * FORMAT UNIT (SBC-4 5.4). Capacity and block size stay as they are, and there are no defects to be listed.
 *
 *   byte 1  FMTPINFO (7:6)  LONGLIST (5)  FMTDATA (4)  CMPLST (3)  DEFECT LIST FORMAT (2:0)
 *
 * FMTPINFO and, in the list, PROTECTION FIELD USAGE choose the type of protection information (SBC-4 5.4.2.2).
 * Initialization patterns (IP), fast formats (FFMT) and protection intervals smaller than a block are refused.
 */
import { decodeFormatHeader, FormatFlag, formatHeaderBytes } from '../../../../wire/scsi/format-unit.js';
import { Opcode } from '../../../../wire/scsi/opcodes.js';
import type { ProtectionType } from '../../../../wire/scsi/protection.js';
import {
  capacityDataHasChanged,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  modeParametersChanged,
  parameterListLengthError,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeDeferred, completeFailed } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';
import { finish, hostIo } from './io.js';

const FMTPINFO = 0xc0;
const FMTPINFO_TOP_BIT = 7;
const FMTPINFO_SHIFT = 6;
const LONGLIST = 0x20;
const FMTDATA = 0x10;
const CMPLST = 0x08;
const DEFECT_LIST_FORMAT = 0x07;

const hasList = (task: Task) => (task.cdb[1]! & FMTDATA) !== 0;
const isLong = (task: Task) => (task.cdb[1]! & LONGLIST) !== 0;
const listBytes = (task: Task) => (hasList(task) ? formatHeaderBytes(isLong(task)) : 0);

/** By FMTPINFO, then by PROTECTION FIELD USAGE, which further values are refused of. */
const TYPES: readonly (readonly ProtectionType[])[] = [[0], [], [1], [2, 3]];

const typesOf = (task: Task) => TYPES[(task.cdb[1]! & FMTPINFO) >> FMTPINFO_SHIFT]!;

/** Without a list there is no choice of information (SBC-4 5.4.1); LONGLIST and CMPLST are then ignored. */
function check({ ldev }: LogicalUnit, task: Task): Sense | null {
  const fixed = ldev.formatting === undefined || !hasList(task);
  if ((fixed && (task.cdb[1]! & FMTPINFO) !== 0) || typesOf(task).length === 0) {
    return invalidFieldInCdb(1, FMTPINFO_TOP_BIT);
  }
  if (hasList(task)) return null;
  return (task.cdb[1]! & DEFECT_LIST_FORMAT) !== 0 ? invalidFieldInCdb(1, 2) : null;
}

/** Bits of the header's second byte that are to be zero: IP always, the others unless FOV says that they are valid. */
function badFlags(flags: number): number {
  const { fov, dpry, dcrt, stpf, immed } = FormatFlag;
  const options = (flags & fov) === 0 ? 0 : dpry | dcrt | stpf;
  return flags & ~(fov | immed | options);
}

function refuse(list: Buffer, long: boolean, types: readonly ProtectionType[]): Sense | null {
  if (list.length < formatHeaderBytes(long)) return parameterListLengthError();
  const { protectionFieldUsage, flags, protectionInterval, defectListLength } = decodeFormatHeader(list, long);
  if (types[protectionFieldUsage] === undefined) return invalidFieldInParameterList(0, 2);
  const bad = badFlags(flags);
  if (bad !== 0) return invalidFieldInParameterList(1, 31 - Math.clz32(bad));
  if (protectionInterval !== 0) return invalidFieldInParameterList(3, 31 - Math.clz32(protectionInterval));
  return defectListLength === 0 ? null : invalidFieldInParameterList(long ? 4 : 2);
}

function run(unit: LogicalUnit, task: Task): void {
  const list = Buffer.concat(task.dataOut);
  const types = typesOf(task);
  const refusal = hasList(task) ? refuse(list, isLong(task), types) : null;
  if (refusal !== null) {
    task.check(refusal);
    return;
  }
  const before = unit.ldev.protection ?? 0;
  const protection = types[hasList(task) ? decodeFormatHeader(list, isLong(task)).protectionFieldUsage : 0]!;
  /** Others are told that READ CAPACITY(16) tells something else, and that there are other mode pages. */
  const tell = () => {
    const { protection: after } = unit.ldev;
    if (after === undefined || after === before) return;
    unit.tell(capacityDataHasChanged(), task.nexus);
    if (after === 0 || before === 0) unit.tell(modeParametersChanged(), task.nexus);
  };
  const refused = unit.ldev.formatting?.begin(protection) ?? null;
  if (refused !== null) {
    completeFailed(unit, task, refused);
    return;
  }
  const immediate = hasList(task) && (list[1]! & FormatFlag.immed) !== 0;
  const io = hostIo(task, false, true);
  if (immediate) {
    // Before the answer: what the host sends on it must find the format running.
    unit.format.start(
      io,
      protection,
      () => false,
      (failure) => {
        tell();
        if (failure !== null) completeDeferred(unit, task, failure);
      },
    );
    task.good();
    return;
  }
  unit.format.start(
    io,
    protection,
    () => task.aborted,
    (failure) => {
      tell();
      if (task.aborted) task.fail(Status.taskAborted);
      else finish(unit, task, failure);
    },
  );
}

export const formatUnitCommand: Command = defineCommand({
  name: 'FORMAT UNIT',
  opcode: Opcode.formatUnit,
  usage: [Opcode.formatUnit, FMTPINFO | LONGLIST | FMTDATA | CMPLST | DEFECT_LIST_FORMAT, 0, 0, 0, 0],
  conflict: 'configure',
  reservation: Reservation.write,
  runsWhenStopped: false,
  writes: true,
  check,
  dataOutBytes: (_unit, task) => listBytes(task),
  run,
});
