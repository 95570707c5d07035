/** COMPARE AND WRITE and ORWRITE on a logical unit with protection information (SBC-4 5.3, 5.12). */
import { native } from '../../../../../native/index.js';
import { PI_BYTES } from '../../../../../wire/scsi/protection.js';
import { miscompareDuringVerify } from '../../../../../wire/scsi/sense.js';
import { slice } from '../../../../base/views.js';
import type { LogicalUnit } from '../../../logical-unit.js';
import { Status, type Task } from '../../../task.js';
import { checkInformation, fetch, protectedIo, protectOf, store, strideOf, typeOf, written } from './access.js';
import { type Blocks, COMPARED, compareBlocks, withoutInformation } from './checks.js';

/** Bytes of one step of ORWRITE. */
const STEP_BYTES = 256 * 1024;

/** Part of the data-out, with information. */
function sentFrom(unit: LogicalUnit, task: Task, firstBlock: number, count: number, lba: number): Blocks {
  const { blockSize } = unit;
  const stride = strideOf(unit, protectOf(task));
  const bytes = Buffer.concat(slice(task.dataOut, firstBlock * stride, count * stride));
  return { bytes, lba, count, blockSize };
}

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

/** Both operands are checked; the result has a guard of its own and the tags that were sent. */
export function orwrite(unit: LogicalUnit, task: Task): void {
  if (task.blocks === 0) {
    task.good();
    return;
  }
  const sent = protectOf(task) === 0 ? null : sentFrom(unit, task, 0, task.blocks, task.lba);
  const refusal = sent === null ? null : checkInformation(unit, task, sent);
  if (refusal !== null) task.check(refusal);
  else orwriteFrom(unit, task, 0);
}

/** One step after the other; other events have their turn in between. */
function orwriteFrom(unit: LogicalUnit, task: Task, done: number): void {
  if (task.aborted) {
    task.fail(Status.taskAborted);
    return;
  }
  const lba = task.lba + done;
  const count = Math.min(STEP_BYTES / unit.blockSize, task.blocks - done);
  const protect = protectOf(task);
  const io = protectedIo(unit, task, true);
  fetch(unit, task, io, lba, count, (stored) => {
    const refusal = checkInformation(unit, task, stored);
    if (refusal !== null) {
      unit.counters.readErrors++;
      task.check(refusal);
      return;
    }
    const sent = sentFrom(unit, task, done, count, lba);
    const result = protect === 0 ? orPlain(sent.bytes, withoutInformation(stored)) : orProtected(sent, stored.bytes);
    store(unit, task, { ...io, protected: protect !== 0 }, lba, count, [result], () => {
      if (done + count === task.blocks) written(unit, task);
      else unit.clock.setImmediate(() => orwriteFrom(unit, task, done + count));
    });
  });
}

function orPlain(sent: Buffer, stored: Buffer): Buffer {
  return sent.map((byte, index) => byte | stored[index]!) as Buffer;
}

function orProtected({ bytes, count, blockSize }: Blocks, stored: Buffer): Buffer {
  const stride = blockSize + PI_BYTES;
  const result = Buffer.from(bytes);
  for (let i = 0; i < count; i++) {
    for (let at = i * stride; at < i * stride + blockSize; at++) result[at]! |= stored[at]!;
  }
  const guards = new Uint16Array(count);
  native.guards(result, blockSize, stride, guards);
  for (let i = 0; i < count; i++) result.writeUInt16BE(guards[i]!, i * stride + blockSize);
  return result;
}
