/** SYNCHRONIZE CACHE and PRE-FETCH (SBC-4 5.33, 5.34, 5.8, 5.9). */

import { Opcode } from '../../../../wire/scsi/opcodes.js';
import type { IoFailure } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeDeferred, completeFailed, logDeferred } from '../../io-failure.js';
import { Limits } from '../../limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';
import { CdbSize, toTheEnd } from './cdb-shapes.js';
import { hostIo } from './io.js';

/** Answer at once and go on working. */
const IMMED = 0x02;
/** SYNC_NV, obsolete: to bring blocks to the medium past a cache that survives, which is done anyway. */
const SYNC_NV = 0x04;

/** Runs `work` and completes the task with `status` after it or, with IMMED, at once; `failedLater` after that. */
function answer(
  unit: LogicalUnit,
  task: Task,
  status: Status,
  failedLater: typeof completeDeferred,
  work: (done: (failure: IoFailure | null) => void) => void,
): void {
  const immediate = (task.cdb[1]! & IMMED) !== 0;
  if (immediate) complete(task, status);
  work((failure) => {
    if (immediate) {
      if (failure !== null) failedLater(unit, task, failure);
    } else if (failure !== null) {
      completeFailed(unit, task, failure);
    } else {
      complete(task, status);
    }
  });
}

function complete(task: Task, status: Status): void {
  if (status === Status.good) task.good();
  else task.fail(status);
}

function synchronize(unit: LogicalUnit, task: Task): void {
  const { lba, blocks } = task;
  if (blocks === 0) {
    task.good();
    return;
  }
  const io = hostIo(task, false, false);
  answer(unit, task, Status.good, completeDeferred, (done) => unit.ldev.top.flush(io, lba, blocks, done));
}

/** CONDITION MET says that all blocks fit the cache, GOOD that only the first ones are brought in. */
function prefetch(unit: LogicalUnit, task: Task): void {
  const most = Limits.prefetchBytes / unit.blockSize;
  const status = task.blocks <= most ? Status.conditionMet : Status.good;
  const blocks = Math.min(task.blocks, most);
  if (blocks === 0) {
    complete(task, status);
    return;
  }
  const io = hostIo(task, false, false);
  answer(unit, task, status, logDeferred, (done) => unit.ldev.top.prefetch(io, task.lba, blocks, done));
}

function synchronizeRow(opcode: number, size: CdbSize): Command {
  return defineCommand({
    name: `SYNCHRONIZE CACHE${size.suffix}`,
    opcode,
    usage: size.usage(opcode, SYNC_NV | IMMED),
    conflict: 'flush',
    reservation: Reservation.write,
    runsWhenStopped: false,
    locate: toTheEnd(size.locate),
    run: synchronize,
  });
}

function prefetchRow(opcode: number, size: CdbSize): Command {
  return defineCommand({
    name: `PRE-FETCH${size.suffix}`,
    opcode,
    usage: size.usage(opcode, IMMED),
    conflict: 'read',
    reservation: Reservation.read,
    runsWhenStopped: false,
    locate: toTheEnd(size.locate),
    run: prefetch,
  });
}

export const cacheCommands: readonly Command[] = [
  synchronizeRow(Opcode.synchronizeCache10, CdbSize.ten),
  synchronizeRow(Opcode.synchronizeCache16, CdbSize.sixteen),
  prefetchRow(Opcode.prefetch10, CdbSize.ten),
  prefetchRow(Opcode.prefetch16, CdbSize.sixteen),
];
