/** One volume in the cache: the paths that most commands take, and the way to those for all others. */
import type { ParityGroup } from '../disk/types.js';
import type { Done, IoFailure, ReadDone } from '../volumes/block-layer.js';
import type { CacheCore } from './core.js';
import { FlushCommand, UnsyncedGroups } from './flush.js';
import { Prefetch } from './prefetch.js';
import { failRead, nothingToRelease, ReadCommand, readInParts, zeroSectors } from './read.js';
import { ReadAhead } from './read-ahead.js';
import { lowestSector, runLength, sectorMask } from './sectors.js';
import { writableInPlace, writeInPlace } from './slot-write.js';
import type { SlotOwner } from './slots.js';
import {
  ATOMIC_BYTES,
  type CacheBacking,
  type CachedVolume,
  type CacheHints,
  SECTOR_BYTES,
  SLOT_SECTORS,
} from './types.js';
import { Quiescence, UnmapCommand } from './unmap.js';
import { WriteCommand, writeInParts } from './write.js';

const nothing = () => {};

export class Volume implements CachedVolume {
  readonly unmaps: UnmapCommand[] = [];
  /** False once it is being discarded or the cache is closed. */
  usable = true;
  readonly readAhead = new ReadAhead();
  /** Written to last. */
  writtenSlot = -1;
  readonly #unsynced = new UnsyncedGroups();
  #synced = false;

  constructor(
    private readonly core: CacheCore,
    /** Its slots. */
    readonly own: SlotOwner,
    readonly backing: CacheBacking,
  ) {}

  /** Kept in the memory. */
  get id(): number {
    return this.own.id;
  }

  read(hints: CacheHints, sector: number, sectors: number, done: ReadDone): void {
    const { core } = this;
    const { slots, counters } = core;
    const end = sector + sectors;
    counters.reads++;
    counters.readSectors += sectors;
    const ahead = this.readAhead.observe(sector, end);
    const slot = Math.floor(sector / SLOT_SECTORS);
    const first = sector - slot * SLOT_SECTORS;
    if (first + sectors <= SLOT_SECTORS && !hints.fua && this.usable) {
      const index = slots.find(this.own, slot);
      if (index >= 0) {
        const mask = sectorMask(first, sectors);
        if ((slots.valid[index]! & mask) === mask && core.mayPin(1)) {
          counters.readHits++;
          counters.hitSectors += sectors;
          slots.pin(index);
          if (!hints.dpo && !this.readAhead.inStream) slots.touch(index);
          done(null, [slots.view(index, first, sectors)], () => slots.unpin(index));
          if (ahead !== null) this.#bringIn(ahead.first, ahead.last);
          return;
        }
      } else if (this.backing.locate(slot) === null) {
        counters.readHits++;
        counters.hitSectors += sectors;
        done(null, [zeroSectors(sectors)], nothingToRelease);
        return;
      }
    }
    if (sectors === 0) {
      done(null, [], nothing);
      return;
    }
    if (hints.fua && this.own.dirty.length > 0) this.#readFromMedium(hints, sector, sectors, done);
    else this.#readAny(hints, sector, sectors, done);
    if (ahead !== null) this.#bringIn(ahead.first, ahead.last);
  }

  write(hints: CacheHints, sector: number, sectors: number, data: readonly Buffer[], done: Done): void {
    const { core } = this;
    const { counters, slots } = core;
    counters.writes++;
    counters.writtenSectors += sectors;
    const slot = Math.floor(sector / SLOT_SECTORS);
    const first = sector - slot * SLOT_SECTORS;
    if (first + sectors <= SLOT_SECTORS && !hints.fua && this.usable && this.unmaps.length === 0) {
      const index = slots.find(this.own, slot);
      if (index >= 0 && (core.memory.dirty(index) !== 0 || this.#mayDirty(slot))) {
        const mask = sectorMask(first, sectors);
        if (writableInPlace(core, index, mask)) {
          core.cursor.reset(data);
          writeInPlace(core, this, slot, index, first, mask, sectors * SECTOR_BYTES, core.cursor);
          core.cursor.clear();
          counters.writeHits++;
          if (this.rewrites(slot) && !hints.dpo) slots.touch(index);
          done(null);
          return;
        }
      }
    }
    if (sectors === 0) {
      done(null);
      return;
    }
    const ended: Done = hints.fua
      ? (failure) => (failure === null ? this.#flushFor(hints, sector, sectors, done) : done(failure))
      : done;
    const atomic = hints.atomic === true;
    const fits = first + sectors <= core.commandSlots * SLOT_SECTORS;
    if (atomic && !(fits && sectors * SECTOR_BYTES <= ATOMIC_BYTES)) {
      done({
        kind: 'hardware-error',
        cause: `an atomic write of ${sectors} sectors is more than the cache can commit`,
      });
    } else if (fits) {
      new WriteCommand(core, this, hints, sector, sectors, data, 0, ended).start();
    } else {
      writeInParts(core, this, hints, sector, sectors, data, ended);
    }
  }

  unmap(sector: number, sectors: number, done: Done): void {
    this.core.counters.unmaps++;
    if (sectors === 0) done(null);
    else new UnmapCommand(this.core, this, sector, sectors, done).start();
  }

  flush(sector: number, sectors: number, done: Done): void {
    this.core.counters.flushes++;
    this.#flush(sector, sectors, done);
  }

  prefetch(hints: CacheHints, sector: number, sectors: number, done: Done): void {
    const first = Math.floor(sector / SLOT_SECTORS);
    const last = Math.floor((sector + sectors - 1) / SLOT_SECTORS);
    if (!this.usable) {
      done(this.gone());
      return;
    }
    const step = this.core.commandSlots;
    // At most half the cache: more would push out its own beginning.
    const stop = Math.min(last, first + Math.floor(this.core.slots.count / 2));
    const part = (from: number) => {
      if (from > stop || !this.usable) {
        done(null);
        return;
      }
      const next = () => this.core.clock.setImmediate(() => part(from + step));
      new Prefetch(this.core, this, hints.priority, next).start(from, Math.min(stop, from + step - 1));
    };
    part(first);
  }

  dirtyRuns(sector: number, sectors: number): readonly (readonly [number, number])[] {
    const { slots, memory } = this.core;
    const end = sector + sectors;
    const runs: [number, number][] = [];
    if (sectors === 0) return runs;
    const indices = this.dirtySlots(Math.floor(sector / SLOT_SECTORS), Math.ceil(end / SLOT_SECTORS) - 1);
    indices.sort((a, b) => slots.numbers[a]! - slots.numbers[b]!);
    for (const index of indices) {
      for (let rest = memory.dirty(index); rest !== 0; ) {
        const first = lowestSector(rest);
        const count = runLength(rest, first);
        rest &= ~sectorMask(first, count);
        const from = Math.max(sector, slots.numbers[index]! * SLOT_SECTORS + first);
        const to = Math.min(end, slots.numbers[index]! * SLOT_SECTORS + first + count);
        const before = runs.at(-1);
        if (from >= to) continue;
        if (before !== undefined && before[0] + before[1] === from) before[1] += to - from;
        else runs.push([from, to - from]);
      }
    }
    return runs;
  }

  discard(done: Done): void {
    const { core } = this;
    if (!this.usable) {
      done(this.gone());
      return;
    }
    this.usable = false;
    core.waiting.wake();
    core.throttle.dismiss(this);
    const [unmap] = this.unmaps;
    const everything = () => core.slots.of(this.own);
    const quiesce = () => new Quiescence(core, everything, () => this.#dropAll(done)).start();
    if (unmap === undefined) quiesce();
    else this.#afterUnmaps(quiesce);
  }

  /** Why commands are refused. */
  gone(): IoFailure {
    return { kind: 'not-ready', cause: 'the volume is being removed or the array is stopping' };
  }

  /** Whether a slot is in a range being unmapped. */
  unmapping(slot: number): boolean {
    for (const unmap of this.unmaps) if (slot >= unmap.first && slot <= unmap.last) return true;
    return false;
  }

  /** @returns true: `resume` will be called when an unmap that shares slots with [sector, end) is over */
  waitForUnmap(sector: number, end: number, resume: () => void): boolean {
    for (const unmap of this.unmaps) {
      if (sector < (unmap.last + 1) * SLOT_SECTORS && end > unmap.first * SLOT_SECTORS) {
        unmap.wait(resume);
        return true;
      }
    }
    return false;
  }

  /** Notes a write to a slot that is in the cache. @returns false: it goes on with the one before, as a stream does */
  rewrites(slot: number): boolean {
    const again = slot !== this.writtenSlot;
    this.writtenSlot = slot;
    return again;
  }

  /** Slots in the cache of those numbered `first` to `last`. */
  residents(first: number, last: number): number[] {
    const { slots } = this.core;
    if (last - first >= slots.count) {
      return slots.of(this.own).filter((index) => slots.numbers[index]! >= first && slots.numbers[index]! <= last);
    }
    const indices: number[] = [];
    if (this.own.resident === 0) return indices;
    for (let slot = first; slot <= last; slot++) {
      const index = slots.find(this.own, slot);
      if (index >= 0) indices.push(index);
    }
    return indices;
  }

  /** Dirty ones of those numbered `first` to `last`. */
  dirtySlots(first: number, last: number): number[] {
    const { slots } = this.core;
    const { dirty } = this.own;
    if (last - first < dirty.length) return this.residents(first, last).filter((index) => slots.isDirty(index));
    const indices: number[] = [];
    for (const index of dirty) {
      if (slots.numbers[index]! >= first && slots.numbers[index]! <= last) indices.push(index);
    }
    return indices;
  }

  /** Whether `needed` slots can be had beside those numbered `first` to `last`, which must not be taken for it. */
  room(first: number, last: number, needed: number): boolean {
    const { slots } = this.core;
    if (slots.available >= needed + (last - first + 1)) return true;
    let own = 0;
    for (let slot = first; slot <= last; slot++) {
      const index = slots.find(this.own, slot);
      if (index >= 0 && slots.evictable(index)) own++;
    }
    return slots.available - own >= needed;
  }

  /** Data or a punch went to a group. */
  written(group: ParityGroup): void {
    this.#unsynced.written(group);
  }

  /** Groups to sync, and when each was last written to. */
  unsynced(): [ParityGroup, number][] {
    if (!this.#synced) {
      // An earlier process may have destaged without syncing.
      this.#synced = true;
      for (const group of this.backing.groups?.() ?? []) this.#unsynced.written(group);
    }
    return this.#unsynced.list();
  }

  synced(group: ParityGroup, stamp: number): void {
    this.#unsynced.synced(group, stamp);
  }

  /** Whether a clean slot may become dirty at once. A dirty one has its region and is within the limit already. */
  #mayDirty(slot: number): boolean {
    const { slots, throttle, waiting } = this.core;
    return slots.dirtyCount < throttle.from && !waiting.writesWait() && this.backing.assign(slot) === null;
  }

  #flush(sector: number, sectors: number, done: Done): void {
    new FlushCommand(this.core, this, sector, sectors, done).start();
  }

  /** As a part of a command that waits for it. */
  #flushFor({ waits }: CacheHints, sector: number, sectors: number, done: Done): void {
    waits?.begin('drives');
    this.#flush(sector, sectors, (failure) => {
      waits?.end('drives');
      done(failure);
    });
  }

  /** FUA (SBC-4 4.15): what is newer in the cache goes to the medium before it is read. */
  #readFromMedium(hints: CacheHints, sector: number, sectors: number, done: ReadDone): void {
    this.#flushFor(hints, sector, sectors, (failure) => {
      if (failure === null) this.#readAny(hints, sector, sectors, done);
      else failRead(done, failure);
    });
  }

  #readAny(hints: CacheHints, sector: number, sectors: number, done: ReadDone): void {
    const { core } = this;
    const first = sector - Math.floor(sector / SLOT_SECTORS) * SLOT_SECTORS;
    if (first + sectors <= core.commandSlots * SLOT_SECTORS) {
      new ReadCommand(core, this, hints, sector, sectors, done).start();
    } else {
      readInParts(core, this, hints, sector, sectors, done);
    }
  }

  #bringIn(first: number, last: number): void {
    if (this.usable) new Prefetch(this.core, this, 'background', nothing).start(first, last);
  }

  #afterUnmaps(run: () => void): void {
    const [unmap] = this.unmaps;
    if (unmap === undefined) run();
    else unmap.wait(() => this.#afterUnmaps(run));
  }

  #dropAll(done: Done): void {
    const { slots, memory, volumes } = this.core;
    const indices = slots.of(this.own);
    for (const index of indices) {
      if (memory.dirty(index) !== 0) {
        memory.clearDirty(index, -1);
        slots.becameClean(index);
      }
    }
    for (const index of indices) slots.setAdrift(index);
    slots.disown(this.own);
    volumes.delete(this.id);
    done(null);
  }
}
