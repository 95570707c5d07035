/**
 * Slows writers down before the cache is full of dirty data, so that they come to write as fast as the drives do
 * without ever standing still.
 *
 * From 60 % of dirty slots on, each write that makes a slot dirty waits for its turn, and turns come at intervals of
 *
 *     (slots / rate) × (dirty − low) / (high − dirty)
 *
 * where `rate` is what the group's drives were measured to take. That is the curve of OpenZFS's write throttle
 * (`dmu_tx_delay` in module/zfs/dmu_tx.c), scaled so that half-way between the marks writes arrive as fast as they are
 * written out. The intervals count from turn to turn and not for each write, so that it does not matter how many
 * writers there are.
 *
 * Each parity group has its own marks, in proportion to its rate as Linux does it for devices (`__wb_calc_thresh` in
 * mm/page-writeback.c): a slow group comes to fill its share and no more. All shares together are the dirty limit, which
 * no write exceeds. A group whose destages fail is held at a small share; beyond it its writes wait, and fail when that lasts.
 */
import type { IoFailure } from '../volumes/block-layer.js';
import type { CacheCore } from './core.js';
import type { GroupFlow } from './group-flow.js';
import type { Volume } from './volume.js';
import type { PacedWrite } from './write-line.js';

const FROM = 0.6;
/** Close to its mark a group's writers get half of what its drives take: enough for it to fall. */
const STEEPEST = 2;
/** Of the dirty limit, shared alike by all groups whatever their rates. */
const FLOOR_SHARE = 0.25;
/** Of a group's share, however much others hold of it. */
const LEAST_LEFT = 0.1;
/** Turns may come so much too early, and be made up for when so much too late: timers are no finer. */
const SLACK_NS = 2e6;
const MS_NS = 1e6;
/** What the last turn has cost must not last for long when a drive that hung goes on. */
const LONGEST_NS = 1e9;
/** Failed attempts to destage, each after a longer rest, after which writes are refused. */
const LASTING_FAILURES = 4;

export class Throttle {
  /** No write waits that leaves no more dirty slots than these. */
  readonly from: number;
  /** Writes waiting. */
  waiting = 0;
  readonly #core: CacheCore;
  /** A write waits for slots to become clean and not for a moment. */
  #atLimit = false;
  #due = false;
  #stopped = false;

  constructor(core: CacheCore) {
    this.#core = core;
    this.from = Math.min(core.dirtyLimit, Math.floor(core.slots.count * FROM));
  }

  /**
   * Asks for a turn of a write that makes `slots` slots dirty.
   * @returns true: it may go now. False: it waits, or has been refused
   */
  admit(write: PacedWrite, flow: GroupFlow, slots: number): boolean {
    const { counters, clock } = this.#core;
    if (flow.high === 0) this.#share();
    if (flow.line.length === 0 && this.#turn(flow, slots) === 'go') return true;
    counters.throttledWrites++;
    this.waiting++;
    flow.line.push({ write, slots, since: clock.now() });
    if (flow.line.length === 1) this.#release(flow);
    return false;
  }

  /** Slots have become clean. */
  readonly wake = (): void => {
    if (!this.#atLimit || this.#due) return;
    this.#due = true;
    this.#core.clock.setImmediate(() => {
      this.#due = false;
      this.#releaseAll();
    });
  };

  /** Rates and shares follow what has happened since the last call. @param seconds since then; 0: not to be counted */
  tick(seconds: number): void {
    for (const flow of this.#core.flows.list) {
      if (seconds > 0) flow.measure(seconds);
      else flow.cleaned = 0;
    }
    this.#share();
    if (this.waiting > 0) this.#releaseAll();
  }

  /** Lets all writes to a volume go on: it takes none any more. */
  dismiss(volume: Volume): void {
    for (const flow of this.#core.flows.list) {
      for (const { write } of flow.line.take(volume)) {
        this.waiting--;
        write.admitted();
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const flow of this.#core.flows.list) flow.timer?.cancel();
  }

  #releaseAll(): void {
    this.#atLimit = false;
    for (const flow of this.#core.flows.list) this.#release(flow);
  }

  /** Lets go what may go now, and sees to it that the next one is let go in time. */
  #release(flow: GroupFlow): void {
    const { clock, counters } = this.#core;
    for (let first = flow.line.first(); first !== undefined && !this.#stopped; first = flow.line.first()) {
      const verdict = this.#turn(flow, first.slots);
      if (verdict === 'later') return;
      flow.line.shift();
      this.waiting--;
      counters.throttledNs += clock.now() - first.since;
      if (verdict === 'go') first.write.admitted();
      else first.write.refused(verdict);
    }
  }

  /** Takes the next turn of a group if it has come. `later`: `#release` will be called. */
  #turn(flow: GroupFlow, slots: number): 'go' | 'later' | IoFailure {
    const { clock, destager, slots: all, dirtyLimit } = this.#core;
    const full = all.dirtyCount + slots > dirtyLimit;
    const held = flow.trouble !== null && all.dirtyOf[flow.handle]! + slots > flow.high;
    if (full || held) {
      if (full && destager.stuck !== null) return destager.stuck;
      if (held && flow.trouble!.failures >= LASTING_FAILURES) return flow.trouble!.failure;
      this.#atLimit = true;
      destager.kick();
      return 'later';
    }
    const now = clock.now();
    if (flow.nextAt > now + SLACK_NS) {
      this.#arm(flow, flow.nextAt - now);
      return 'later';
    }
    flow.nextAt = Math.max(flow.nextAt, now - SLACK_NS) + this.#interval(flow, slots);
    return 'go';
  }

  /** Nanoseconds from a turn of `slots` slots to the next one. */
  #interval(flow: GroupFlow, slots: number): number {
    const dirty = this.#core.slots.dirtyOf[flow.handle]!;
    if (flow.rate === 0 || dirty <= flow.low) return 0;
    const steepness = dirty < flow.high ? (dirty - flow.low) / (flow.high - dirty) : STEEPEST;
    return Math.min(LONGEST_NS, ((slots * 1e9) / flow.rate) * Math.min(STEEPEST, steepness));
  }

  #arm(flow: GroupFlow, ns: number): void {
    if (flow.timer !== null || this.#stopped) return;
    flow.timer = this.#core.clock.setTimeout(
      () => {
        flow.timer = null;
        this.#release(flow);
      },
      Math.ceil(ns / MS_NS),
    );
  }

  /**
   * Divides the dirty limit among the groups that have dirty data or writers. What one holds beyond its share, because
   * it was alone or has begun to fail, the others go without until it has been written.
   */
  #share(): void {
    const { flows, slots, dirtyLimit } = this.#core;
    const dirty = (flow: GroupFlow) => slots.dirtyOf[flow.handle] ?? 0;
    const active = flows.list.filter((flow) => dirty(flow) > 0 || flow.line.length > 0);
    const rates = ratesOf(active);
    const total = sum(rates);
    const floor = (dirtyLimit * FLOOR_SHARE) / active.length;
    for (const flow of flows.list) flow.high = dirtyLimit;
    for (const [at, flow] of active.entries()) {
      const part = total > 0 ? rates[at]! / total : 1 / active.length;
      flow.high = floor + dirtyLimit * (1 - FLOOR_SHARE) * part;
    }
    const excess = sum(active.map((flow) => Math.max(0, dirty(flow) - flow.high)));
    const within = active.filter((flow) => dirty(flow) <= flow.high);
    const left = Math.max(LEAST_LEFT, 1 - excess / sum(within.map(({ high }) => high)));
    if (excess > 0) for (const flow of within) flow.high *= left;
    for (const flow of flows.list) flow.low = (flow.high * this.from) / dirtyLimit;
  }
}

/** Slots a second. What is not known yet counts as much as the others do; what fails takes nothing. */
function ratesOf(flows: readonly GroupFlow[]): readonly number[] {
  const known = flows.filter(({ rate, trouble }) => rate > 0 && trouble === null).map(({ rate }) => rate);
  const mean = known.length > 0 ? sum(known) / known.length : 1;
  return flows.map(({ rate, trouble }) => (trouble !== null ? 0 : rate || mean));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
