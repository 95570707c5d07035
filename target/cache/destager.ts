/**
 * Cache → drive, the choice: which slots, when, how many at once.
 *
 * - Up to the low water mark what is a second old is written: as fast as it goes while hosts are idle; while they
 *   are not, so slowly that it takes ten seconds. What is written again in the meantime is then destaged once.
 * - Above it whatever is dirty is written, the oldest first.
 * - Above the high water mark four times as much is kept on its way.
 *
 * Each parity group has its own choice and its own limit of what is on its way, so that a slow one holds up no other.
 */
import type { DriveError } from '../disk/types.js';
import type { IoFailure } from '../volumes/block-layer.js';
import type { CacheCore } from './core.js';
import { type DestageEntry, DestageJobs, type DestageWaiter } from './destage-jobs.js';
import type { GroupFlow } from './group-flow.js';
import { sameStripe, wholeStripes } from './stripes.js';
import type { Volume } from './volume.js';

const TICK_MS = 100;
const AGE_TICKS = 10;
const SPREAD_TICKS = 100;
/** Host commands in one tick that make the hosts busy. */
const BUSY_COMMANDS = 100;
const LOW_WATER = 0.4;
const HIGH_WATER = 0.7;
const IN_FLIGHT_BYTES = 4 << 20;
const IN_FLIGHT_BYTES_PRESSED = 16 << 20;
/** Of the cache, in slots: what is done in one operation of the drives comes free at one moment, and writers wait for it. */
const IN_FLIGHT_SHARE = 1 / 8;
/** Slots sorted in one pass, and handed to the adapter in one go. */
const PASS_SLOTS = 2048;
const STRIDE_SLOTS = 64;
/** Of a volume in one pass, however little of all is its. */
const LEAST_SLOTS = 8;
/** Of groups that get nothing now, before the rest of a volume is left for another pass, if any was chosen of it. */
const PASS_OVER_SLOTS = 256;
const LONGEST_BACKOFF_TICKS = 64;

export class Destager {
  readonly jobs: DestageJobs;
  /** Set while there is dirty data and none of it can be destaged. */
  stuck: IoFailure | null = null;
  readonly #core: CacheCore;
  readonly #lowWater: number;
  readonly #highWater: number;
  readonly #mostJobs: number;
  /** When the last tick found `#pressed`, clock's nanoseconds; null: it did not. */
  #pressedSince: number | null = null;
  /** Slots that may be written in this tick while there is no pressure. */
  #allowance = 0;
  #commands = 0;
  #timer: { cancel(): void } | null = null;
  #kicked = false;
  #running = false;
  #stopped = false;

  constructor(core: CacheCore) {
    this.#core = core;
    this.#lowWater = Math.floor(core.slots.count * LOW_WATER);
    this.#highWater = Math.floor(core.slots.count * HIGH_WATER);
    this.#mostJobs = Math.max(STRIDE_SLOTS, Math.floor(core.slots.count * IN_FLIGHT_SHARE));
    this.jobs = new DestageJobs(core, (flow, error) => this.#finished(flow, error));
  }

  becameDirty(index: number, volume: Volume, slot: number): void {
    this.#core.slots.becameDirty(index, this.#core.flowOf(volume, slot));
    this.dirtied();
  }

  /** There is dirty data. */
  dirtied(): void {
    this.#arm();
    if (this.#pressed) this.kick();
  }

  rewritten(index: number, mask: number): void {
    this.jobs.rewritten(index, mask);
  }

  moved(old: number, fresh: number, mask: number): void {
    this.jobs.moved(old, fresh, mask);
    this.dirtied();
  }

  /** Looks for work soon; not now, since the caller is a host's command. */
  kick(): void {
    if (this.#kicked || this.#stopped) return;
    this.#kicked = true;
    this.#core.clock.setImmediate(this.#kickedRun);
  }

  /** Writes slots at once, whatever their age; those with a job are waited for. The waiter may be called at once. */
  destageNow(indices: readonly number[], waiter: DestageWaiter): void {
    const entries: DestageEntry[] = [];
    const failures: IoFailure[] = [];
    for (const index of indices) {
      if (this.#core.memory.dirty(index) === 0) continue;
      if (this.jobs.busy(index)) {
        this.jobs.join(index, waiter);
        continue;
      }
      const address = this.#locate(index);
      if ('kind' in address) failures.push(address);
      else entries.push({ index, address });
    }
    waiter.pending += failures.length;
    this.jobs.submit(entries.sort(byAddress), waiter);
    for (const failure of failures) waiter.destaged({ kind: 'no-space', message: causeOf(failure) }, 0);
  }

  stop(): void {
    this.#stopped = true;
    this.jobs.stop();
    this.#timer?.cancel();
    this.#timer = null;
  }

  readonly #kickedRun = (): void => {
    this.#kicked = false;
    this.#run();
  };

  #arm(): void {
    if (this.#stopped || this.#timer !== null) return;
    this.#timer = this.#core.clock.setTimeout(() => {
      this.#timer = null;
      this.#core.slots.tick++;
      this.#measure();
      this.#allow();
      this.#run();
      if (this.#core.slots.dirtyCount > 0) this.#arm();
    }, TICK_MS);
  }

  /** Only time in which all groups were to be kept busy says what they take. */
  #measure(): void {
    const { clock, throttle } = this.#core;
    const now = clock.now();
    const pressed = this.#pressed;
    throttle.tick(pressed && this.#pressedSince !== null ? (now - this.#pressedSince) / 1e9 : 0);
    this.#pressedSince = pressed ? now : null;
  }

  #allow(): void {
    const { slots, counters } = this.#core;
    const commands = counters.reads + counters.writes;
    const idle = commands - this.#commands < BUSY_COMMANDS;
    this.#commands = commands;
    this.#allowance = idle ? Infinity : Math.max(STRIDE_SLOTS, Math.ceil(slots.dirtyCount / SPREAD_TICKS));
  }

  #run(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    const { flows } = this.#core;
    do {
      for (const flow of flows.list) this.#feed(flow);
    } while (this.#mayWrite && this.#choose());
    this.#running = false;
  }

  get #pressed(): boolean {
    return this.#core.slots.dirtyCount > this.#lowWater;
  }

  get #mayWrite(): boolean {
    return this.#pressed || this.#allowance > 0;
  }

  /** Whether a group is to get more now. */
  #hasRoom(flow: GroupFlow): boolean {
    const pressed = this.#core.slots.dirtyCount > this.#highWater;
    const bytes = pressed ? IN_FLIGHT_BYTES_PRESSED : IN_FLIGHT_BYTES;
    return flow.jobs < this.#mostJobs && flow.inFlight < bytes;
  }

  /** Hands over what has been chosen of a group. */
  #feed(flow: GroupFlow): void {
    while (flow.next < flow.pass.length && this.#hasRoom(flow) && this.#mayWrite) {
      let end = Math.min(flow.next + STRIDE_SLOTS, flow.pass.length);
      while (end < flow.pass.length && sameStripe(flow.pass[end - 1]!, flow.pass[end]!)) end++;
      const stride = flow.pass.slice(flow.next, end);
      flow.next = end;
      this.#allowance -= stride.length;
      this.jobs.submit(this.#current(stride), null);
    }
  }

  /**
   * Collects what is due, in address order, of groups that have nothing chosen left: of each volume the oldest, and
   * as much as is its part of all dirty data.
   * @returns whether there may be any
   */
  #choose(): boolean {
    const { slots, volumes, flows } = this.#core;
    const wanting = new Set(flows.list.filter((flow) => this.#wants(flow)));
    if (wanting.size === 0 && slots.dirtyOf[0] === 0) {
      this.#judge(null);
      return false;
    }
    for (const flow of wanting) {
      flow.pass = [];
      flow.next = 0;
    }
    let found = false;
    let trouble: IoFailure | null = null;
    for (const { own } of volumes.values()) {
      const quota = Math.max(LEAST_SLOTS, Math.ceil((PASS_SLOTS * own.dirty.length) / slots.dirtyCount));
      let chosen = 0;
      let passed = 0;
      for (let index = own.dirty.head; index >= 0; index = own.dirty.after(index)) {
        if (chosen === quota || (passed >= PASS_OVER_SLOTS && chosen > 0) || !this.#due(index)) break;
        if (!this.#ready(index)) continue;
        const known = flows.at(slots.flows[index]!);
        const address = known === undefined || wanting.has(known) ? this.#locate(index) : null;
        if (address === null) {
          passed++;
        } else if ('kind' in address) {
          trouble ??= address;
          passed++;
        } else {
          const flow = flows.of(address.group);
          if (flow !== known) slots.setFlow(index, flow.handle);
          // One that has just become known is wanted from the next time on.
          if (wanting.has(flow)) flow.pass.push({ index, address });
          else found = true;
          chosen++;
        }
      }
    }
    for (const flow of wanting) {
      flow.pass.sort(byAddress);
      if (flow.group.stripeBytes !== undefined) {
        flow.pass = wholeStripes(this.#core, flow.pass, this.#ready, this.#pressed && flow.jobs === 0);
      }
      if (flow.pass.length === 0) continue;
      found = true;
      if (flow.trouble === null) this.stuck = null;
    }
    if (!found) this.#judge(trouble);
    return found;
  }

  /** More may be chosen of a group: it has room, nothing chosen left, and something dirty that is not on its way. */
  #wants(flow: GroupFlow): boolean {
    if (flow.next < flow.pass.length || !this.#hasRoom(flow) || this.#resting(flow) !== null) return false;
    return this.#core.slots.dirtyOf[flow.handle]! > flow.jobs;
  }

  #due(index: number): boolean {
    const { slots } = this.#core;
    return this.#pressed || slots.tick - slots.dirtySince[index]! >= AGE_TICKS;
  }

  /** Nothing was found: because nothing can be written? @param failure of slots that have no place */
  #judge(failure: IoFailure | null): void {
    const { flows, throttle } = this.#core;
    if (!this.#pressed || flows.list.some((flow) => flow.jobs > 0)) return;
    let trouble = failure;
    for (const flow of flows.list) trouble ??= this.#resting(flow);
    if (trouble === null) return;
    this.stuck = trouble;
    throttle.wake();
  }

  /** What of a pass is still to be written, and where: slots may hold something else than when they were chosen. */
  #current(entries: readonly DestageEntry[]): DestageEntry[] {
    const current: DestageEntry[] = [];
    for (const { index } of entries) {
      if (!this.#ready(index)) continue;
      const address = this.#locate(index);
      if (!('kind' in address)) current.push({ index, address });
    }
    return current;
  }

  /** Still dirty, without a job, and not being unmapped. */
  readonly #ready = (index: number): boolean => {
    const { slots } = this.#core;
    if (!slots.isDirty(index) || this.jobs.busy(index)) return false;
    return !this.#core.volumes.get(slots.ownerOf(index)!.id)!.unmapping(slots.numbers[index]!);
  };

  #locate(index: number): DestageEntry['address'] | IoFailure {
    const { slots, volumes } = this.#core;
    const { backing } = volumes.get(slots.ownerOf(index)!.id)!;
    const slot = slots.numbers[index]!;
    const address = backing.locate(slot);
    if (address !== null) return address;
    // Recovered from before the assignment survived, or the region was given back: it needs one again.
    return backing.assign(slot) ?? backing.locate(slot) ?? { kind: 'no-space', cause: 'no region is assigned' };
  }

  #resting({ trouble }: GroupFlow): IoFailure | null {
    return trouble !== null && this.#core.slots.tick < trouble.retryTick ? trouble.failure : null;
  }

  #finished(flow: GroupFlow, error: DriveError | null): void {
    const { log, waiting, slots } = this.#core;
    const { group, trouble } = flow;
    if (error === null) {
      this.stuck = null;
      if (trouble !== null) {
        flow.trouble = null;
        log.info(`destage to ${group.name}: works again`);
      }
    } else {
      if (trouble === null)
        log.error(`destage to ${group.name}: ${error.message}; kept in the cache, will be tried again`);
      // Jobs that were under way together fail together: that is one failure.
      const failures = trouble === null ? 1 : trouble.failures + (slots.tick >= trouble.retryTick ? 1 : 0);
      const retryTick = slots.tick + Math.min(2 ** failures, LONGEST_BACKOFF_TICKS);
      flow.trouble = { failures, retryTick, failure: destageFailure(error) };
    }
    waiting.wake();
    // With an allowance there may be more to write; the timer comes back to what has none.
    if (this.#mayWrite) this.kick();
  }
}

/** What a host is told when its write cannot be kept because older ones cannot be destaged. */
function destageFailure(error: DriveError): IoFailure {
  if (error.kind === 'no-space') return { kind: 'no-space', cause: error.message };
  return { kind: 'hardware-error', cause: error.message };
}

function causeOf(failure: IoFailure): string {
  return 'cause' in failure ? failure.cause : failure.kind;
}

function byAddress(a: DestageEntry, b: DestageEntry): number {
  if (a.address.group !== b.address.group) return a.address.group.name < b.address.group.name ? -1 : 1;
  return a.address.offset - b.address.offset;
}
