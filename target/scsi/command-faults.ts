/**
 * Fault rules of commands: what they make of a command as it comes to its turn, before anything that the logical unit
 * itself would say of it. Unit attentions stay pending. Commands of the copy manager are none that a host has sent.
 */
import { type Sense, SenseKey } from '../../wire/scsi/sense.js';
import type { IoFailure } from '../volumes/block-layer.js';
import type { ActiveFault, CommandVerdict } from '../volumes/layers/active-fault.js';
import { disturbanceOfBoth, sumOf } from '../volumes/layers/fault-verdicts.js';
import { completeFailed } from './io-failure.js';
import type { LogicalUnit } from './logical-unit.js';
import { Status, type Task, type TaskOwner } from './task.js';

/** Carries the command out, unless rules have something against it; a delayed one later. */
export function throughFaults(
  unit: LogicalUnit,
  task: Task,
  rules: readonly ActiveFault[],
  carryOut: (unit: LogicalUnit, task: Task) => void,
): void {
  const verdict = task.delegated ? null : judge(rules, task);
  if (verdict === null) {
    carryOut(unit, task);
    return;
  }
  const { connection, stallMs } = verdict;
  if (connection !== null && !connection.endsWith('before')) task.owner = new FaultyOwner(task.owner, verdict);
  wait(unit, task, verdict.delayMs, () => {
    if (connection === 'drop-before') task.owner.drop?.(task);
    else if (connection === 'stall-before') task.owner.stall?.(task, stallMs);
    const go = () => {
      // Losing the connection has aborted it, unless another one may take the task over.
      if (task.aborted) task.fail(Status.taskAborted);
      else if (verdict.failure === null) carryOut(unit, task);
      else if (tellsRecovered(verdict.failure)) {
        const { sense } = verdict.failure;
        task.onGood = (done) => {
          done.status = Status.checkCondition;
          done.sense = sense;
        };
        carryOut(unit, task);
      } else completeFailed(unit, task, verdict.failure);
    };
    // A stall without an end is ended by the abort that comes with the end of the connection.
    wait(unit, task, connection === 'stall-before' ? stallMs : 0, go);
  });
}

/** Goes on after a time, null: never, unless the task is aborted first. */
function wait(unit: LogicalUnit, task: Task, ms: number | null, go: () => void): void {
  if (ms === 0) {
    go();
    return;
  }
  const timer = ms === null ? null : unit.clock.setTimeout(() => end(go), ms);
  const end = (next: () => void) => {
    task.onAbort = null;
    next();
  };
  task.onAbort = () => {
    timer?.cancel();
    end(() => task.fail(Status.taskAborted));
  };
}

/** Every rule counts the command; delays add up, the first failure and the first fault of the connection hold. */
function judge(rules: readonly ActiveFault[], task: Task): CommandVerdict | null {
  const { cdb, lba, blocks, nexus } = task;
  const facts = {
    cdb,
    name: task.command?.name,
    lba,
    blocks,
    writes: task.command?.writes ?? false,
    initiator: nexus.initiatorName,
    port: nexus.port.name,
  };
  return sumOf(rules, (rule) => rule.judgeCommand(facts), both);
}

function both(first: CommandVerdict, second: CommandVerdict): CommandVerdict {
  return { ...disturbanceOfBoth(first, second), failure: first.failure ?? second.failure };
}

/** RECOVERED ERROR says that the command was done (SPC-5 4.4.8), so it is. */
function tellsRecovered(failure: IoFailure): failure is IoFailure & { readonly sense: Sense } {
  return failure.kind === 'injected' && 'sense' in failure && failure.sense?.key === SenseKey.recoveredError;
}

/** Answers for the port, but not as it would. */
class FaultyOwner implements TaskOwner {
  constructor(
    private readonly owner: TaskOwner,
    private readonly verdict: CommandVerdict,
  ) {}

  fetchDataOut(task: Task, bytes: number): void {
    this.owner.fetchDataOut(task, bytes);
  }

  respond(task: Task): void {
    const { owner } = this;
    switch (this.verdict.connection) {
      case 'corrupt-header-digest':
      case 'corrupt-data-digest':
        if (owner.respondCorrupted) {
          owner.respondCorrupted(task, this.verdict.connection === 'corrupt-header-digest' ? 'header' : 'data');
          return;
        }
        break;
      case 'drop-after':
        owner.drop?.(task);
        break;
      case 'stall-after':
        owner.stall?.(task, this.verdict.stallMs);
        break;
    }
    owner.respond(task);
  }

  dropped(task: Task): void {
    this.owner.dropped?.(task);
  }

  answerWithheld(task: Task): void {
    this.owner.answerWithheld?.(task);
  }
}
