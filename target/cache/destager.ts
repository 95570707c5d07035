/**
 * Cache → drive, the choice: which slots, when, how many at once.
 *
 * - Up to the low water mark what is a second old is written: as fast as it goes while hosts are idle; while they
 *   are not, so slowly that it takes ten seconds. What is written again in the meantime is then destaged once.
 * - Above it whatever is dirty is written, the oldest first.
 * - Above the high water mark four times as much is kept on its way.
 */
import type { DriveError, ParityGroup } from '../disk/types.js';
import type { IoFailure } from '../volumes/block-layer.js';
import type { CacheCore } from './core.js';
import { type DestageEntry, DestageJobs, type DestageWaiter } from './destage-jobs.js';

const TICK_MS = 100;
const AGE_TICKS = 10;
const SPREAD_TICKS = 100;
/** Host commands in one tick that make the hosts busy. */
const BUSY_COMMANDS = 100;
const LOW_WATER = 0.4;
const HIGH_WATER = 0.7;
const IN_FLIGHT_BYTES = 4 << 20;
const IN_FLIGHT_BYTES_PRESSED = 16 << 20;
/** Slots sorted in one pass, and handed to the adapter in one go. */
const PASS_SLOTS = 2048;
const STRIDE_SLOTS = 64;
const LONGEST_BACKOFF_TICKS = 64;

interface GroupTrouble {
  failures: number;
  retryTick: number;
  failure: IoFailure;
}

export class Destager {
  readonly jobs: DestageJobs;
  /** Set while there is dirty data and none of it can be destaged. */
  stuck: IoFailure | null = null;
  readonly #core: CacheCore;
  readonly #lowWater: number;
  readonly #highWater: number;
  readonly #troubles = new Map<ParityGroup, GroupTrouble>();
  #pass: DestageEntry[] = [];
  #next = 0;
  /** Tick in which everything dirty was found to rest after failures: not looked through again in that one. */
  #nothingAt = -1;
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
    this.jobs = new DestageJobs(core, (group, error) => this.#finished(group, error));
  }

  becameDirty(index: number): void {
    this.#core.slots.becameDirty(index);
    this.dirtied();
  }

  /** There is dirty data. */
  dirtied(): void {
    this.#arm();
    if (this.#pressed && this.jobs.inFlight < IN_FLIGHT_BYTES) this.kick();
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
      this.#allow();
      this.#run();
      if (this.#core.slots.dirtyCount > 0) this.#arm();
    }, TICK_MS);
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
    const { slots } = this.#core;
    const limit = () => (slots.dirtyCount > this.#highWater ? IN_FLIGHT_BYTES_PRESSED : IN_FLIGHT_BYTES);
    while (this.jobs.inFlight < limit() && (this.#pressed || this.#allowance > 0)) {
      if (this.#next >= this.#pass.length && (this.#nothingAt === slots.tick || !this.#choose())) break;
      const stride = this.#pass.slice(this.#next, this.#next + STRIDE_SLOTS);
      this.#next += stride.length;
      this.#allowance -= stride.length;
      this.jobs.submit(this.#current(stride), null);
    }
    this.#running = false;
  }

  get #pressed(): boolean {
    return this.#core.slots.dirtyCount > this.#lowWater;
  }

  /** Collects what is due, in address order. @returns whether there is any */
  #choose(): boolean {
    const { slots, volumes } = this.#core;
    const pressed = this.#pressed;
    const entries: DestageEntry[] = [];
    let trouble: IoFailure | null = null;
    let sound = false;
    for (const volume of volumes.values()) {
      for (let index = volume.own.dirty.head; index >= 0; index = volume.own.dirty.after(index)) {
        if (entries.length >= PASS_SLOTS) break;
        if (!pressed && slots.tick - slots.dirtySince[index]! < AGE_TICKS) break;
        if (!this.#ready(index)) continue;
        const address = this.#locate(index);
        const bad = 'kind' in address ? address : this.#resting(address.group);
        if (bad !== null) {
          trouble = bad;
        } else if (!('kind' in address)) {
          entries.push({ index, address });
          if (!this.#troubles.has(address.group)) sound = true;
        }
      }
    }
    if (sound) this.stuck = null;
    else if (pressed && entries.length === 0 && trouble !== null && this.jobs.inFlight === 0) {
      this.stuck = trouble;
      this.#core.waiting.wake();
    }
    this.#pass = entries.sort(byAddress);
    this.#next = 0;
    if (entries.length === 0 && trouble !== null) this.#nothingAt = slots.tick;
    return entries.length > 0;
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
  #ready(index: number): boolean {
    const { slots } = this.#core;
    if (!slots.isDirty(index) || this.jobs.busy(index)) return false;
    return !this.#core.volumes.get(slots.ownerOf(index)!.id)!.unmapping(slots.numbers[index]!);
  }

  #locate(index: number): DestageEntry['address'] | IoFailure {
    const { slots, volumes } = this.#core;
    const { backing } = volumes.get(slots.ownerOf(index)!.id)!;
    const slot = slots.numbers[index]!;
    const address = backing.locate(slot);
    if (address !== null) return address;
    // Recovered from before the assignment survived, or the region was given back: it needs one again.
    return backing.assign(slot) ?? backing.locate(slot) ?? { kind: 'no-space', cause: 'no region is assigned' };
  }

  #resting(group: ParityGroup): IoFailure | null {
    const trouble = this.#troubles.get(group);
    return trouble !== undefined && this.#core.slots.tick < trouble.retryTick ? trouble.failure : null;
  }

  #finished(group: ParityGroup, error: DriveError | null): void {
    const { log, waiting, slots } = this.#core;
    const trouble = this.#troubles.get(group);
    if (error === null) {
      this.stuck = null;
      this.#nothingAt = -1;
      if (trouble !== undefined) {
        this.#troubles.delete(group);
        log.info(`destage to ${group.name}: works again`);
      }
    } else {
      if (trouble === undefined)
        log.error(`destage to ${group.name}: ${error.message}; kept in the cache, will be tried again`);
      // Jobs that were under way together fail together: that is one failure.
      const failures = trouble === undefined ? 1 : trouble.failures + (slots.tick >= trouble.retryTick ? 1 : 0);
      const retryTick = slots.tick + Math.min(2 ** failures, LONGEST_BACKOFF_TICKS);
      this.#troubles.set(group, { failures, retryTick, failure: destageFailure(error) });
    }
    waiting.wake();
    // With an allowance there may be more to write; the timer comes back to what has none.
    if (this.#pressed || this.#allowance > 0) this.kick();
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
