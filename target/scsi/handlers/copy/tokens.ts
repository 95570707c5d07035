/** POPULATE TOKEN and WRITE USING TOKEN (SBC-4 5.12, 5.59). */
import { refusalOfRanges } from '../../../../wire/scsi/block-ranges.js';
import { ListIdUsage } from '../../../../wire/scsi/extended-copy.js';
import { CopyOut, Opcode } from '../../../../wire/scsi/opcodes.js';
import { RodType } from '../../../../wire/scsi/rod-token.js';
import {
  insufficientResourcesForRod,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  type Sense,
  unreachableCopyTarget,
} from '../../../../wire/scsi/sense.js';
import {
  decodePopulateList,
  decodeWriteTokenList,
  POPULATE_HEADER,
  type PopulateList,
  TokenField,
  WRITE_TOKEN_HEADER,
  type WriteTokenList,
} from '../../../../wire/scsi/token-lists.js';
import { PopulatedRod } from '../../../copy/rod/populated-rod.js';
import { zeroRod } from '../../../copy/rod/rod.js';
import { RodLimits, rodTypes } from '../../../copy/rod/rod-limits.js';
import type { RodToken } from '../../../copy/rod/rod-tokens.js';
import { RodWriter } from '../../../copy/rod/write-from-rod.js';
import { markedFailure } from '../../../volumes/marked-blocks.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { senseOf } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';
import { GROUP_NUMBER } from '../block/cdb-shapes.js';
import { withList } from '../primary/answer.js';
import { checkListLength, end, listBytes, type Operation, proceed } from './copy-command.js';
import { ownUnit, PopulateTask } from './copy-targets.js';
import { senseOfTokenRead, targetDescriptor, tokenOrigin } from './rods.js';

const LIST_ID_AT = 6;
/** A list says its length in two bytes, which do not count themselves. */
const MAX_LIST_BYTES = 0xffff + 2;
/** Between the highest and the lowest: the commands have no field for it. */
const PRIORITY = 3;
/** Begins an operation under the list identifier of the CDB; null: the command has been answered. */
function begin(unit: LogicalUnit, task: Task, immediate: boolean, serviceAction: number): Operation | null {
  const listId = task.cdb.readUInt32BE(LIST_ID_AT);
  const flags = { immediate, priority: PRIORITY, listIdUsage: ListIdUsage.hold, senseWithGood: false } as const;
  const list = { format: 'lid4', listId, ...flags, cscds: new Map(), segments: [] } as const;
  const operation = unit.copies.begin(task.nexus, list, serviceAction);
  if (operation === 'busy') task.fail(Status.busy);
  // What another list format has under the identifier: here it stands in the CDB.
  else if ('key' in operation) task.check(operation.field === undefined ? operation : invalidFieldInCdb(LIST_ID_AT));
  else {
    operation.blockSize = unit.blockSize;
    return operation;
  }
  return null;
}

function refusalOfPopulate(unit: LogicalUnit, list: PopulateList): Sense | null {
  const { inactivityTimeout, rodType, ranges } = list;
  if (inactivityTimeout > RodLimits.maxInactivity) return invalidFieldInParameterList(TokenField.inactivityTimeout);
  const made = rodTypes.some(({ type, tokenOut }) => tokenOut && type === rodType);
  if (rodType !== null && !made) return invalidFieldInParameterList(TokenField.rodType);
  const refusal = refusalOfRanges(ranges, unit.blocks, RodLimits.bytes / unit.blockSize);
  if (refusal !== null) return refusal;
  // A token would read what is under the mark.
  for (const { lba, blocks } of ranges) {
    const marked = blocks === 0 ? null : unit.ldev.marks.first(lba, blocks);
    if (marked !== null) return senseOf(markedFailure(marked));
  }
  return null;
}

/** Copies nothing, so it has ended when it is answered, with IMMED too. */
function populate(unit: LogicalUnit, task: Task, list: PopulateList): void {
  const refusal = refusalOfPopulate(unit, list);
  if (refusal !== null) {
    task.check(refusal);
    return;
  }
  if (task instanceof PopulateTask) {
    if (task.rod.add(list.ranges)) task.good();
    else task.check(insufficientResourcesForRod());
    return;
  }
  const operation = begin(unit, task, false, CopyOut.populateToken);
  if (operation === null) return;
  const { ranges, rodType, inactivityTimeout } = list;
  const rod = new PopulatedRod(unit.ldev, rodType ?? RodType.pointInTimeDefault);
  const { tokens } = unit.neighbours;
  if (tokens.left(task.nexus.initiatorName) === 0 || !rod.add(ranges)) {
    end(unit, task, operation, insufficientResourcesForRod());
    return;
  }
  const token = tokens.create({
    ...tokenOrigin(unit, task.nexus),
    rod,
    lifetime: RodLimits.lifetime,
    inactivityTimeout: inactivityTimeout || RodLimits.defaultInactivity,
  });
  operation.created([{ cscd: 0, token: token.bytes }], () => tokens.withdraw([token]));
  operation.represented = ranges.reduce((sum, { blocks }) => sum + blocks, 0);
  end(unit, task, operation, null);
}

/** The token to write from; null: zeros. */
function tokenOf(unit: LogicalUnit, list: WriteTokenList): RodToken | null | Sense {
  const found = unit.neighbours.tokens.find(list.token, targetDescriptor(unit), TokenField.token);
  if (found === null || 'key' in found) return found;
  return list.offset * unit.blockSize < found.rod.bytes ? found : invalidFieldInParameterList(TokenField.offset);
}

function write(unit: LogicalUnit, task: Task, list: WriteTokenList): void {
  const refusal = refusalOfRanges(list.ranges, unit.blocks, RodLimits.bytes / unit.blockSize);
  const token = refusal ?? tokenOf(unit, list);
  if (token !== null && 'key' in token) {
    task.check(token);
    return;
  }
  const destination = ownUnit(unit, task.nexus);
  if (destination === null) {
    task.check(unreachableCopyTarget());
    return;
  }
  const operation = begin(unit, task, list.immediate, CopyOut.writeUsingToken);
  if (operation === null) return;
  const { tokens } = unit.neighbours;
  if (token !== null) tokens.use(token);
  const writer = new RodWriter({
    ...proceed(unit, task, operation),
    operation,
    rod: token?.rod ?? zeroRod,
    offset: token === null ? 0 : list.offset * unit.blockSize,
    destination,
    ranges: list.ranges,
    unreadable: (failure) => {
      if (token !== null && token.ended !== null) return tokens.refusalOf(token, TokenField.token);
      return senseOfTokenRead(failure);
    },
  });
  writer.run((how) => {
    if (token !== null) tokens.unuse(token, list.deleteToken);
    end(unit, task, operation, how);
  });
}

interface Shape<L> {
  readonly header: number;
  readonly decode: (list: Buffer, most: number) => L | Sense;
  readonly carryOut: (unit: LogicalUnit, task: Task, list: L) => void;
}

function row<L extends object>(
  name: string,
  serviceAction: number,
  shape: Shape<L>,
  spec: Pick<Command, 'conflict' | 'reservation'> & Partial<Command>,
): Command {
  const id = [0xff, 0xff, 0xff, 0xff] as const;
  const { thirdPartyCopyOut } = Opcode;
  return defineCommand({
    name,
    opcode: thirdPartyCopyOut,
    serviceAction,
    usage: [thirdPartyCopyOut, serviceAction, 0, 0, 0, 0, ...id, 0xff, 0xff, 0xff, 0xff, GROUP_NUMBER, 0],
    runsWhenStopped: false,
    check: (_unit, task) => checkListLength(task, shape.header, MAX_LIST_BYTES),
    dataOutBytes: (_unit, task) => listBytes(task),
    run: (unit, task) => {
      const decode = (list: Buffer) => shape.decode(list, RodLimits.ranges);
      withList(task, listBytes(task), decode, (list) => shape.carryOut(unit, task, list));
    },
    ...spec,
  });
}

export const tokenCommands: readonly Command[] = [
  row(
    'POPULATE TOKEN',
    CopyOut.populateToken,
    { header: POPULATE_HEADER, decode: decodePopulateList, carryOut: populate },
    // Runs alone: no write is half in the image.
    { conflict: 'configure', reservation: Reservation.read },
  ),
  row(
    'WRITE USING TOKEN',
    CopyOut.writeUsingToken,
    { header: WRITE_TOKEN_HEADER, decode: decodeWriteTokenList, carryOut: write },
    // Its writes are tasks of their own.
    { conflict: 'inquire', reservation: Reservation.write, writes: true },
  ),
];
