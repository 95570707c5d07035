/** COMPARE AND WRITE on a logical unit with protection information (SBC-4 5.3). */
import { native } from '../../../../../native/index.js';
import { miscompareDuringVerify } from '../../../../../wire/scsi/sense.js';
import type { LogicalUnit } from '../../../logical-unit.js';
import type { Task } from '../../../task.js';
import { checkInformation, fetch, protectedIo, protectOf, sentFrom, store, typeOf, written } from './access.js';
import { type Blocks, COMPARED, compareBlocks, withoutInformation } from './checks.js';

/** What is stored is compared as VERIFY with BYTCHK 01b and this PROTECT does, and what is to be written checked before. */
export function compareAndWrite(unit: LogicalUnit, task: Task): void {
  const { lba, blocks: count } = task;
  if (count === 0) {
    task.good();
    return;
  }
  const protect = protectOf(task);
  const [wanted, next] = [sentFrom(unit, task, 0, count, lba), sentFrom(unit, task, count, count, lba)];
  const io = protectedIo(unit, task, true);
  const refusal = protect === 0 ? null : (checkInformation(unit, task, wanted) ?? checkInformation(unit, task, next));
  if (refusal !== null) {
    task.check(refusal);
    return;
  }
  fetch(unit, task, io, lba, count, (stored) => {
    const differs =
      protect === 0
        ? (checkInformation(unit, task, stored) ?? compareData(stored, wanted))
        : compareBlocks(stored, wanted.bytes, COMPARED[protect]!, typeOf(unit));
    if (differs !== null) task.check(differs);
    else {
      const how = { ...io, protected: protect !== 0 };
      store(unit, task, how, lba, count, [next.bytes], () => written(unit, task));
    }
  });
}

function compareData(stored: Blocks, wanted: Blocks) {
  const differs = native.compare([withoutInformation(stored)], [wanted.bytes]);
  return differs < 0 ? null : miscompareDuringVerify(differs);
}
