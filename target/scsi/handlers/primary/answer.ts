import { parameterListLengthError, type Sense } from '../../../../wire/scsi/sense.js';
import type { Task } from '../../task.js';

/** Completes with parameter data cut to the allocation length (SPC-5 4.2.5.6). */
export function answer(task: Task, data: Buffer, allocationLength: number): void {
  const bytes = Math.min(data.length, allocationLength);
  task.data(bytes === 0 ? [] : [data.subarray(0, bytes)], bytes);
}

/** A parameter list in one buffer, of `bytes` bytes or fewer if the initiator sent fewer. */
export function parameterList(task: Task, bytes: number): Buffer {
  const first = task.dataOut[0];
  const whole = task.dataOut.length === 1 && first ? first : Buffer.concat(task.dataOut);
  return whole.subarray(0, bytes);
}

/** Carries out a command by its parameter list of `bytes` bytes; without one it has nothing to do. */
export function withList<L extends object>(
  task: Task,
  bytes: number,
  decode: (list: Buffer) => L | Sense,
  carryOut: (list: L) => void,
): void {
  if (bytes === 0) {
    task.good();
    return;
  }
  const came = parameterList(task, bytes);
  const list = came.length < bytes ? parameterListLengthError() : decode(came);
  if ('key' in list) task.check(list);
  else carryOut(list);
}
