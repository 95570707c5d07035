/** EXTENDED COPY(LID1), EXTENDED COPY(LID4) and COPY OPERATION ABORT (SPC-5 6.3 to 6.5). */
import type { UnitAddress } from '../../../../wire/scsi/cscd.js';
import {
  type CopyList,
  decodeCopyList,
  LIST_ID1_HEADER,
  type ReceivedCopyList,
} from '../../../../wire/scsi/extended-copy.js';
import { CopyOut, Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInCdb } from '../../../../wire/scsi/sense.js';
import { CopyLimits, MAX_LIST_BYTES, TapeCopyLimits } from '../../../copy/copy-limits.js';
import { CopyRods } from '../../../copy/rod/copy-rods.js';
import { refusalOfRods } from '../../../copy/rod/rod-checks.js';
import { runCopy } from '../../../copy/run-copy.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';
import { withList } from '../primary/answer.js';
import { checkListLength, end, listBytes, proceed } from './copy-command.js';
import { ownUnit, resolveCscd } from './copy-targets.js';
import { rodMeans } from './rods.js';

function run(unit: LogicalUnit, task: Task, received: ReceivedCopyList, serviceAction: number): void {
  const { nexus } = task;
  const { list, inline } = received;
  const refusal = refusalOfRods(list, inline.length, unit.blockSize);
  const rods = refusal ?? CopyRods.of(received, rodMeans(unit, nexus));
  if ('key' in rods) {
    task.check(rods);
    return;
  }
  const operation = unit.copies.begin(nexus, list, serviceAction);
  if (operation === 'busy') task.fail(Status.busy);
  else if ('key' in operation) task.check(operation);
  else {
    const aliases = unit.copies.aliases.of(nexus.id);
    const surroundings = {
      ...proceed(unit, task, operation),
      resolve: (address: UnitAddress) => resolveCscd(unit, nexus, aliases, address),
      own: () => ownUnit(unit, nexus),
      rods,
      inline,
    };
    rods.begin();
    runCopy(operation, surroundings, (how) => end(unit, task, operation, rods.close(operation, how)));
  }
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
    check: (_unit, task) => checkListLength(task, LIST_ID1_HEADER, MAX_LIST_BYTES),
    dataOutBytes: (_unit, task) => listBytes(task),
    run: (unit, task) => {
      const decode = (bytes: Buffer) => decodeCopyList(bytes, format, unit.tape === null ? CopyLimits : TapeCopyLimits);
      withList(task, listBytes(task), decode, (received) => run(unit, task, received, serviceAction));
    },
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
    reservation: Reservation.write,
    run: abort,
  }),
];
