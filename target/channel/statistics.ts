import { Status } from '../scsi/task.js';

/** Totals of one channel adapter since the array started. Times in nanoseconds, summed over commands. */
export interface ChannelAdapterStats {
  /** Commands in the adapter now, and the most there were. */
  readonly depth: number;
  readonly maxDepth: number;
  readonly arrivals: number;
  readonly completed: number;
  /** Ended without a response. */
  readonly aborted: number;
  /** Completed commands by status name. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** From arrival until the task set let the command run. */
  readonly waitNs: number;
  /** From there to its end. */
  readonly serviceNs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly taskManagement: number;
  readonly nexuses: number;
}

/** Counts by status byte, as names. */
export function statusCounts(counts: Readonly<Float64Array>): Record<string, number> {
  const named: Record<string, number> = {};
  for (const [name, value] of Object.entries(Status)) named[name] = counts[value]!;
  return named;
}
