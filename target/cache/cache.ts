/**
 * The cache memory of the array: slots of all volumes, in memory that survives the process.
 */

import { currentBootId } from '../base/boot-id.js';
import type { Log } from '../base/log.js';
import type { Clock, PartedMemory, PersistentMemory } from '../disk/types.js';
import type { Done, IoFailure } from '../volumes/block-layer.js';
import { type CacheAdapter, CacheCore } from './core.js';
import { CacheCounters } from './counters.js';
import { Destager } from './destager.js';
import { memoryBytes, partLengths, slotsIn } from './layout.js';
import { CacheMemory } from './memory.js';
import { inParts } from './parts.js';
import { countSectors } from './sectors.js';
import { type SlotOwner, Slots } from './slots.js';
import { Stager } from './stager.js';
import { Throttle } from './throttle.js';
import { type CacheBacking, type CachedVolume, type CacheStats, SECTOR_BYTES, SLOT_BYTES } from './types.js';
import { Volume } from './volume.js';
import { WaitQueue } from './wait-queue.js';
import { wipeSlots } from './wipe.js';

export interface CacheParts {
  /** With parts of `Cache.memoryParts`, or of as many bytes; new, or from an earlier run. Not closed by the cache. */
  readonly memory: PartedMemory | PersistentMemory;
  readonly adapter: CacheAdapter;
  readonly clock: Clock;
  readonly log: Log;
  /** This run of the machine; see `currentBootId`, the default. Empty: memory counts as whole always. */
  readonly bootId?: string;
  /** Serial number of the array, kept in the memory: data of another one is refused. Left out: not looked at. */
  readonly owner?: string;
  /** How many sides hold what is written, and how many should (`DuplexMemory`); left out: one. */
  readonly sides?: () => { readonly good: number; readonly wanted: number };
}

export class Cache {
  /** What an earlier process acknowledged and had not destaged. */
  readonly recovered: { readonly slots: number; readonly bytes: number };
  readonly #core: CacheCore;
  readonly #memory: CacheMemory;
  readonly #sides: NonNullable<CacheParts['sides']>;
  /** Of volumes with recovered slots, by their ids. */
  readonly #unattached = new Map<number, SlotOwner>();
  #closed = false;

  /** Bytes of memory for a cache of `cacheBytes` bytes of data, rounded down to slots of 16 KiB; a multiple of 4096. */
  static memoryBytes(cacheBytes: number): number {
    return memoryBytes(Math.max(1, Math.floor(cacheBytes / SLOT_BYTES)));
  }

  /** Bytes of the parts of a memory of `bytes` bytes; the last one takes what `memoryBytes` would not have. */
  static memoryParts(bytes: number): readonly number[] {
    const slots = slotsIn(bytes);
    if (slots < 1) return [bytes];
    const lengths = partLengths(slots);
    lengths[lengths.length - 1]! += bytes - memoryBytes(slots);
    return lengths;
  }

  /** @throws CacheMemoryError: the memory is not a cache's, damaged, or of another array or size and not empty */
  static open(parts: CacheParts): Cache {
    return new Cache(parts);
  }

  private constructor({ memory, adapter, clock, log, bootId, owner, sides }: CacheParts) {
    this.#sides = sides ?? (() => ({ good: 1, wanted: 1 }));
    const waiting = new WaitQueue(clock);
    const warn = (message: string) => log.error(message);
    const parted = 'parts' in memory ? memory : inParts(memory);
    this.#memory = new CacheMemory(parted, { bootId: bootId ?? currentBootId(), owner: owner ?? '', warn });
    const slots = new Slots(this.#memory, () => {
      waiting.wake();
      this.#core.throttle.wake();
    });
    this.#core = new CacheCore(this.#memory, slots, waiting, adapter, clock, log, new CacheCounters());
    this.#core.stager = new Stager(this.#core);
    this.#core.destager = new Destager(this.#core);
    this.#core.throttle = new Throttle(this.#core);
    let sectors = 0;
    for (const owner of slots.recovered) {
      this.#unattached.set(owner.id, owner);
      for (const index of owner.dirty) sectors += countSectors(this.#memory.dirty(index));
    }
    this.recovered = { slots: slots.dirtyCount, bytes: sectors * SECTOR_BYTES };
  }

  /**
   * Brings what `open` noted in the memory to the medium: until it is there a loss of power could leave newer pages
   * under an older header, which would vouch for them or not know them. To be waited for before the first `attach`.
   */
  secure(done: (error: Error | null) => void): void {
    this.#memory.sync(done);
  }

  /**
   * Lets a volume be read and written through the cache, and takes up what was recovered of it.
   * @param volumeId 0 … 2^31 − 1, kept in the memory: the same volume has the same id in the next process
   * @throws Error if it is attached already
   */
  attach(volumeId: number, backing: CacheBacking): CachedVolume {
    const { volumes, slots, destager } = this.#core;
    if (this.#closed) throw new Error('the cache is closed');
    if (volumes.has(volumeId)) throw new Error(`volume ${volumeId} is attached already`);
    const recovered = this.#unattached.get(volumeId);
    const volume = new Volume(this.#core, recovered ?? slots.own(volumeId), backing);
    volumes.set(volumeId, volume);
    for (const index of volume.own.dirty) slots.setFlow(index, this.#core.flowOf(volume, slots.numbers[index]!));
    if (this.#unattached.delete(volumeId)) destager.dirtied();
    return volume;
  }

  /** Drops what was recovered of volumes that are not attached: they do not exist any more. @returns slots */
  dropUnattached(): number {
    const { slots } = this.#core;
    let dropped = 0;
    for (const owner of this.#unattached.values()) {
      dropped += owner.dirty.length;
      for (const index of [...owner.dirty]) slots.drop(index);
      slots.disown(owner);
    }
    this.#unattached.clear();
    return dropped;
  }

  /** Brings everything dirty to the drives and syncs them. Reports the first failure when all have been tried. */
  destageAll(done: Done): void {
    const volumes = [...this.#core.volumes.values()];
    let left = volumes.length + 1;
    let first: IoFailure | null = null;
    const flushed: Done = (failure) => {
      first ??= failure;
      if (--left === 0) done(first);
    };
    for (const volume of volumes) volume.flush(0, Number.POSITIVE_INFINITY, flushed);
    flushed(null);
  }

  /**
   * Overwrites what the memory holds of no use to anybody, which is what was there before: after this nothing is left in
   * it of blocks that have been written over or unmapped. Slots that commands or readers keep just now follow when they
   * are given back.
   */
  wipe(done: Done): void {
    wipeSlots(this.#core, () => {
      this.#memory.sync((error) =>
        done(error === null ? null : { kind: 'hardware-error', cause: `cache memory: ${error.message}` }),
      );
    });
  }

  stats(): CacheStats {
    const { slots, counters, waiting, flows, throttle } = this.#core;
    return {
      ...counters,
      slots: slots.count,
      slotBytes: SLOT_BYTES,
      freeSlots: slots.free,
      dirtySlots: slots.dirtyCount,
      cleanSlots: slots.count - slots.free - slots.dirtyCount,
      pinnedSlots: slots.pinned,
      evictions: slots.evictions,
      waiting: waiting.length + throttle.waiting,
      destagingBytes: flows.list.reduce((sum, flow) => sum + flow.inFlight, 0),
      recoveredSlots: this.recovered.slots,
      sides: this.#sides().good,
      sidesWanted: this.#sides().wanted,
    };
  }

  /**
   * Refuses commands from now on and stops destaging; call when no command is under way. Dirty data stays for the
   * next process.
   * @param done called when that would survive loss of power as well; without dirty data at once
   */
  close(done: () => void = () => {}): void {
    const { volumes, slots, destager, throttle, log } = this.#core;
    this.#closed = true;
    destager.stop();
    throttle.stop();
    for (const volume of volumes.values()) volume.usable = false;
    if (slots.dirtyCount === 0) {
      done();
      return;
    }
    this.#memory.settle((error) => {
      if (error !== null) log.error(`cache memory: sync: ${error.message}`);
      done();
    });
  }
}
