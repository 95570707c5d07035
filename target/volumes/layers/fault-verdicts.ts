/** What several rules make together of one operation, command or function. */
import type { ActiveFault, CommandVerdict } from './active-fault.js';
import { MAX_DELAY_MS } from './fault-delay.js';

/** Asks every rule, in order, so that each counts. Null: none fires. */
export function sumOf<V>(
  rules: Iterable<ActiveFault>,
  judge: (rule: ActiveFault) => V | null,
  both: (first: V, second: V) => V,
): V | null {
  let sum: V | null = null;
  for (const rule of rules) {
    const verdict = judge(rule);
    sum = sum === null || verdict === null ? (sum ?? verdict) : both(sum, verdict);
  }
  return sum;
}

/** Milliseconds: delays add up. */
export function delayOfBoth(first: { readonly delayMs: number }, second: { readonly delayMs: number }): number {
  return Math.min(first.delayMs + second.delayMs, MAX_DELAY_MS);
}

type Disturbance = Pick<CommandVerdict, 'delayMs' | 'connection' | 'stallMs'>;

/** Of two faults of the connection the first one holds. */
export function disturbanceOfBoth(first: Disturbance, second: Disturbance): Disturbance {
  const { connection, stallMs } = first.connection === null ? second : first;
  return { delayMs: delayOfBoth(first, second), connection, stallMs };
}
