/**
 * The layer of LDEVs formatted with protection information: keeps eight bytes beside each block, over a layer of plain
 * sectors (`protected-layout.ts` says where). Operations with `Io.protected` carry blocks of blockSize + 8 bytes, the
 * information after each; writes without it have it made here: the application tag is the host's (ATO 1), so it is FFFFh
 * and nobody checks the block until the host says another one (SBC-4 table 133).
 * Nothing is checked here: that is the handlers', who know what a command wants checked.
 *
 * What a write shares slots with is read and written again in the same commit, so no kill parts a block from its
 * information; writes and unmaps that share slots take turns.
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
import type { ProtectedLayout, Sectors } from './protected-layout.js';

const NO_DATA: readonly Buffer[] = [];
const nothing = () => {};
/** What one slot can have at most, so that a list of extents always reaches beyond one. */
const EXTENTS_PER_SLOT = SLOT_SECTORS + 1;

export interface ProtectedOwner {
  readonly blocks: number;
  readonly protection: ProtectionType;
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
        done(this.inBlocks(failure, lba, blocks), NO_DATA, nothing);
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
      this.neighbours(io, lba, blocks, ended, (image, reach) => {
        this.put(image, reach, lba, blocks, given, io.protected === true);
        this.next.write(io, reach.first, reach.end - reach.first, [image], ended);
      });
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
    this.neighbours(io, lba, blocks, ended, (image, reach) => {
      const { blockSize } = this.layout;
      const base = reach.first * SECTOR_BYTES;
      const parts: Buffer[] = [];
      for (let block = lba; block < lba + blocks; block++) {
        const data = this.layout.sectorOf(block) * SECTOR_BYTES - base;
        const information = this.layout.informationOf(block) - base;
        parts.push(image.subarray(data, data + blockSize), image.subarray(information, information + PI_BYTES));
      }
      if (parts.every((part) => native.isZero(part))) {
        ended(null);
        return;
      }
      for (const part of parts) part.fill(0);
      this.next.write(io, reach.first, reach.end - reach.first, [image], ended);
    });
  }

  /** An image of the sectors that a write reaches, with what it shares slots with filled in. */
  private neighbours(
    io: Io,
    lba: number,
    blocks: number,
    failed: Done,
    run: (image: Buffer, reach: Sectors) => void,
  ): void {
    const { perSlot } = this.layout;
    const reach = this.layout.reach(lba, blocks);
    const image = Buffer.alloc((reach.end - reach.first) * SECTOR_BYTES);
    const firstSlot = this.layout.slotOf(lba);
    const lastSlot = this.layout.slotOf(lba + blocks - 1);
    const partial: Sectors[] = [];
    const fill = (slot: number) => {
      const first = Math.max(reach.first, slot * SLOT_SECTORS);
      partial.push({ first, end: Math.min(reach.end, (slot + 1) * SLOT_SECTORS) });
    };
    if (lba % perSlot !== 0 || (firstSlot === lastSlot && blocks < perSlot)) fill(firstSlot);
    if (firstSlot !== lastSlot && (lba + blocks) % perSlot !== 0) fill(lastSlot);
    const quiet: Io = { ...io, fua: false, atomic: false };
    const step = () => {
      const sectors = partial.pop();
      if (sectors === undefined) {
        run(image, reach);
        return;
      }
      this.next.read(quiet, sectors.first, sectors.end - sectors.first, (failure, data, release) => {
        if (failure !== null) {
          failed(failure.kind === 'medium-error' ? { ...failure, write: true } : failure);
          return;
        }
        joined(data).copy(image, (sectors.first - reach.first) * SECTOR_BYTES);
        release();
        step();
      });
    };
    step();
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
