/**
 * Drive → cache. Only sectors that are neither valid nor being staged are read; adjacent ones, across slots too,
 * in one job. Commands that miss on the same slot share its jobs.
 */
import type { DriveError, ParityGroup } from '../disk/types.js';
import type { CacheCore } from './core.js';
import { lowestSector, runLength, sectorMask } from './sectors.js';
import { SlotValues } from './slot-values.js';
import { SECTOR_BYTES } from './types.js';
import type { Volume } from './volume.js';

export interface StageWaiter {
  /** Slots waited for. */
  pending: number;
  /** Sectors of a slot that the drive did not give, and the last reason. */
  stageFailed(slot: number, mask: number, error: DriveError): void;
  /** `pending` has become 0. */
  stageDone(): void;
}

export interface StageTarget {
  readonly index: number;
  readonly slot: number;
  readonly mask: number;
}

type StagePriority = 'host' | 'background';

/** What is under way for one slot. */
class SlotStage {
  readonly waiters: StageWaiter[] = [];
  pieces = 0;
  failed = 0;
  error: DriveError | null = null;
}

interface Piece {
  readonly index: number;
  readonly slot: number;
  readonly first: number;
  readonly count: number;
  readonly group: ParityGroup;
  readonly offset: number;
  readonly stage: SlotStage;
}

const JOB_SECTORS = 2048;

export class Stager {
  readonly #core: CacheCore;
  readonly #stages: SlotValues<SlotStage>;

  constructor(core: CacheCore) {
    this.#core = core;
    this.#stages = new SlotValues(core.slots.count);
  }

  /**
   * Makes sectors of slots, which the caller holds, valid. `waiter.pending` grows by the slots that have to be
   * waited for; the caller keeps one on top of it until this returns, since jobs may end before that.
   */
  begin(volume: Volume, targets: readonly StageTarget[], priority: StagePriority, waiter: StageWaiter): void {
    const { slots } = this.#core;
    const pieces: Piece[] = [];
    for (const target of targets) {
      const { index, mask } = target;
      const missing = mask & ~slots.valid[index]! & ~slots.staging[index]!;
      if (missing !== 0) this.#plan(volume, target, missing, pieces);
      if ((slots.staging[index]! & mask) !== 0) this.#join(index, waiter);
    }
    for (let from = 0; from < pieces.length; ) {
      let to = from + 1;
      let sectors = pieces[from]!.count;
      while (to < pieces.length && sectors < JOB_SECTORS && follows(pieces[to - 1]!, pieces[to]!)) {
        sectors += pieces[to++]!.count;
      }
      this.#submit(pieces.slice(from, to), priority);
      from = to;
    }
  }

  /** Waits for whatever is being staged into a slot. */
  wait(index: number, waiter: StageWaiter): void {
    this.#join(index, waiter);
  }

  #join(index: number, waiter: StageWaiter): void {
    this.#stages.get(index)!.waiters.push(waiter);
    waiter.pending++;
  }

  #plan(volume: Volume, { index, slot }: StageTarget, missing: number, pieces: Piece[]): void {
    const { slots, memory } = this.#core;
    const address = volume.backing.locate(slot);
    if (address === null) {
      memory.zero(index, missing);
      slots.valid[index]! |= missing;
      return;
    }
    let stage = this.#stages.get(index);
    if (stage === null) {
      stage = new SlotStage();
      this.#stages.add(index, stage);
    }
    slots.staging[index]! |= missing;
    for (let rest = missing; rest !== 0; ) {
      const first = lowestSector(rest);
      const count = runLength(rest, first);
      rest &= ~sectorMask(first, count);
      const offset = address.offset + first * SECTOR_BYTES;
      this.#add(pieces, { index, slot, first, count, group: address.group, offset, stage });
    }
  }

  #add(pieces: Piece[], piece: Piece): void {
    piece.stage.pieces++;
    this.#core.slots.hold(piece.index);
    pieces.push(piece);
  }

  #submit(pieces: readonly Piece[], priority: StagePriority): void {
    const { adapter, slots } = this.#core;
    const { group, offset } = pieces[0]!;
    const buffers = pieces.map((piece) => slots.view(piece.index, piece.first, piece.count));
    adapter.stage(group, offset, buffers, priority, (error) => this.#finish(pieces, priority, error));
  }

  #finish(pieces: readonly Piece[], priority: StagePriority, error: DriveError | null): void {
    if (error !== null && error.kind === 'io-error' && this.#retry(pieces, priority)) return;
    const { slots, counters, log } = this.#core;
    for (const { index, first, count, stage } of pieces) {
      const mask = sectorMask(first, count);
      slots.staging[index]! &= ~mask;
      stage.pieces--;
      if (error === null) {
        slots.valid[index]! |= mask;
        counters.stagedBytes += count * SECTOR_BYTES;
      } else {
        stage.failed |= mask;
        stage.error = error;
      }
    }
    if (error !== null) {
      counters.stageFailures++;
      log.warn(`stage from ${pieces[0]!.group.name} at ${pieces[0]!.offset}: ${error.message}`);
    }
    for (const { index } of pieces) slots.unhold(index);
    for (const { index, slot, stage } of pieces) this.#notify(index, slot, stage);
  }

  #notify(index: number, slot: number, stage: SlotStage): void {
    if (stage.pieces !== 0 || this.#stages.get(index) !== stage) return;
    this.#stages.delete(index);
    // A sector that failed may have been read by another job, or written, since.
    const failed = stage.failed & ~this.#core.slots.valid[index]!;
    for (const waiter of stage.waiters) {
      if (failed !== 0) waiter.stageFailed(slot, failed, stage.error!);
      if (--waiter.pending === 0) waiter.stageDone();
    }
  }

  /**
   * Reads a failed job again slot by slot, and a failed slot sector by sector, to find the bad ones and to save
   * the others.
   * @returns false: it was one sector
   */
  #retry(pieces: readonly Piece[], priority: StagePriority): boolean {
    const [piece] = pieces as [Piece];
    if (pieces.length > 1) {
      for (const each of pieces) this.#submit([each], priority);
      return true;
    }
    if (piece.count === 1) return false;
    const sectors: Piece[] = [];
    for (let at = 0; at < piece.count; at++) {
      this.#add(sectors, { ...piece, first: piece.first + at, count: 1, offset: piece.offset + at * SECTOR_BYTES });
    }
    piece.stage.pieces--;
    this.#core.slots.unhold(piece.index);
    for (const sector of sectors) this.#submit([sector], priority);
    return true;
  }
}

function follows(before: Piece, piece: Piece): boolean {
  return piece.group === before.group && piece.offset === before.offset + before.count * SECTOR_BYTES;
}
