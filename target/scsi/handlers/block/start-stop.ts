/**
 * START STOP UNIT (SBC-4 5.31). A stopped logical unit refuses medium access until it is started again.
 *
 * The row of removable logical units also knows LOEJ, which moves the medium, and POWER CONDITION, which does nothing:
 * nothing here sleeps. There, stopping only flushes the cache, and every POWER CONDITION is taken, as libiscsi's test
 * suite asks of removable ones.
 */

import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { mediumNotPresent, mediumRemovalPrevented, notReadyToReadyChange } from '../../../../wire/scsi/sense.js';
import type { IoFailure } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeFailed, logDeferred } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { RemovableMedium } from '../../removable-medium.js';
import type { Task } from '../../task.js';
import { hostIo } from './io.js';

const IMMED = 0x01;
const POWER_CONDITION = 0xf0;
const NO_FLUSH = 0x04;
const LOEJ = 0x02;
const START = 0x01;

function run(unit: LogicalUnit, task: Task): void {
  const flags = task.cdb[4]!;
  const { medium } = unit;
  if ((flags & POWER_CONDITION) !== 0) {
    task.good();
  } else if (medium !== null && (flags & LOEJ) !== 0) {
    if ((flags & START) !== 0) load(unit, task, medium);
    else eject(unit, task, medium);
  } else if (medium?.present === false) {
    task.check(mediumNotPresent());
  } else if ((flags & START) !== 0) {
    start(unit, task);
  } else {
    stop(unit, task, (flags & NO_FLUSH) === 0);
  }
}

function start(unit: LogicalUnit, task: Task): void {
  if (unit.stopped) unit.counters.starts++;
  unit.stopped = false;
  task.good();
}

function stop(unit: LogicalUnit, task: Task, flush: boolean): void {
  const effect = () => {
    unit.stopped = unit.medium === null;
  };
  if (flush && !unit.stopped) {
    afterFlush(unit, task, effect);
  } else {
    effect();
    task.good();
  }
}

function load(unit: LogicalUnit, task: Task, medium: RemovableMedium): void {
  if (!medium.present) {
    // A locked tray stays shut, empty or not.
    if (medium.removalPrevented) {
      task.check(mediumRemovalPrevented());
      return;
    }
    medium.present = true;
    unit.tell(notReadyToReadyChange(), task.nexus);
  }
  task.good();
}

function eject(unit: LogicalUnit, task: Task, medium: RemovableMedium): void {
  if (!medium.present) {
    task.good();
  } else if (medium.removalPrevented) {
    task.check(mediumRemovalPrevented());
  } else {
    afterFlush(unit, task, () => {
      medium.present = false;
    });
  }
}

/** Brings the cache's blocks to the medium first; if that fails, nothing happens. With IMMED it happens at once. */
function afterFlush(unit: LogicalUnit, task: Task, effect: () => void): void {
  const immediate = (task.cdb[1]! & IMMED) !== 0;
  if (immediate) {
    effect();
    task.good();
  }
  unit.ldev.top.flush(hostIo(task, false, false), 0, 0, (failure: IoFailure | null) => {
    if (immediate) {
      if (failure !== null) logDeferred(unit, task, failure);
    } else if (failure !== null) {
      completeFailed(unit, task, failure);
    } else {
      effect();
      task.good();
    }
  });
}

function row(flags: number): Command {
  return defineCommand({
    name: 'START STOP UNIT',
    opcode: Opcode.startStopUnit,
    usage: [Opcode.startStopUnit, IMMED, 0, 0, flags, 0],
    conflict: 'configure',
    reservation: Reservation.write,
    // Starting is harmless to the holder of a reservation, the rest is not (SBC-4 table 13).
    reservationOf: (cdb) => ((cdb[4]! & (POWER_CONDITION | START)) === START ? Reservation.free : Reservation.write),
    run,
  });
}

export const startStopCommand: Command = row(NO_FLUSH | START);
export const startStopRemovableCommand: Command = row(POWER_CONDITION | NO_FLUSH | LOEJ | START);
