/** UNMAP (SBC-4 5.35). Nothing is unmapped unless the whole list is right. */

import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { invalidFieldInParameterList, lbaOutOfRange, type Sense } from '../../../../wire/scsi/sense.js';
import { decodeUnmapList, UNMAP_DESCRIPTOR, UNMAP_HEADER, type UnmapRange } from '../../../../wire/scsi/unmap-list.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed } from '../../io-failure.js';
import { Limits } from '../../limits.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';
import { GROUP_NUMBER } from './cdb-shapes.js';
import { dataOut, hostIo } from './io.js';

/** Where the fields stand that a refusal points at. */
const DESCRIPTOR_LENGTH_BYTE = 2;
const COUNT_IN_DESCRIPTOR = 8;

function judge(unit: LogicalUnit, ranges: readonly UnmapRange[]): Sense | null {
  if (ranges.length > Limits.unmapDescriptors) return invalidFieldInParameterList(DESCRIPTOR_LENGTH_BYTE);
  let total = 0;
  for (const [index, { lba, blocks }] of ranges.entries()) {
    if (lba + blocks > unit.blocks) return lbaOutOfRange(lba);
    total += blocks;
    if (total * unit.blockSize > Limits.unmapBytes) {
      return invalidFieldInParameterList(UNMAP_HEADER + index * UNMAP_DESCRIPTOR + COUNT_IN_DESCRIPTOR);
    }
  }
  return null;
}

function run(unit: LogicalUnit, task: Task): void {
  const bytes = Math.min(task.dataOutLength, task.dataOutWanted);
  if (bytes === 0) {
    task.good();
    return;
  }
  const ranges = decodeUnmapList(Buffer.concat(dataOut(task, bytes)));
  if ('key' in ranges) {
    task.check(ranges);
    return;
  }
  const refusal = judge(unit, ranges);
  if (refusal !== null) {
    task.check(refusal);
    return;
  }
  unmapFrom(unit, task, ranges, 0);
}

/** Unmaps the ranges from `index` on, one after the other; at most `unmapDescriptors` deep. */
function unmapFrom(unit: LogicalUnit, task: Task, ranges: readonly UnmapRange[], index: number): void {
  const range = ranges[index];
  if (range === undefined) {
    task.good();
    return;
  }
  if (task.aborted) {
    task.fail(Status.taskAborted);
    return;
  }
  if (range.blocks === 0) {
    unmapFrom(unit, task, ranges, index + 1);
    return;
  }
  unit.ldev.top.unmap(hostIo(task, false, false), range.lba, range.blocks, (failure) => {
    if (failure !== null) {
      unit.counters.writeErrors++;
      completeFailed(unit, task, failure);
      return;
    }
    unit.counters.unmappedBlocks += range.blocks;
    unmapFrom(unit, task, ranges, index + 1);
  });
}

/** ANCHOR is not in the usage data: blocks cannot be anchored here. */
export const unmapCommand: Command = defineCommand({
  name: 'UNMAP',
  opcode: Opcode.unmap,
  usage: [Opcode.unmap, 0, 0, 0, 0, 0, GROUP_NUMBER, 0xff, 0xff, 0],
  conflict: 'write-any',
  reservation: Reservation.write,
  runsWhenStopped: false,
  writes: true,
  dataOutBytes: (_unit, task) => task.cdb.readUInt16BE(7),
  run,
});
