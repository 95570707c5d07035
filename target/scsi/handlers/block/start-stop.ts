/**
 * START STOP UNIT (SBC-4 5.31). A stopped logical unit refuses medium access until it is started again.
 *
 * POWER CONDITION knows active, standby_z and their timer (see `power-conditions.ts`).
 *
 * The row of removable logical units also knows LOEJ, which moves the medium. There, stopping only flushes the cache, and
 * every POWER CONDITION is taken, as libiscsi's test suite asks of removable ones; those that are not known do nothing.
 */

import { Opcode } from '../../../../wire/scsi/opcodes.js';
import { PowerCondition } from '../../../../wire/scsi/power-condition.js';
import {
  invalidFieldInCdb,
  mediumNotPresent,
  mediumRemovalPrevented,
  notReadyToReadyChange,
  type Sense,
} from '../../../../wire/scsi/sense.js';
import type { IoFailure } from '../../../volumes/block-layer.js';
import { type Command, defineCommand, Reservation } from '../../command-table.js';
import { completeDeferred, completeFailed } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import type { RemovableMedium } from '../../removable-medium.js';
import type { Task } from '../../task.js';
import { hostIo } from './io.js';

const IMMED = 0x01;
const POWER_CONDITION = 0xf0;
const POWER_CONDITION_BIT = 7;
const NO_FLUSH = 0x04;
const LOEJ = 0x02;
const START = 0x01;

function run(unit: LogicalUnit, task: Task): void {
  const flags = task.cdb[4]!;
  const { medium } = unit;
  if ((flags & POWER_CONDITION) !== 0) {
    const change = transitions.get(flags >> 4);
    if (change !== undefined && medium?.present !== false) change(unit, task);
    else task.good();
  } else if (medium !== null && (flags & LOEJ) !== 0) {
    if ((flags & START) !== 0) load(unit, task, medium);
    else eject(unit, task, medium);
  } else if (medium?.present === false) {
    task.check(mediumNotPresent());
  } else if ((flags & START) !== 0) {
    unit.power.runTimers(true);
    start(unit, task);
  } else {
    stop(unit, task, (flags & NO_FLUSH) === 0);
  }
}

/** By POWER CONDITION. Timers do not run in a condition that a command has chosen (SPC-5 5.12.1). */
const transitions: ReadonlyMap<number, (unit: LogicalUnit, task: Task) => void> = new Map([
  [
    PowerCondition.active,
    (unit, task) => {
      unit.power.runTimers(false);
      start(unit, task);
    },
  ],
  [
    PowerCondition.timersControl,
    (unit, task) => {
      unit.power.runTimers(true);
      task.good();
    },
  ],
  [
    PowerCondition.standby,
    (unit, task) => {
      unit.power.runTimers(false);
      rest(unit, task, false);
    },
  ],
  [PowerCondition.forceStandby, (unit, task) => rest(unit, task, true)],
]);

function rest(unit: LogicalUnit, task: Task, asByTimer: boolean): void {
  afterFlush(unit, task, () => {
    leaveStopped(unit);
    unit.power.enterStandby(asByTimer);
  });
}

function checkPowerCondition(_unit: LogicalUnit, { cdb }: Task): Sense | null {
  const condition = cdb[4]! >> 4;
  const known = condition === PowerCondition.startValid || transitions.has(condition);
  return known ? null : invalidFieldInCdb(4, POWER_CONDITION_BIT);
}

function start(unit: LogicalUnit, task: Task): void {
  leaveStopped(unit);
  unit.power.activate();
  task.good();
}

function leaveStopped(unit: LogicalUnit): void {
  if (unit.stopped) unit.counters.starts++;
  unit.stopped = false;
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
      if (failure !== null) completeDeferred(unit, task, failure);
    } else if (failure !== null) {
      completeFailed(unit, task, failure);
    } else {
      effect();
      task.good();
    }
  });
}

function row(flags: number, check: Command['check']): Command {
  return defineCommand({
    name: 'START STOP UNIT',
    opcode: Opcode.startStopUnit,
    usage: [Opcode.startStopUnit, IMMED, 0, 0, flags, 0],
    conflict: 'configure',
    reservation: Reservation.write,
    // Starting is harmless to the holder of a reservation, the rest is not (SBC-4 table 13).
    reservationOf: (cdb) => ((cdb[4]! & (POWER_CONDITION | START)) === START ? Reservation.free : Reservation.write),
    check,
    run,
  });
}

export const startStopCommand: Command = row(POWER_CONDITION | NO_FLUSH | START, checkPowerCondition);
export const startStopRemovableCommand: Command = row(POWER_CONDITION | NO_FLUSH | LOEJ | START, null);
