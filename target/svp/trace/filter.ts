/** Which commands a trace shows. What is left out of a filter does not matter. */
import { type CommandPattern, commandPattern } from '../../../wire/scsi/command-pattern.js';
import { STATUS_NAMES } from '../../../wire/scsi/status.js';
import { ConfigError } from '../../volumes/errors.js';
import type { TraceRecord } from './record.js';

export interface TraceFilter {
  /** `00:1A`, in capitals. */
  readonly ldev?: string;
  readonly initiator?: string;
  /** Commands as fault rules name them: `28h`, `9e/10`, `READ(10)`, `READ`. */
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

/** Throws ConfigError `command-unknown`. */
export function matcher(filter: TraceFilter): (record: TraceRecord) => boolean {
  const { ldev, initiator, minLatency = 0, status } = filter;
  const commands = filter.opcodes?.map(patternOf);
  const wanted = initiator?.toLowerCase();
  return (record) =>
    record.latency >= minLatency &&
    (ldev === undefined || record.ldev === ldev) &&
    (wanted === undefined || record.initiator === wanted) &&
    (status === undefined || hasStatus(record, status)) &&
    (commands === undefined || isOneOf(record, commands));
}

function hasStatus({ status }: TraceRecord, wanted: TraceStatus): boolean {
  if (wanted === FAILED) return status === null || !GOOD_ONES.has(status);
  return wanted === (status === null ? ABORTED : slug(status));
}

function patternOf(text: string): CommandPattern {
  const pattern = commandPattern(text);
  if (pattern !== null) return pattern;
  throw new ConfigError(
    'command-unknown',
    `"${text}" is no command: give a name such as READ(10), or a code such as 28h.`,
  );
}

function isOneOf({ command, cdb }: TraceRecord, patterns: readonly CommandPattern[]): boolean {
  const bytes = Buffer.from(cdb, 'hex');
  return patterns.some((pattern) => pattern(bytes, command));
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-');
}
