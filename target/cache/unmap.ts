/**
 * UNMAP: sectors become zeros on the drives first and are dropped from the cache after that. A kill in between
 * leaves old dirty data or zeros, both of which an unfinished UNMAP may show; the other order would bring back
 * what the drive held before the dirty data.
 *
 * While a range is being unmapped, commands that would stage from it, write to it or flush it wait, and the
 * destager leaves it alone. Reads of what is in the cache go on.
 */
import type { DriveError, ParityGroup } from '../disk/types.js';
import type { Done, IoFailure } from '../volumes/block-layer.js';
import type { CacheCore } from './core.js';
import type { DestageWaiter } from './destage-jobs.js';
import { failureOf } from './flush.js';
import { coverOf, lowestSector, runLength } from './sectors.js';
import type { StageWaiter } from './stager.js';
import { SECTOR_BYTES, SLOT_SECTORS } from './types.js';
import type { Volume } from './volume.js';

/** Slots handled between two turns of the event loop. */
const STEP_SLOTS = 4096;

/** Waits until nothing is on its way between given slots and the drives. */
export class Quiescence implements StageWaiter, DestageWaiter {
  pending = 0;

  constructor(
    private readonly core: CacheCore,
    /** Asked again after each wait, since slots move. */
    private readonly indices: () => readonly number[],
    private readonly done: () => void,
  ) {}

  start(): void {
    const { slots, stager, destager } = this.core;
    this.pending = 1;
    for (const index of this.indices()) {
      if (slots.staging[index] !== 0) stager.wait(index, this);
      if (destager.jobs.busy(index)) destager.jobs.wait(index, this);
    }
    if (--this.pending === 0) this.done();
  }

  destaged(): void {
    if (--this.pending === 0) this.start();
  }

  stageFailed(): void {}

  stageDone(): void {
    this.start();
  }
}

export class UnmapCommand implements DestageWaiter {
  readonly first: number;
  readonly last: number;
  readonly #end: number;
  readonly #waiting: (() => void)[] = [];
  #at: number;
  pending = 0;
  #failure: IoFailure | null = null;

  constructor(
    private readonly core: CacheCore,
    private readonly volume: Volume,
    private readonly sector: number,
    sectors: number,
    private readonly done: Done,
  ) {
    this.#end = sector + sectors;
    this.first = Math.floor(sector / SLOT_SECTORS);
    this.last = Math.floor((this.#end - 1) / SLOT_SECTORS);
    this.#at = this.first;
  }

  start(): void {
    const { volume } = this;
    if (!volume.usable) {
      this.done(volume.gone());
      return;
    }
    if (volume.waitForUnmap(this.sector, this.#end, () => this.start())) return;
    volume.unmaps.push(this);
    this.#step();
  }

  /** Calls `resume` when this is over. */
  wait(resume: () => void): void {
    this.#waiting.push(resume);
  }

  destaged(error: DriveError | null, sector: number): void {
    if (error !== null) this.#failure ??= failureOf(error, sector);
    if (--this.pending === 0) this.#dropped();
  }

  #stepLast(): number {
    return Math.min(this.last, this.#at + STEP_SLOTS - 1);
  }

  #step(): void {
    const residents = () => this.volume.residents(this.#at, this.#stepLast());
    new Quiescence(this.core, residents, () => this.#punch()).start();
  }

  #punch(): void {
    const { volume, core } = this;
    const ranges: { group: ParityGroup; offset: number; bytes: number }[] = [];
    for (let slot = this.#at; slot <= this.#stepLast(); slot++) {
      const address = volume.backing.locate(slot);
      if (address === null) continue;
      const mask = coverOf(slot, this.sector, this.#end);
      const offset = address.offset + lowestSector(mask) * SECTOR_BYTES;
      const bytes = runLength(mask, lowestSector(mask)) * SECTOR_BYTES;
      const before = ranges.at(-1);
      if (before !== undefined && before.group === address.group && before.offset + before.bytes === offset) {
        before.bytes += bytes;
      } else {
        ranges.push({ group: address.group, offset, bytes });
      }
    }
    let left = ranges.length + 1;
    const punched = (error: DriveError | null) => {
      if (error !== null) this.#failure ??= failureOf(error, this.sector);
      if (--left === 0) this.#drop();
    };
    for (const { group, offset, bytes } of ranges) {
      core.counters.punchedBytes += bytes;
      core.adapter.punch(group, offset, bytes, (error) => {
        volume.written(group);
        punched(error);
      });
    }
    punched(null);
  }

  #drop(): void {
    if (this.#failure !== null) {
      this.#finish();
      return;
    }
    const { slots, memory, destager } = this.core;
    const pinned: number[] = [];
    for (const index of this.volume.residents(this.#at, this.#stepLast())) {
      const mask = coverOf(slots.numbers[index]!, this.sector, this.#end);
      const dirty = memory.dirty(index);
      if ((dirty & mask) !== 0) {
        memory.clearDirty(index, mask);
        if ((dirty & ~mask) === 0) slots.becameClean(index);
      }
      if (slots.pins[index] !== 0) pinned.push(index);
      else this.#forget(index, mask);
    }
    // What a pinned slot shows must not change, nor be staged over: it goes adrift whole. Dirty sectors outside
    // the range have to be on the drive before.
    this.pending = 1;
    destager.destageNow(pinned, this);
    if (--this.pending === 0) this.#dropped();
  }

  #forget(index: number, mask: number): void {
    const { slots, memory } = this.core;
    slots.valid[index]! &= ~mask;
    if (slots.valid[index] === 0 && memory.dirty(index) === 0) slots.setAdrift(index);
  }

  #dropped(): void {
    const { slots, memory } = this.core;
    for (const index of this.volume.residents(this.#at, this.#stepLast())) {
      const mask = coverOf(slots.numbers[index]!, this.sector, this.#end);
      if ((slots.valid[index]! & mask) === 0) continue;
      if (slots.pins[index] === 0) this.#forget(index, mask);
      else if (memory.dirty(index) === 0) slots.setAdrift(index);
    }
    this.#at = this.#stepLast() + 1;
    if (this.#failure !== null || this.#at > this.last) this.#finish();
    else this.core.clock.setImmediate(() => this.#step());
  }

  #finish(): void {
    const { unmaps } = this.volume;
    unmaps.splice(unmaps.indexOf(this), 1);
    this.core.destager.dirtied();
    this.done(this.#failure);
    for (const resume of this.#waiting) resume();
  }
}
