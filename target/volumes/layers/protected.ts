/**
 * The layer of LDEVs formatted with protection information: keeps eight bytes beside each block, over a layer of plain
 * sectors (`protected-layout.ts` says where). Operations with `Io.protected` carry blocks of blockSize + 8 bytes, the
 * information after each; writes without it have it made here: the application tag is the host's (ATO 1), so it is FFFFh
 * and nobody checks the block until the host says another one (SBC-4 table 133).
 * Nothing is checked here: that is the handlers', who know what a command wants checked.
 *
 * What a write shares slots with is read and written again in the same commit, so no kill parts a block from its
 * information; writes and unmaps that share slots take turns.
 *
 * What lies between can have been lost: blocks between those wanted and their information are then left alone, as
 * `settleAround` says; lost information becomes that of blocks nobody has written, so that a write mends it.
 */
import { native } from '../../../native/index.js';
import {
  encodeProtection,
  PI_BYTES,
  type ProtectionType,
  referenceTagOf,
  UNCHECKED_APPLICATION_TAG,
} from '../../../wire/scsi/protection.js';
import { SECTOR_BYTES, SLOT_SECTORS } from '../../cache/types.js';
import { StripeLocks } from '../../disk/raid/stripe-locks.js';
import type { BlockExtent, BlockLayer, Done, ExtentsDone, Io, IoFailure, ReadDone } from '../block-layer.js';
import type { ProtectedLayout, Sectors, SharedSlot } from './protected-layout.js';

const NO_DATA: readonly Buffer[] = [];
const nothing = () => {};
/** What one slot can have at most, so that a list of extents always reaches beyond one. */
const EXTENTS_PER_SLOT = SLOT_SECTORS + 1;

export interface ProtectedOwner {
  readonly blocks: number;
  readonly protection: ProtectionType;
  /** A write has made information anew that could not be read: that of blocks of this range that it did not write is gone. */
  informationLost?(lba: number, blocks: number): void;
}

/** What a write shares slots with and cannot read. */
interface Unreadable {
  /** A sector of blocks; null: there is none. */
  readonly lost: number | null;
  /** Sectors of information. */
  readonly bare: readonly Sectors[];
}

export class ProtectedLayer implements BlockLayer {
  /** By slot. */
  private readonly locks = new StripeLocks();

  constructor(
    /** Of sectors. */
    private readonly next: BlockLayer,
    private readonly layout: ProtectedLayout,
    private readonly owner: ProtectedOwner,
  ) {}

  read(io: Io, lba: number, blocks: number, done: ReadDone): void {
    if (blocks === 0) {
      done(null, NO_DATA, nothing);
      return;
    }
    const reach = this.layout.reach(lba, blocks);
    this.next.read(io, reach.first, reach.end - reach.first, (failure, data, release) => {
      if (failure !== null) {
        if (failure.kind === 'medium-error') this.readAround(io, lba, blocks, failure, done);
        else done(failure, NO_DATA, nothing);
        return;
      }
      // Pinned slots would be written to elsewhere; the copy is needed anyway, as blocks do not lie side by side.
      const sectors = joined(data);
      const result = this.picked(sectors, reach, lba, blocks, io.protected === true);
      release();
      done(null, [result], nothing);
    });
  }

  write(io: Io, lba: number, blocks: number, data: readonly Buffer[], done: Done): void {
    if (blocks === 0) {
      done(null);
      return;
    }
    this.alone(lba, blocks, done, (ended) => {
      const { blockSize } = this.layout;
      const bytes = blocks * (blockSize + (io.protected === true ? PI_BYTES : 0));
      const given = joined(data).subarray(0, bytes);
      this.merge(io, lba, blocks, ended, (image, reach) =>
        this.put(image, reach, lba, blocks, given, io.protected === true),
      );
    });
  }

  unmap(io: Io, lba: number, blocks: number, done: Done): void {
    if (blocks === 0) {
      done(null);
      return;
    }
    const { perSlot } = this.layout;
    const end = lba + blocks;
    const first = Math.ceil(lba / perSlot);
    const past = end === this.owner.blocks ? Math.ceil(end / perSlot) : Math.floor(end / perSlot);
    this.alone(lba, blocks, done, (ended) => {
      if (first >= past) {
        // Within one slot, or the end of one and the beginning of the next.
        const cut = Math.min(end, first * perSlot);
        this.inTurn(
          [
            [lba, cut - lba],
            [cut, end - cut],
          ],
          io,
          ended,
        );
        return;
      }
      const head = first * perSlot - lba;
      const tail = Math.max(0, end - past * perSlot);
      this.next.unmap(io, first * SLOT_SECTORS, (past - first) * SLOT_SECTORS, (failure) => {
        if (failure !== null) ended(failure);
        else
          this.inTurn(
            [
              [lba, head],
              [past * perSlot, tail],
            ],
            io,
            ended,
          );
      });
    });
  }

  flush(io: Io, lba: number, blocks: number, done: Done): void {
    const { first, end } = this.layout.reach(lba, this.countOf(lba, blocks));
    this.next.flush(io, first, end - first, this.converting(lba, this.countOf(lba, blocks), done));
  }

  prefetch(io: Io, lba: number, blocks: number, done: Done): void {
    const { first, end } = this.layout.reach(lba, this.countOf(lba, blocks));
    this.next.prefetch(io, first, end - first, this.converting(lba, this.countOf(lba, blocks), done));
  }

  /** By slots: one of which anything is allocated counts as mapped, as its information is. */
  extents(lba: number, blocks: number, limit: number, done: ExtentsDone): void {
    const { layout } = this;
    const from = layout.slotOf(lba);
    const slots = layout.slotOf(lba + blocks - 1) + 1 - from;
    this.next.extents(from * SLOT_SECTORS, slots * SLOT_SECTORS, limit + EXTENTS_PER_SLOT, (failure, list) => {
      if (failure !== null) done(this.inBlocks(failure, lba, blocks), []);
      else done(null, slotExtents(list, layout.perSlot, lba, blocks).slice(0, limit));
    });
  }

  /** 0: to the end. */
  private countOf(lba: number, blocks: number): number {
    return blocks === 0 ? this.owner.blocks - lba : blocks;
  }

  /** Runs `run` when no other write has the slots; `run` calls what it is given once, at its end. */
  private alone(lba: number, blocks: number, done: Done, run: (ended: Done) => void): void {
    const { layout } = this;
    const told = this.converting(lba, blocks, done);
    this.locks.lockRange(layout.slotOf(lba), layout.slotOf(lba + blocks - 1) + 1, (unlock) =>
      run((failure) => {
        unlock();
        told(failure);
      }),
    );
  }

  /** Clears ranges that are parts of a slot, one after the other. */
  private inTurn(ranges: readonly (readonly [lba: number, blocks: number])[], io: Io, ended: Done): void {
    const [range, ...rest] = ranges;
    if (range === undefined) {
      ended(null);
      return;
    }
    this.clear(io, ...range, (failure) => {
      if (failure !== null) ended(failure);
      else this.inTurn(rest, io, ended);
    });
  }

  /** Blocks of one slot become as never written; what is so already gets no space by it. */
  private clear(io: Io, lba: number, blocks: number, ended: Done): void {
    if (blocks === 0) {
      ended(null);
      return;
    }
    const clean = () =>
      this.merge(io, lba, blocks, ended, (image, reach) => {
        for (const part of this.partsOf(image, reach, lba, blocks)) part.fill(0);
      });
    const reach = this.layout.reach(lba, blocks);
    this.next.read(quiet(io), reach.first, reach.end - reach.first, (failure, data, release) => {
      if (failure !== null) {
        if (failure.kind === 'medium-error') clean();
        else ended(failure);
        return;
      }
      const empty = this.partsOf(joined(data), reach, lba, blocks).every((part) => native.isZero(part));
      release();
      if (empty) ended(null);
      else clean();
    });
  }

  /** Blocks and their information, one after the other, as views of an image of sectors. */
  private partsOf(image: Buffer, reach: Sectors, lba: number, blocks: number): Buffer[] {
    const { blockSize } = this.layout;
    const base = reach.first * SECTOR_BYTES;
    const parts: Buffer[] = [];
    for (let block = lba; block < lba + blocks; block++) {
      const data = this.layout.sectorOf(block) * SECTOR_BYTES - base;
      const information = this.layout.informationOf(block) - base;
      parts.push(image.subarray(data, data + blockSize), image.subarray(information, information + PI_BYTES));
    }
    return parts;
  }

  /** Reads blocks without what lies between them and their information, which cannot be read. */
  private readAround(io: Io, lba: number, blocks: number, failure: IoFailure, done: ReadDone): void {
    const { reach, slots, runs } = this.layout.around(lba, blocks);
    if (slots.every(({ between }) => between === null)) {
      done(this.inBlocks(failure, lba, blocks), NO_DATA, nothing);
      return;
    }
    const image = Buffer.alloc((reach.end - reach.first) * SECTOR_BYTES);
    this.fetchAll(io, runs, image, reach, (lost) => {
      if (lost !== null) done(this.inBlocks(lost, lba, blocks), NO_DATA, nothing);
      else done(null, [this.picked(image, reach, lba, blocks, io.protected === true)], nothing);
    });
  }

  /** Reads runs of sectors into an image, one after the other. */
  private fetchAll(io: Io, runs: readonly Sectors[], image: Buffer, reach: Sectors, done: Done): void {
    const [run, ...rest] = runs;
    if (run === undefined) {
      done(null);
      return;
    }
    this.next.read(io, run.first, run.end - run.first, (failure, data, release) => {
      if (failure !== null) {
        done(failure);
        return;
      }
      joined(data).copy(image, (run.first - reach.first) * SECTOR_BYTES);
      release();
      this.fetchAll(io, rest, image, reach, done);
    });
  }

  /** Writes runs of sectors out of an image, one after the other. */
  private storeAll(io: Io, runs: readonly Sectors[], image: Buffer, reach: Sectors, done: Done): void {
    const [run, ...rest] = runs;
    if (run === undefined) {
      done(null);
      return;
    }
    const part = image.subarray((run.first - reach.first) * SECTOR_BYTES, (run.end - reach.first) * SECTOR_BYTES);
    this.next.write(io, run.first, run.end - run.first, [part], (failure) => {
      if (failure !== null) done(failure);
      else this.storeAll(io, rest, image, reach, done);
    });
  }

  /**
   * Writes blocks that share slots with others. What shares them is read before; the blocks themselves are not, so that
   * writing mends lost ones.
   * @param fill puts the blocks and their information into an image of the sectors that the write reaches
   */
  private merge(io: Io, lba: number, blocks: number, ended: Done, fill: (image: Buffer, reach: Sectors) => void): void {
    const { reach, slots, runs } = this.layout.around(lba, blocks);
    const image = Buffer.alloc((reach.end - reach.first) * SECTOR_BYTES);
    this.readNeighbours(quiet(io), slots, image, reach, (failure, { lost, bare }) => {
      if (failure !== null) {
        ended(failure);
        return;
      }
      const written: Done = (problem) => {
        if (problem === null) for (const { first } of bare) this.tellLost(first);
        ended(problem);
      };
      fill(image, reach);
      if (lost === null) this.next.write(io, reach.first, reach.end - reach.first, [image], written);
      // In one commit or not at all, which needs what is lost.
      else if (io.atomic === true) ended({ kind: 'medium-error', lba: lost, write: true });
      else this.settleAround(io, lba, blocks, image, reach, slots, runs, written);
    });
  }

  /** @param sector of information that has been made anew */
  private tellLost(sector: number): void {
    const { perSlot } = this.layout;
    const lba = Math.floor(sector / SLOT_SECTORS) * perSlot;
    this.owner.informationLost?.(lba, Math.min(perSlot, this.owner.blocks - lba));
  }

  /** Lost information is left as zeros. */
  private readNeighbours(
    io: Io,
    slots: readonly SharedSlot[],
    image: Buffer,
    reach: Sectors,
    done: (failure: IoFailure | null, found: Unreadable) => void,
  ): void {
    let lost: number | null = null;
    const bare: Sectors[] = [];
    const readable = (run: Sectors | null, then: () => void, unreadable: () => void) => {
      const runs = run === null ? [] : [run];
      this.fetchAll(io, runs, image, reach, (failure) => {
        if (failure === null) then();
        else if (failure.kind === 'medium-error') unreadable();
        else done(failure, { lost, bare });
      });
    };
    const step = (index: number) => {
      const slot = slots[index];
      if (slot === undefined) {
        done(null, { lost, bare });
        return;
      }
      const { information, between } = slot;
      const next = () => step(index + 1);
      const data = () =>
        readable(between, next, () => {
          lost = between!.first;
          next();
        });
      const without = (then: () => void) => () => {
        bare.push(information);
        then();
      };
      if (between === null) readable(information, next, without(next));
      else readable(joint(information, between), next, () => readable(information, data, without(data)));
    };
    step(0);
  }

  /**
   * Leaves lost blocks between a write's blocks and their information alone. Those cannot be committed at once then, so the
   * information says meanwhile that nobody has written the blocks: a kill may leave it so, but never the information of
   * others.
   */
  private settleAround(
    io: Io,
    lba: number,
    blocks: number,
    image: Buffer,
    reach: Sectors,
    slots: readonly SharedSlot[],
    runs: readonly Sectors[],
    ended: Done,
  ): void {
    const apart = slots.filter(({ between }) => between !== null).map(({ information }) => information);
    const meanwhile = Buffer.from(image);
    const parts = this.partsOf(meanwhile, reach, lba, blocks);
    for (let i = 1; i < parts.length; i += 2) parts[i]!.fill(0);
    const own = runs.filter((run) => !apart.includes(run));
    this.storeAll(io, apart, meanwhile, reach, (failure) => {
      if (failure !== null) ended(failure);
      else this.storeAll(io, [...own, ...apart], image, reach, ended);
    });
  }

  /** Puts blocks and their information into an image of sectors. */
  private put(
    image: Buffer,
    reach: Sectors,
    lba: number,
    blocks: number,
    given: Buffer,
    withInformation: boolean,
  ): void {
    const { layout } = this;
    const { blockSize } = layout;
    const base = reach.first * SECTOR_BYTES;
    const stride = blockSize + (withInformation ? PI_BYTES : 0);
    const guards = new Uint16Array(withInformation ? 0 : blocks);
    native.guards(given, blockSize, stride, guards);
    for (let i = 0; i < blocks; i++) {
      const block = lba + i;
      given.copy(image, layout.sectorOf(block) * SECTOR_BYTES - base, i * stride, i * stride + blockSize);
      const at = layout.informationOf(block) - base;
      if (withInformation) given.copy(image, at, i * stride + blockSize, (i + 1) * stride);
      else {
        const referenceTag = referenceTagOf(this.owner.protection, block);
        encodeProtection(image, at, { guard: guards[i]!, applicationTag: UNCHECKED_APPLICATION_TAG, referenceTag });
      }
      invert(image, at);
    }
  }

  /** Blocks out of an image of sectors. */
  private picked(image: Buffer, reach: Sectors, lba: number, blocks: number, withInformation: boolean): Buffer {
    const { layout } = this;
    const { blockSize } = layout;
    const base = reach.first * SECTOR_BYTES;
    const stride = blockSize + (withInformation ? PI_BYTES : 0);
    const result = Buffer.allocUnsafe(blocks * stride);
    for (let i = 0; i < blocks; i++) {
      const from = layout.sectorOf(lba + i) * SECTOR_BYTES - base;
      image.copy(result, i * stride, from, from + blockSize);
      if (!withInformation) continue;
      const at = layout.informationOf(lba + i) - base;
      image.copy(result, i * stride + blockSize, at, at + PI_BYTES);
      invert(result, i * stride + blockSize);
    }
    return result;
  }

  private converting(lba: number, blocks: number, done: Done): Done {
    return (failure) => done(this.inBlocks(failure, lba, blocks));
  }

  private inBlocks<F extends IoFailure | null>(failure: F, lba: number, blocks: number): F {
    if (failure === null || failure.kind !== 'medium-error') return failure;
    return { ...failure, lba: this.layout.blockOf(failure.lba, lba, blocks) };
  }
}

/** For what the array reads by itself. */
function quiet(io: Io): Io {
  return { ...io, fua: false, atomic: false };
}

function joint(a: Sectors, b: Sectors): Sectors {
  return { first: Math.min(a.first, b.first), end: Math.max(a.end, b.end) };
}

function joined(data: readonly Buffer[]): Buffer {
  return data.length === 1 ? data[0]! : Buffer.concat(data);
}

function invert(bytes: Buffer, at: number): void {
  for (let i = at; i < at + PI_BYTES; i++) bytes[i] = ~bytes[i]! & 0xff;
}

/** Extents of sectors as extents of blocks. Where the list ends within a slot, that counts as mapped if nothing was told before. */
function slotExtents(list: readonly BlockExtent[], perSlot: number, lba: number, blocks: number): BlockExtent[] {
  const result: BlockExtent[] = [];
  const end = lba + blocks;
  const add = (fromSlot: number, toSlot: number, mapped: boolean) => {
    const before = result.at(-1);
    const from = before === undefined ? lba : before.lba + before.blocks;
    const to = Math.min(end, toSlot * perSlot);
    if (to <= from || fromSlot * perSlot > from) return;
    if (before?.mapped === mapped) result[result.length - 1] = { ...before, blocks: to - before.lba };
    else result.push({ lba: from, blocks: to - from, mapped });
  };
  for (const extent of list) {
    const first = extent.lba / SLOT_SECTORS;
    const past = (extent.lba + extent.blocks) / SLOT_SECTORS;
    if (extent.mapped) add(Math.floor(first), Math.ceil(past), true);
    else add(Math.floor(first), Math.floor(past), false);
  }
  if (result.length === 0) add(Math.floor(lba / perSlot), Math.floor(lba / perSlot) + 1, true);
  return result;
}
