/** What is on its way, or waits to go, to one parity group: each has its own, so that none holds up another. */
import type { ParityGroup } from '../disk/types.js';
import type { IoFailure } from '../volumes/block-layer.js';
import type { DestageEntry } from './destage-jobs.js';
import { WriteLine } from './write-line.js';

/** Since when destages of a group fail. */
export interface GroupTrouble {
  readonly failures: number;
  readonly retryTick: number;
  readonly failure: IoFailure;
}

/** How far a new rate replaces the one before. */
const RATE_WEIGHT = 0.3;

export class GroupFlow {
  /** Bytes on their way to the drives, and the slots they are of. */
  inFlight = 0;
  jobs = 0;
  trouble: GroupTrouble | null = null;
  /** What was chosen to be written, ascending, and how much of it has been handed over. */
  pass: DestageEntry[] = [];
  next = 0;
  /** Slots that became clean by destages since the last `measure`. */
  cleaned = 0;
  /** Slots a second that the drives take; 0: not known yet. */
  rate = 0;
  /** Its share of the dirty slots: from `low` on its writers are slowed down, above `high` most. */
  low = 0;
  high = 0;
  /** When the next write may go, clock's nanoseconds. */
  nextAt = 0;
  readonly line = new WriteLine();
  timer: { cancel(): void } | null = null;

  constructor(
    readonly group: ParityGroup,
    /** Small number that stands for it in typed arrays; never 0. */
    readonly handle: number,
  ) {}

  /** @param seconds since the last call, all of them with enough to be written */
  measure(seconds: number): void {
    const measured = this.cleaned / seconds;
    this.cleaned = 0;
    if (measured > 0 || this.jobs > 0) {
      this.rate = this.rate === 0 ? measured : this.rate + (measured - this.rate) * RATE_WEIGHT;
    }
  }
}

/** All groups that volumes have been found on. */
export class GroupFlows {
  readonly list: GroupFlow[] = [];
  readonly #byGroup = new Map<ParityGroup, GroupFlow>();
  #last: GroupFlow | null = null;

  of(group: ParityGroup): GroupFlow {
    if (this.#last?.group === group) return this.#last;
    let flow = this.#byGroup.get(group);
    if (flow === undefined) {
      flow = new GroupFlow(group, this.list.length + 1);
      this.list.push(flow);
      this.#byGroup.set(group, flow);
    }
    this.#last = flow;
    return flow;
  }

  /** Undefined for 0: the group of a slot is not known. */
  at(handle: number): GroupFlow | undefined {
    return this.list[handle - 1];
  }
}
