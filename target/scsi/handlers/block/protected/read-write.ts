/** READ, WRITE and WRITE ATOMIC on a logical unit with protection information (SBC-4 5.13 to 5.17, 5.39 to 5.43). */
import type { LogicalUnit } from '../../../logical-unit.js';
import type { Task } from '../../../task.js';
import { dataOut } from '../io.js';
import { checkInformation, fetch, protectedIo, protectOf, sentBlocks, store, strideOf, written } from './access.js';
import { withoutInformation } from './checks.js';

export function read(unit: LogicalUnit, task: Task): void {
  const { lba, blocks: count } = task;
  if (count === 0) {
    task.good();
    return;
  }
  fetch(unit, task, protectedIo(unit, task, false), lba, count, (blocks) => {
    const refusal = checkInformation(unit, task, blocks);
    if (refusal !== null) {
      unit.counters.readErrors++;
      task.check(refusal);
      return;
    }
    unit.counters.reads++;
    unit.counters.readBlocks += count;
    const data = protectOf(task) === 0 ? withoutInformation(blocks) : blocks.bytes;
    task.data([data], data.length);
  });
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
