/** READ CAPACITY(10), READ CAPACITY(16) and GET LBA STATUS (SBC-4 5.19, 5.20, 5.7). */

import { encodeCapacity10, encodeCapacity16 } from '../../../../wire/scsi/capacity.js';
import { lba16, length16 } from '../../../../wire/scsi/cdb.js';
import {
  encodeLbaStatus,
  LBA_STATUS_DESCRIPTOR,
  LBA_STATUS_HEADER,
  type LbaStatus,
  ProvisioningStatus,
} from '../../../../wire/scsi/lba-status.js';
import { Opcode, ServiceActionIn16 } from '../../../../wire/scsi/opcodes.js';
import type { BlockExtent } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';

/** Descriptors in one GET LBA STATUS answer, whatever room the host offers; it asks again for the rest. */
const MAX_EXTENTS = 1024;
const MAX_EXTENT_BLOCKS = 0xffffffff;

/** Completes with parameter data cut to the allocation length. */
function answer(task: Task, bytes: Buffer, allocation: number): void {
  const cut = bytes.subarray(0, allocation);
  task.data([cut], cut.length);
}

function readCapacity10(unit: LogicalUnit, task: Task): void {
  const bytes = encodeCapacity10(unit.blocks, unit.blockSize);
  task.data([bytes], bytes.length);
}

/** READ CAPACITY(16) parameter data. */
export function capacityData(unit: LogicalUnit): Buffer {
  const { ldev, blockSize, blocks } = unit;
  const { protection = 0 } = ldev;
  const physicalExponent = Math.log2(ldev.physicalBlockSize / blockSize);
  return encodeCapacity16({
    blocks,
    blockSize,
    physicalExponent,
    lowestAligned: 0,
    thin: ldev.thin,
    readsZeros: ldev.thin,
    protection,
  });
}

function readCapacity16(unit: LogicalUnit, task: Task): void {
  answer(task, capacityData(unit), length16(task.cdb));
}

function getLbaStatus(unit: LogicalUnit, task: Task): void {
  const { lba } = task;
  const allocation = length16(task.cdb);
  const room = Math.floor((allocation - LBA_STATUS_HEADER) / LBA_STATUS_DESCRIPTOR);
  const limit = Math.min(MAX_EXTENTS, Math.max(1, room));
  unit.ldev.top.extents(lba, unit.blocks - lba, limit, (failure, extents) => {
    if (failure !== null) completeFailed(unit, task, failure);
    else answer(task, encodeLbaStatus(descriptors(extents, limit)), allocation);
  });
}

/** Extents as descriptors, cut where a length does not fit its field. */
function descriptors(extents: readonly BlockExtent[], limit: number): readonly LbaStatus[] {
  const list: LbaStatus[] = [];
  for (const extent of extents) {
    const status = extent.mapped ? ProvisioningStatus.mapped : ProvisioningStatus.deallocated;
    for (let done = 0; done < extent.blocks; done += MAX_EXTENT_BLOCKS) {
      if (list.length === limit) return list;
      list.push({ lba: extent.lba + done, blocks: Math.min(MAX_EXTENT_BLOCKS, extent.blocks - done), status });
    }
  }
  return list;
}

export const capacityCommands: readonly Command[] = [
  defineCommand({
    name: 'READ CAPACITY(10)',
    opcode: Opcode.readCapacity10,
    usage: [Opcode.readCapacity10, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    conflict: 'inquire',
    reservation: Reservation.free,
    runsWhenStopped: false,
    run: readCapacity10,
  }),
  defineCommand({
    name: 'READ CAPACITY(16)',
    opcode: Opcode.serviceActionIn16,
    serviceAction: ServiceActionIn16.readCapacity16,
    usage: [
      Opcode.serviceActionIn16,
      ServiceActionIn16.readCapacity16,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0xff,
      0xff,
      0xff,
      0xff,
      0,
      0,
    ],
    conflict: 'inquire',
    reservation: Reservation.free,
    runsWhenStopped: false,
    run: readCapacity16,
  }),
  defineCommand({
    name: 'GET LBA STATUS(16)',
    opcode: Opcode.serviceActionIn16,
    serviceAction: ServiceActionIn16.getLbaStatus,
    usage: [Opcode.serviceActionIn16, ServiceActionIn16.getLbaStatus, ...new Array<number>(12).fill(0xff), 0, 0],
    conflict: 'inquire',
    reservation: Reservation.read,
    runsWhenStopped: false,
    locate: (_unit, task) => {
      task.lba = lba16(task.cdb);
      // The starting LBA itself must exist (SBC-4 5.7.1).
      task.blocks = 1;
    },
    run: getLbaStatus,
  }),
];
