/**
 * START STOP UNIT (SBC-4 5.31). A stopped logical unit refuses medium access until it is started again. Power
 * conditions and LOEJ are not in the usage data: nothing here sleeps, and the medium does not come out.
 */

import { Opcode } from '../../../../wire/scsi/opcodes.js';
import type { IoFailure } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed, logDeferred } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { Task } from '../../task.js';
import { hostIo } from './io.js';

const IMMED = 0x01;
const NO_FLUSH = 0x04;
const START = 0x01;

function run(unit: LogicalUnit, task: Task): void {
  if ((task.cdb[4]! & START) !== 0) {
    if (unit.stopped) unit.counters.starts++;
    unit.stopped = false;
    task.good();
  } else if ((task.cdb[4]! & NO_FLUSH) !== 0 || unit.stopped) {
    unit.stopped = true;
    task.good();
  } else {
    stop(unit, task, (task.cdb[1]! & IMMED) !== 0);
  }
}

/** Brings the cache's blocks to the medium first; if that fails, the logical unit stays started. */
function stop(unit: LogicalUnit, task: Task, immediate: boolean): void {
  if (immediate) {
    unit.stopped = true;
    task.good();
  }
  unit.ldev.top.flush(hostIo(task, false, false), 0, 0, (failure: IoFailure | null) => {
    if (immediate) {
      if (failure !== null) logDeferred(unit, task, failure);
    } else if (failure !== null) {
      completeFailed(unit, task, failure);
    } else {
      unit.stopped = true;
      task.good();
    }
  });
}

export const startStopCommand: Command = defineCommand({
  name: 'START STOP UNIT',
  opcode: Opcode.startStopUnit,
  usage: [Opcode.startStopUnit, IMMED, 0, 0, NO_FLUSH | START, 0],
  conflict: 'configure',
  reservation: Reservation.write,
  // Starting is harmless to the holder of a reservation, stopping is not (SBC-4 table 13).
  reservationOf: (cdb) => ((cdb[4]! & START) !== 0 ? Reservation.free : Reservation.write),
  run,
});
