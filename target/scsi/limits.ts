import { ATOMIC_BYTES } from '../cache/types.js';

/**
 * Limits that block handlers enforce and the VPD pages B0h, B2h and B7h report: one place, so that they agree.
 * Lengths in bytes are turned into logical blocks by the logical unit.
 */
export const Limits = {
  /** MAXIMUM TRANSFER LENGTH. */
  transferBytes: 8 * 1024 * 1024,
  /** OPTIMAL TRANSFER LENGTH. */
  optimalTransferBytes: 1024 * 1024,
  /** OPTIMAL TRANSFER LENGTH GRANULARITY: a page, the unit in which drives give and take back space. */
  transferGranularityBytes: 4096,
  /**
   * The most that one PRE-FETCH brings in; longer ones are carried out so far and answered GOOD rather than
   * CONDITION MET. Not a limit on the command: MAXIMUM PREFETCH LENGTH is reported as 0.
   */
  prefetchBytes: 8 * 1024 * 1024,
  /** MAXIMUM COMPARE AND WRITE LENGTH, in blocks: the field is one byte wide. */
  compareAndWriteBlocks: 255,
  /**
   * MAXIMUM UNMAP LBA COUNT: blocks of all descriptors of one command together. 2^20 blocks of 512 bytes:
   * initiators doubt more, unless it is "no limit".
   */
  unmapBytes: 512 * 1024 * 1024,
  /** MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT. */
  unmapDescriptors: 256,
  /** OPTIMAL UNMAP GRANULARITY; aligned at LBA 0. */
  unmapGranularityBytes: 4096,
  /**
   * MAXIMUM ATOMIC TRANSFER LENGTH, from any block on and of any number of blocks. There is no ATOMIC BOUNDARY:
   * a command is one atomic operation.
   */
  atomicBytes: ATOMIC_BYTES,
  /** MAXIMUM SCATTERED LBA RANGE DESCRIPTOR COUNT; the transfer as a whole is limited as any other. */
  scatteredDescriptors: 256,
  /** What resources of logical block provisioning are counted in: THRESHOLD EXPONENT says so in blocks. */
  thresholdSetBytes: 1024 * 1024,
  /**
   * MAXIMUM WRITE SAME LENGTH, in blocks: what WRITE SAME(10) can name. A NUMBER OF LOGICAL BLOCKS of zero
   * means "to the end" (WSNZ is 0) and is refused when that is farther.
   */
  writeSameBlocks: 0xffff,
} as const;
