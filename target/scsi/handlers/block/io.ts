/** Helpers of the block handlers: the `Io` of a host's command, data-out cut to size, ranges in steps. */

import { slice } from '../../../base/views.js';
import type { Done, Io, IoFailure } from '../../../volumes/block-layer.js';
import { completeFailed } from '../../io-failure.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { Status, type Task } from '../../task.js';

/** How a host's command goes down the layers; one of the copy manager stays behind hosts' in the disk adapters' queues. */
export function hostIo(task: Task, fua: boolean, dpo: boolean, atomic = false): Io {
  const priority = task.delegated ? 'background' : 'host';
  return { priority, initiator: task.nexus.initiatorName, fua, dpo, atomic, waits: task.waits };
}

/** The first `bytes` of a task's data-out: all of it in the usual case. */
export function dataOut(task: Task, bytes: number): readonly Buffer[] {
  return task.dataOutLength === bytes ? task.dataOut : slice(task.dataOut, 0, bytes);
}

/** Completes a task with GOOD, or as the failure says. */
export function finish(unit: LogicalUnit, task: Task, failure: IoFailure | null): void {
  if (failure === null) task.good();
  else completeFailed(unit, task, failure);
}

/**
 * Carries out a range in steps of at most `stepBlocks`, one after the other. Other events have their turn
 * after each step, and an aborted task does no further one (it completes as TASK ABORTED).
 * @param step does one step; must call its `done` once
 * @param done all steps done, or the first failure
 */
export function inSteps(
  unit: LogicalUnit,
  task: Task,
  stepBlocks: number,
  step: (lba: number, blocks: number, done: Done) => void,
  done: Done,
): void {
  const end = task.lba + task.blocks;
  let lba = task.lba;
  const next = () => {
    if (task.aborted) {
      task.fail(Status.taskAborted);
      return;
    }
    const blocks = Math.min(stepBlocks, end - lba);
    step(lba, blocks, (failure) => {
      lba += blocks;
      if (failure !== null || lba >= end) done(failure);
      else unit.clock.setImmediate(next);
    });
  };
  next();
}
