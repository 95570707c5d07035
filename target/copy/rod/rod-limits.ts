import { RodType } from '../../../wire/scsi/rod-token.js';
import type { RodTypeSupport } from '../../../wire/scsi/vpd-third-party-copy.js';

const DAY = 24 * 60 * 60;

/** Limits of ROD tokens that the copy manager holds to, and that VPD page 8Fh reports; times in seconds. */
export const RodLimits = {
  /** MAXIMUM RANGE DESCRIPTORS. */
  ranges: 256,
  /** MAXIMUM BYTES IN BLOCK ROD, and per command. */
  bytes: 256 * 2 ** 30,
  /** OPTIMAL BYTES IN BLOCK ROD TRANSFER: what a host need not wait long for. */
  optimalBytes: 1024 * 1024 * 1024,
  defaultInactivity: 600,
  maxInactivity: DAY,
  /** A token that is used again and again ends then; EXTENDED COPY may ask for less. */
  lifetime: 7 * DAY,
  minLifetime: 60 * 60,
  /** In the whole array, and of one initiator. */
  tokens: 256,
  tokensOfInitiator: 64,
  /** Tokens that have ended, and of which it is still told why. */
  ended: 1024,
} as const;

/** Bytes per block that the zero ROD token may be read in: those of LDEVs, as a block may be left over in memory. */
export const zeroLengths: ReadonlySet<number> = new Set([512, 4096]);

/** ROD types, ascending, and what they are good for. */
export const rodTypes: readonly RodTypeSupport[] = [
  { type: RodType.ofToken, internal: true, tokenIn: false, tokenOut: false },
  { type: RodType.pointInTimeDefault, internal: true, tokenIn: true, tokenOut: true },
  { type: RodType.pointInTimeVulnerable, internal: true, tokenIn: true, tokenOut: true },
  { type: RodType.pointInTimePersistent, internal: true, tokenIn: true, tokenOut: true },
  { type: RodType.pointInTimeAny, internal: true, tokenIn: false, tokenOut: true },
  { type: RodType.zero, internal: false, tokenIn: true, tokenOut: false },
];
