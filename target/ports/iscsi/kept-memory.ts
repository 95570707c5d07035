/**
 * What a port keeps of what was sent and is not acknowledged (ErrorRecoveryLevel 1 and 2), of all connections and all that
 * wait for theirs. When it is too much the initiator that has most gives back, first what it left behind.
 */
export interface KeptHolder {
  readonly initiatorName: string;
  /** Bytes that it keeps; what it gives back is taken off at once. */
  readonly bytes: number;
  /** Its connection is gone. */
  readonly stranded: boolean;
  /** Gives back what it has kept for longest: `bytes` is less then. Called only while it is more than 0. */
  giveBackOldest(): void;
}

export class KeptMemory {
  #used = 0;
  readonly #holders = new Set<KeptHolder>();

  /** @param limit bytes */
  constructor(private readonly limit: number) {}

  /** Bytes. */
  get used(): number {
    return this.#used;
  }

  open(holder: KeptHolder): void {
    this.#holders.add(holder);
  }

  close(holder: KeptHolder): void {
    this.#holders.delete(holder);
  }

  /** `bytes` is negative for what is given back. */
  change(bytes: number): void {
    this.#used += bytes;
  }

  /** Has holders give back until the limit is kept. */
  settle(): void {
    while (this.#used > this.limit) {
      const holder = this.#largest();
      if (holder === null) return;
      holder.giveBackOldest();
    }
  }

  #largest(): KeptHolder | null {
    const byName = new Map<string, number>();
    for (const { initiatorName, bytes } of this.#holders)
      byName.set(initiatorName, (byName.get(initiatorName) ?? 0) + bytes);
    let largest: KeptHolder | null = null;
    for (const holder of this.#holders) {
      if (holder.bytes > 0 && (largest === null || precedes(holder, largest, byName))) largest = holder;
    }
    return largest;
  }
}

function precedes(a: KeptHolder, b: KeptHolder, byName: ReadonlyMap<string, number>): boolean {
  const more = byName.get(a.initiatorName)! - byName.get(b.initiatorName)!;
  if (more !== 0) return more > 0;
  return a.stranded === b.stranded ? a.bytes > b.bytes : a.stranded;
}
