/** Reads that are not a hit of one slot: several slots, misses, more than may be pinned. */
import type { DriveError } from '../disk/types.js';
import type { IoFailure, ReadDone } from '../volumes/block-layer.js';
import type { CacheCore } from './core.js';
import { countSectors, coverOf, lowestSector, runLength, widenToPages } from './sectors.js';
import type { StageTarget, StageWaiter } from './stager.js';
import { type CacheHints, SECTOR_BYTES, SLOT_BYTES, SLOT_SECTORS } from './types.js';
import type { Volume } from './volume.js';
import type { Attempt, WaitingCommand } from './wait-queue.js';

const ZEROS = Buffer.alloc(SLOT_BYTES);
const ZERO_VIEWS = Array.from({ length: SLOT_SECTORS + 1 }, (_, sectors) => ZEROS.subarray(0, sectors * SECTOR_BYTES));
const NO_DATA: readonly Buffer[] = [];
export const nothingToRelease = () => {};

/** What 0 to 32 sectors of unallocated space read as. Handed out, never written. */
export function zeroSectors(sectors: number): Buffer {
  return ZERO_VIEWS[sectors]!;
}

export function failRead(done: ReadDone, failure: IoFailure): void {
  done(failure, NO_DATA, nothingToRelease);
}

export class ReadCommand implements StageWaiter, WaitingCommand {
  ticket = 0;
  pending = 0;
  readonly #end: number;
  /** The first one, and why. */
  #failedSector = -1;
  #failure: IoFailure | null = null;
  #held: number[] = [];
  /** Of these, the slots that were not in the cache. */
  #brought: number[] = [];
  #counted = false;
  /** It found everything, and says that it may be used again. */
  #touches = false;
  readonly #inStream: boolean;

  constructor(
    private readonly core: CacheCore,
    private readonly volume: Volume,
    private readonly hints: CacheHints,
    private readonly sector: number,
    sectors: number,
    private readonly done: ReadDone,
  ) {
    this.#end = sector + sectors;
    this.#inStream = volume.readAhead.inStream;
  }

  start(): void {
    const attempt = this.attempt(false);
    if (attempt === 'ran') return;
    this.core.counters.slotWaits++;
    this.core.waiting.addRead(this);
  }

  attempt(queued: boolean): Attempt {
    const { core, volume } = this;
    const { slots } = core;
    if (!volume.usable) {
      failRead(this.done, volume.gone());
      return 'ran';
    }
    const targets: StageTarget[] = [];
    const absent: number[] = [];
    const last = Math.floor((this.#end - 1) / SLOT_SECTORS);
    let missed = 0;
    for (let slot = Math.floor(this.sector / SLOT_SECTORS); slot <= last; slot++) {
      const mask = coverOf(slot, this.sector, this.#end);
      const index = slots.find(volume.own, slot);
      if (index < 0) {
        if (volume.backing.locate(slot) === null) continue;
        absent.push(slot);
        missed += countSectors(mask);
      } else if ((slots.valid[index]! & mask) !== mask) {
        targets.push({ index, slot, mask: widenToPages(mask) });
        missed += countSectors(mask & ~slots.valid[index]!);
      }
    }
    this.#count(missed);
    if (missed === 0) {
      this.#deliver();
      return 'ran';
    }
    if (volume.waitForUnmap(this.sector, this.#end, () => this.start())) return 'ran';
    const first = Math.floor(this.sector / SLOT_SECTORS);
    if (absent.length > 0) {
      if (!queued && core.waiting.readsWait()) return 'slots';
      if (!volume.room(first, last, absent.length)) return 'slots';
    }
    // Keeps what is there, so that making room for the rest does not push it out.
    const held = volume.residents(first, last);
    for (const index of held) slots.hold(index);
    for (const slot of absent) {
      const index = slots.take();
      slots.place(index, volume.own, slot);
      slots.hold(index);
      held.push(index);
      this.#brought.push(index);
      targets.push({ index, slot, mask: widenToPages(coverOf(slot, this.sector, this.#end)) });
    }
    targets.sort((a, b) => a.slot - b.slot);
    this.#held = held;
    this.pending = 1;
    this.hints.waits?.begin('drives');
    core.stager.begin(volume, targets, this.hints.priority, this);
    if (--this.pending === 0) this.stageDone();
    return 'ran';
  }

  stageFailed(slot: number, mask: number, error: DriveError): void {
    const first = slot * SLOT_SECTORS;
    const start = Math.max(first, this.sector);
    if (start >= this.#end) return;
    const wanted = mask & coverOf(slot, this.sector, this.#end);
    if (wanted === 0) return;
    const sector = first + lowestSector(wanted);
    if (this.#failedSector >= 0 && sector >= this.#failedSector) return;
    this.#failedSector = sector;
    this.#failure = readFailure(error, sector);
  }

  stageDone(): void {
    this.hints.waits?.end('drives');
    const held = this.#held;
    this.#held = [];
    if (this.#failedSector < 0) {
      this.start();
      for (const index of held) this.core.slots.unhold(index);
      if (this.hints.dpo) for (const index of this.#brought) this.core.slots.demote(index);
    } else {
      for (const index of held) this.core.slots.unhold(index);
      failRead(this.done, this.#failure!);
    }
  }

  #deliver(): void {
    const { slots } = this.core;
    const data: Buffer[] = [];
    const pinned: number[] = [];
    const first = Math.floor(this.sector / SLOT_SECTORS);
    const last = Math.floor((this.#end - 1) / SLOT_SECTORS);
    const pin = this.core.mayPin(last - first + 1);
    for (let slot = first; slot <= last; slot++) {
      const mask = coverOf(slot, this.sector, this.#end);
      const from = lowestSector(mask);
      const count = runLength(mask, from);
      const index = slots.find(this.volume.own, slot);
      if (index < 0) {
        data.push(zeroSectors(count));
      } else if (pin) {
        slots.pin(index);
        if (this.#touches) slots.touch(index);
        pinned.push(index);
        data.push(slots.view(index, from, count));
      } else {
        if (this.#touches) slots.touch(index);
        data.push(Buffer.from(slots.view(index, from, count)));
      }
    }
    if (!pin) this.core.counters.copiedReads++;
    this.done(null, data, pinned.length === 0 ? nothingToRelease : () => slots.unpinAll(pinned));
  }

  #count(missed: number): void {
    if (this.#counted) return;
    this.#counted = true;
    this.#touches = missed === 0 && !this.hints.dpo && !this.#inStream;
    const { counters } = this.core;
    const sectors = this.#end - this.sector;
    counters.missSectors += missed;
    counters.hitSectors += sectors - missed;
    if (missed === 0) counters.readHits++;
    else counters.readMisses++;
  }
}

/** A drive that is not there at all has no bad sectors to tell of. */
function readFailure(error: DriveError, sector: number): IoFailure {
  if (error.kind === 'io-error') return { kind: 'medium-error', lba: sector, write: false };
  return { kind: 'hardware-error', cause: error.message };
}

/** A read of more slots than one command may take: part after part, copied out. */
export function readInParts(
  core: CacheCore,
  volume: Volume,
  hints: CacheHints,
  sector: number,
  sectors: number,
  done: ReadDone,
): void {
  const end = sector + sectors;
  const step = core.commandSlots * SLOT_SECTORS;
  const data: Buffer[] = [];
  core.counters.copiedReads++;
  const part = (from: number) => {
    if (from >= end) {
      done(null, data, nothingToRelease);
      return;
    }
    const to = Math.min(end, Math.floor(from / SLOT_SECTORS) * SLOT_SECTORS + step);
    const command = new ReadCommand(core, volume, hints, from, to - from, (failure, views, release) => {
      if (failure !== null) {
        failRead(done, failure);
        return;
      }
      for (const view of views) data.push(Buffer.from(view));
      release();
      // Not in this call: parts that are hits would nest without limit.
      core.clock.setImmediate(() => part(to));
    });
    command.start();
  };
  part(sector);
}
