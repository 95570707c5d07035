/** What is told of one command. */
import { describeSense } from '../../../wire/scsi/additional-sense.js';
import { blockRange } from '../../../wire/scsi/cdb-range.js';
import { commandName } from '../../../wire/scsi/command-names.js';
import { decodeLun } from '../../../wire/scsi/lun.js';
import { STATUS_NAMES } from '../../../wire/scsi/status.js';
import { Status, type Task } from '../../scsi/task.js';
import { ldevName } from '../../volumes/model.js';

/** One command that has ended. Times in nanoseconds. */
export interface TraceRecord {
  /** Milliseconds since 1970, with a fraction: when it arrived. */
  readonly time: number;
  readonly port: string;
  readonly initiator: string;
  /** Null: not one of ours in form. */
  readonly lun: number | null;
  /** Null: no logical unit there. */
  readonly ldev: string | null;
  /** `READ(10)`. */
  readonly command: string;
  /** Hexadecimal. */
  readonly cdb: string;
  readonly lba: number | null;
  readonly blocks: number | null;
  /** `GOOD`; null: it was aborted and is not answered. */
  readonly status: string | null;
  /** In words; null without sense data. */
  readonly sense: string | null;
  /** From its arrival to its end; the sum of what follows. */
  readonly latency: number;
  /** In the task set, behind others. */
  readonly queue: number;
  /** For data that the host was to send. */
  readonly host: number;
  /** For stages, destages and syncs. */
  readonly drives: number;
  /** All else: the command itself in the cache, delays of writers, faults that delay. */
  readonly cache: number;
}

/** @param elapsed nanoseconds since the command arrived; `wall` is `Clock.wall()` of now */
export function traceRecord(task: Task, elapsed: number, wall: number): TraceRecord {
  const range = blockRange(task.cdb, task.unit?.deviceType);
  const { host, drives } = task.waits!.sums;
  const queue = queueTime(task, elapsed);
  const sense = task.status === Status.checkCondition && !task.aborted ? task.sense : null;
  return {
    time: wall - elapsed / 1e6,
    port: task.nexus.port.name,
    initiator: task.nexus.initiatorName,
    lun: decodeLun(task.lun),
    ldev: task.unit === null ? null : ldevName(task.unit.ldev.id),
    command: task.command?.name ?? commandName(task.cdb, task.unit?.deviceType),
    cdb: task.cdb.toString('hex'),
    lba: range?.lba ?? null,
    blocks: range?.blocks ?? null,
    status: statusOf(task),
    sense: sense === null ? null : describeSense(sense),
    latency: Math.round(elapsed),
    queue: Math.round(queue),
    host: Math.round(host),
    drives: Math.round(drives),
    cache: Math.round(Math.max(0, elapsed - queue - host - drives)),
  };
}

function queueTime({ unit, startedAt, dispatchedAt }: Task, elapsed: number): number {
  if (unit === null) return 0;
  return dispatchedAt === 0 ? elapsed : dispatchedAt - startedAt;
}

function statusOf(task: Task): string | null {
  if (task.aborted) return task.abortAnswered ? STATUS_NAMES[Status.taskAborted]! : null;
  return STATUS_NAMES[task.status]!;
}
