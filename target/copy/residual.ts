/** What a segment does with data that did not fit (SPC-5 5.17.7.2, table 116). */

export interface Rest {
  /** Zeros that fill the last unit of the destination. */
  readonly padding: number;
  readonly keepsSource: boolean;
  readonly keepsDestination: boolean;
}

export interface RestRule {
  /** CAT. */
  readonly concatenate: boolean;
  /** PAD of both ends. */
  readonly padsSource: boolean;
  readonly padsDestination: boolean;
  /** The segment tells how much is written, so that there is nothing to pad (note a). */
  readonly told: boolean;
  /** Bytes in which the destination is written: a block, or the transfer of a stream device. */
  readonly unit: number;
}

/** Null: it may not be left over. @param restSource, restDestination bytes that are */
export function restBy(rule: RestRule, restSource: number, restDestination: number): Rest | null {
  if (rule.concatenate) return { padding: 0, keepsSource: true, keepsDestination: true };
  const { padsSource, padsDestination, told, unit } = rule;
  const misfit = padsDestination ? told && restDestination > 0 : !padsSource && restSource + restDestination > 0;
  if (misfit) return null;
  const padding = padsDestination && restDestination > 0 ? unit - restDestination : 0;
  return { padding, keepsSource: padsDestination && !padsSource, keepsDestination: false };
}
