/** How long an operation is to wait: one time, or one drawn from a distribution. */
import type { Random } from '../../base/random.js';

export const delayDistributions = ['uniform', 'exponential', 'normal'] as const;
export type DelayDistribution = (typeof delayDistributions)[number];

/** Milliseconds throughout. */
export interface DelaySpec {
  /** The time; the least of a uniform distribution, the mean of the others. 0 when left out. */
  readonly delayMs?: number;
  /** The longest; given without a distribution, it makes the delay uniform. */
  readonly delayMaxMs?: number;
  readonly delayDistribution?: DelayDistribution;
  /** Standard deviation of a normal distribution. */
  readonly delayDeviationMs?: number;
}

/** The longest delay that there is: an hour. */
export const MAX_DELAY_MS = 3_600_000;

const RESOLUTION = Number.MAX_SAFE_INTEGER;

/** Draws a delay in milliseconds; what is not fixed takes from `random`. */
export function drawDelay(spec: DelaySpec, random: Random): number {
  const { delayMs = 0, delayMaxMs, delayDistribution, delayDeviationMs = 0 } = spec;
  switch (delayDistribution) {
    case 'exponential':
      return bounded(-delayMs * Math.log(positiveShare(random)), delayMaxMs);
    case 'normal':
      return bounded(delayMs + delayDeviationMs * standardNormal(random), delayMaxMs);
    default:
      return delayMaxMs === undefined ? delayMs : delayMs + random.below(delayMaxMs - delayMs + 1);
  }
}

function bounded(ms: number, most = MAX_DELAY_MS): number {
  return Math.min(Math.max(0, ms), most);
}

/** Box and Muller, 1958. */
function standardNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(positiveShare(random))) * Math.cos(2 * Math.PI * positiveShare(random));
}

/** Above 0, at most 1. */
function positiveShare(random: Random): number {
  return (random.below(RESOLUTION) + 1) / RESOLUTION;
}
