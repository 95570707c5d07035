/**
 * The ORWgeneration codes of one logical unit, by which the hosts that share a bitmap on its blocks agree on when bits
 * were cleared (SBC-4 4.27.2). Not kept beyond the process: power on and hard reset make both codes zero.
 */

/** What becomes of a set operation: its bits are set, it is GOOD without effect, or it is refused. */
export type SetOutcome = 'set' | 'discard' | 'refuse';

/** What a policy makes of set operations that expect another generation than the current one. */
interface Policy {
  readonly previous: SetOutcome;
  readonly other: SetOutcome;
}

/** By PREVIOUS GENERATION PROCESSING; the values that are not here are reserved (SBC-4 table 29). */
const POLICIES: ReadonlyMap<number, Policy> = new Map<number, Policy>([
  [0x0, { previous: 'set', other: 'refuse' }],
  [0x2, { previous: 'discard', other: 'refuse' }],
  [0x3, { previous: 'set', other: 'set' }],
  [0x5, { previous: 'discard', other: 'discard' }],
  [0x7, { previous: 'refuse', other: 'refuse' }],
]);

const AFTER_RESET = 0x7;

export const isPolicy = (value: number): boolean => POLICIES.has(value);

export class OrwriteGenerations {
  private current = 0;
  private previous = 0;
  private policy = POLICIES.get(AFTER_RESET)!;

  /** @param expected EXPECTED ORWGENERATION; that of ORWRITE(16) is zero */
  outcomeOfSet(expected: number): SetOutcome {
    if (expected === this.current) return 'set';
    return expected === this.previous ? this.policy.previous : this.policy.other;
  }

  /** Whether a change generation and clear operation expects the current generation. */
  isCurrent(expected: number): boolean {
    return expected === this.current;
  }

  /** @param policy one that `isPolicy` */
  change(next: number, policy: number): void {
    this.policy = POLICIES.get(policy)!;
    this.previous = this.current;
    this.current = next;
  }

  /** Hard reset; a logical unit reset changes nothing (SBC-4 4.27.3). */
  reset(): void {
    this.current = 0;
    this.previous = 0;
    this.policy = POLICIES.get(AFTER_RESET)!;
  }
}
