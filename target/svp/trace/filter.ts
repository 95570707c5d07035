/** Which commands a trace shows. What is left out of a filter does not matter. */
import { STATUS_NAMES } from '../../../wire/scsi/status.js';
import type { TraceRecord } from './record.js';

export interface TraceFilter {
  /** `00:1A`, in capitals. */
  readonly ldev?: string;
  readonly initiator?: string;
  /** Operation codes in hexadecimal (`28`) or names, with the size (`READ(10)`) or without (`READ`). */
  readonly opcodes?: readonly string[];
  /** Nanoseconds. */
  readonly minLatency?: number;
  readonly status?: TraceStatus;
}

/** Everything that did not do what it was asked to. */
const FAILED = 'failed';
/** Ended without an answer. */
const ABORTED = 'aborted';
const GOOD_ONES: ReadonlySet<string> = new Set(['GOOD', 'CONDITION MET']);

/** `check-condition` and the others, and two for several. */
export const traceStatuses = [...Object.values(STATUS_NAMES).map(slug), ABORTED, FAILED] as const;
export type TraceStatus = (typeof traceStatuses)[number];

export function matcher(filter: TraceFilter): (record: TraceRecord) => boolean {
  const { ldev, initiator, minLatency = 0, status } = filter;
  const opcodes = filter.opcodes === undefined ? null : new Set(filter.opcodes.map((text) => text.toUpperCase()));
  const wanted = initiator?.toLowerCase();
  return (record) =>
    record.latency >= minLatency &&
    (ldev === undefined || record.ldev === ldev) &&
    (wanted === undefined || record.initiator === wanted) &&
    (status === undefined || hasStatus(record, status)) &&
    (opcodes === null || namesOf(record).some((name) => opcodes.has(name)));
}

function hasStatus({ status }: TraceRecord, wanted: TraceStatus): boolean {
  if (wanted === FAILED) return status === null || !GOOD_ONES.has(status);
  return wanted === (status === null ? ABORTED : slug(status));
}

/** All by which an operation may be asked for. */
function namesOf({ command, cdb }: TraceRecord): string[] {
  const opcode = cdb.slice(0, 2).toUpperCase();
  const name = command.toUpperCase();
  return [name, name.replace(/\(\d+\)$/, ''), opcode, `${opcode}H`, `0X${opcode}`];
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}
