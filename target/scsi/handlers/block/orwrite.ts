/**
 * ORWRITE(16) (SBC-4 5.10), the set operation: what is read is ORed with the data-out and written back. Atomic
 * against other commands as COMPARE AND WRITE is, by the conflict class `write`.
 */

import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { slice } from '../../../base/views.js';
import type { Done, Io } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed, countsAsError } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { CdbSize, DPO, FUA } from './cdb-shapes.js';
import { hostIo, inSteps } from './io.js';
import { bytesOfRange, transferLimit } from './read-write.js';

/** Bytes of one step: bounds what a command needs beside its data-out. */
export const STEP_BYTES = 256 * 1024;

function run(unit: LogicalUnit, task: Task): void {
  if (task.blocks === 0) {
    task.good();
    return;
  }
  const flags = task.cdb[1]!;
  const io = hostIo(task, (flags & FUA) !== 0 || unit.modes.writeThrough, (flags & DPO) !== 0);
  const { counters } = unit;
  inSteps(
    unit,
    task,
    STEP_BYTES / unit.blockSize,
    (lba, blocks, done) => step(unit, task, io, lba, blocks, done),
    (failure) => {
      if (failure !== null) {
        completeFailed(unit, task, failure);
        return;
      }
      counters.writes++;
      counters.writtenBlocks += task.blocks;
      task.good();
    },
  );
}

function step(unit: LogicalUnit, task: Task, io: Io, lba: number, blocks: number, done: Done): void {
  const { counters, ldev, blockSize } = unit;
  ldev.top.read(io, lba, blocks, (failure, data, release) => {
    if (failure !== null) {
      if (countsAsError(failure)) counters.readErrors++;
      done(failure);
      return;
    }
    const result = Buffer.concat(slice(task.dataOut, (lba - task.lba) * blockSize, blocks * blockSize));
    orInto(result, data);
    release();
    ldev.top.write(io, lba, blocks, [result], (problem) => {
      if (problem !== null) counters.writeErrors++;
      done(problem);
    });
  });
}

/** `target` |= the bytes of `list`, which has as many. */
function orInto(target: Buffer, list: readonly Buffer[]): void {
  let at = 0;
  for (const buffer of list) {
    for (let index = 0; index < buffer.length; index++) target[at + index]! |= buffer[index]!;
    at += buffer.length;
  }
}

export const orwriteCommand: Command = defineCommand({
  name: 'ORWRITE(16)',
  opcode: Opcode.orwrite16,
  usage: CdbSize.sixteen.usage(Opcode.orwrite16, DPO | FUA),
  conflict: 'write',
  reservation: Reservation.write,
  runsWhenStopped: false,
  writes: true,
  transfer: 'blocks',
  locate: CdbSize.sixteen.locate,
  check: transferLimit(CdbSize.sixteen.lengthByte),
  dataOutBytes: bytesOfRange,
  run,
});
