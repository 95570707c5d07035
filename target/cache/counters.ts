/** Counts since the cache was opened; plain fields, since the hit path increments them. */
export class CacheCounters {
  /** Requests by hosts and by the array itself. */
  reads = 0;
  writes = 0;
  unmaps = 0;
  flushes = 0;
  /** Sectors read and written by requests. */
  readSectors = 0;
  writtenSectors = 0;
  /** Read requests that found every sector, and those that did not. */
  readHits = 0;
  readMisses = 0;
  /** Sectors of read requests found, and not found, in the cache. */
  hitSectors = 0;
  missSectors = 0;
  /** Writes to slots that were in the cache. */
  writeHits = 0;
  /** Overwrites of dirty sectors, made through the intent area. */
  overwrites = 0;
  /** Writes that went to a fresh slot because the old one was being sent or destaged. */
  freshSlots = 0;
  /** Reads copied out because too many slots were pinned, or larger than the cache hands out at once. */
  copiedReads = 0;
  stagedBytes = 0;
  readAheadBytes = 0;
  destagedBytes = 0;
  punchedBytes = 0;
  stageFailures = 0;
  destageFailures = 0;
  /** Commands that had to wait for slots. */
  slotWaits = 0;
  /** Writes that were slowed down because of much dirty data, and their waits together, nanoseconds. */
  throttledWrites = 0;
  throttledNs = 0;
}
