import { LogicalUnitCounters } from './logical-unit-counters.js';

type Counts = Readonly<Record<keyof LogicalUnitCounters, number>>;

/** Counters as log pages tell them: since the array started, or since LOG SELECT reset the page. Metrics go on. */
export class LogCounters {
  /** Page → what the counters were when it was reset. */
  private readonly bases = new Map<number, Counts>();

  constructor(private readonly counters: LogicalUnitCounters) {}

  of(page: number): Counts {
    const base = this.bases.get(page);
    if (base === undefined) return this.counters;
    const since = new LogicalUnitCounters();
    for (const name of Object.keys(base) as (keyof LogicalUnitCounters)[])
      since[name] = this.counters[name] - base[name];
    return since;
  }

  reset(page: number): void {
    this.bases.set(page, { ...this.counters });
  }
}
