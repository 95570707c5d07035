/** VERIFY(6) of sequential-access devices (SSC-5 5.13). */
import { StreamOpcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb, type Sense } from '../../../../wire/scsi/sense.js';
import {
  files,
  fixedBlocks,
  toEndOfData,
  type Verification,
  variableBlock,
  verify,
} from '../../../tape/tape-verify.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { dataOut, hostIo } from '../block/io.js';
import { complete } from './complete.js';
import { bytesOf, checkLength, isFixed, lengthOf } from './read-write.js';

const VTE = 0x20;
const VBF = 0x08;
const IMMED = 0x04;
const BYTCMP = 0x02;
const FIXED = 0x01;

const has = ({ cdb }: Task, bit: number) => (cdb[1]! & bit) !== 0;

/** Bits that have to be zero beside another one, with their numbers. */
const EXCLUSIONS: readonly (readonly [bit: number, excluded: number, number: number])[] = [
  [VTE, VBF, 3],
  [VTE | VBF, BYTCMP, 1],
  [VTE | VBF, FIXED, 0],
];

function check(unit: LogicalUnit, task: Task): Sense | null {
  for (const [bit, excluded, number] of EXCLUSIONS) {
    if (has(task, bit) && has(task, excluded)) return invalidFieldInCdb(1, number);
  }
  if (has(task, VTE | VBF)) return null;
  // Without a comparison nothing is kept of what is read, and so its amount has no limit.
  if (!has(task, BYTCMP)) return isFixed(task) && unit.tape!.blockLength === 0 ? invalidFieldInCdb(1, 0) : null;
  return checkLength(unit, task);
}

function dataOutBytes(unit: LogicalUnit, task: Task): number {
  return has(task, BYTCMP) ? bytesOf(unit, task) : 0;
}

function verification(unit: LogicalUnit, task: Task): Verification {
  if (has(task, VTE)) return toEndOfData;
  if (has(task, VBF)) return files(lengthOf(task));
  const expected = has(task, BYTCMP) ? dataOut(task, bytesOf(unit, task)) : null;
  if (isFixed(task)) return fixedBlocks(lengthOf(task), unit.tape!.blockLength, expected);
  return variableBlock(lengthOf(task), expected);
}

function run(unit: LogicalUnit, task: Task): void {
  const { counters } = unit;
  const io = hostIo(task, false, false);
  verify(
    unit.tape!,
    io,
    verification(unit, task),
    () => task.aborted,
    (problem, bytes) => {
      counters.verifies++;
      counters.verifiedBlocks += bytes / unit.blockSize;
      if (problem !== null && !('key' in problem)) counters.verifyErrors++;
      complete(unit, task, problem);
    },
  );
}

/** IMMED changes nothing: it is answered when all is verified. */
export const verifyCommand: Command = defineCommand({
  name: 'VERIFY(6)',
  opcode: StreamOpcode.verify6,
  usage: [StreamOpcode.verify6, VTE | VBF | IMMED | BYTCMP | FIXED, 0xff, 0xff, 0xff, 0],
  conflict: 'configure',
  runsWhenStopped: false,
  reservation: Reservation.write,
  transfer: 'complete',
  check,
  dataOutBytes,
  run,
});
