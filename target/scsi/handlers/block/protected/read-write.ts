/** READ, WRITE and WRITE ATOMIC on a logical unit with protection information (SBC-4 5.13 to 5.17, 5.39 to 5.43). */
import type { LogicalUnit } from '../../../logical-unit.js';
import type { ReadRequest } from '../../../read-memory.js';
import { Status, type Task } from '../../../task.js';
import { dataOut } from '../io.js';
import {
  checkInformation,
  fetch,
  protectedIo,
  protectOf,
  sentBlocks,
  store,
  strideOf,
  transferred,
  written,
} from './access.js';
import { type Blocks, withoutInformation } from './checks.js';

const nothing = () => {};

export function read(unit: LogicalUnit, task: Task): void {
  if (task.blocks === 0) task.good();
  // What copies of the array read is counted with them.
  else if (task.delegated) readInto(unit, task, nothing);
  else readWithMemory(unit, task);
}

/** The data is a copy, for which there may have to be memory first. */
function readWithMemory(unit: LogicalUnit, task: Task): void {
  const { readMemory } = unit.neighbours;
  const begin = () => readInto(unit, task, () => readMemory.giveBack(request));
  const request: ReadRequest = {
    nexus: task.nexus,
    bytes: transferred(unit, task),
    granted: () => {
      task.onAbort = null;
      task.waits?.end('host');
      begin();
    },
  };
  if (readMemory.take(request)) {
    begin();
    return;
  }
  task.waits?.begin('host');
  task.onAbort = () => {
    task.onAbort = null;
    task.waits?.end('host');
    readMemory.cancel(request);
    task.fail(Status.taskAborted);
  };
}

/** @param release called once, when there is no data any more */
function readInto(unit: LogicalUnit, task: Task, release: () => void): void {
  const { lba, blocks: count } = task;
  const done = (blocks: Blocks) => {
    const refusal = checkInformation(unit, task, blocks);
    if (refusal !== null) {
      release();
      unit.counters.readErrors++;
      task.check(refusal);
      return;
    }
    unit.counters.reads++;
    unit.counters.readBlocks += count;
    const data = protectOf(task) === 0 ? withoutInformation(blocks) : blocks.bytes;
    task.data([data], data.length, release);
  };
  fetch(unit, task, protectedIo(unit, task, false), lba, count, done, { failed: release });
}

/** WRITE and, with `atomic`, WRITE ATOMIC. */
export function write(unit: LogicalUnit, task: Task, atomic = false): void {
  const { lba, blocks: count } = task;
  if (count === 0) {
    task.good();
    return;
  }
  const io = { ...protectedIo(unit, task, true), atomic };
  if (protectOf(task) === 0) {
    const data = dataOut(task, count * strideOf(unit, 0));
    store(unit, task, { ...io, protected: false }, lba, count, data, () => written(unit, task));
    return;
  }
  const blocks = sentBlocks(unit, task);
  const refusal = checkInformation(unit, task, blocks);
  if (refusal !== null) task.check(refusal);
  else store(unit, task, io, lba, count, [blocks.bytes], () => written(unit, task));
}
