/** Totals since the array started, for LOG SENSE and metrics. */
export class LogicalUnitCounters {
  reads = 0;
  readBlocks = 0;
  writes = 0;
  writtenBlocks = 0;
  verifies = 0;
  verifiedBlocks = 0;
  unmappedBlocks = 0;
  /** Commands that a failure below the handlers ended. */
  readErrors = 0;
  writeErrors = 0;
  verifyErrors = 0;
  /** START STOP UNIT with START set, from stopped. */
  starts = 0;
  /** Nanoseconds that commands with read and with written data took, from the task set's go-ahead on. */
  readNs = 0;
  writeNs = 0;
}
