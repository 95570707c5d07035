/**
 * Where the blocks of an LDEV with protection information stand. Each cache slot holds as many whole blocks as fit beside
 * one sector for their protection information, which stands in its middle:
 *
 *   512 bytes   16 blocks · information · 15 blocks
 *   4096        2 blocks of 8 sectors · information · 1 block · 7 sectors unused
 *
 * So a block and its information are committed by one store, and a write reaches from its blocks to the information over
 * as few others as can be. The information stands there inverted: what was never written, or was unmapped, is zeros on
 * the medium and all ones to hosts, as SBC-4 4.21.2.1 wants it.
 */
import { PI_BYTES } from '../../../wire/scsi/protection.js';
import { ATOMIC_BYTES, SECTOR_BYTES, SLOT_BYTES, SLOT_SECTORS } from '../../cache/types.js';

export const PI_SECTOR = SLOT_SECTORS / 2;

/** A run of sectors. */
export interface Sectors {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/** A slot that a range of blocks shares with others. */
export interface SharedSlot {
  readonly information: Sectors;
  /** Others' blocks between the range's and the information; null: there are none. */
  readonly between: Sectors | null;
}

/** What a range of blocks reaches. */
export interface Around {
  readonly reach: Sectors;
  /** One or two: the first slot and the last one, if the range does not fill them. */
  readonly slots: readonly SharedSlot[];
  /** The reach without what is `between`; information that is thereby apart is a run of its own, the same object as above. */
  readonly runs: readonly Sectors[];
}

export class ProtectedLayout {
  /** Blocks in a slot. */
  readonly perSlot: number;
  private readonly sectorsPerBlock: number;

  constructor(readonly blockSize: 512 | 4096) {
    this.sectorsPerBlock = blockSize / SECTOR_BYTES;
    this.perSlot = Math.floor((SLOT_SECTORS - 1) / this.sectorsPerBlock);
  }

  /** Sectors that so many blocks take: whole slots. */
  storedSectors(blocks: number): number {
    return Math.ceil(blocks / this.perSlot) * SLOT_SECTORS;
  }

  /** Blocks that one atomic write takes from any block on: they and their information fit one commit of the cache. */
  get atomicBlocks(): number {
    return (ATOMIC_BYTES / SLOT_BYTES - 1) * this.perSlot;
  }

  slotOf(lba: number): number {
    return Math.floor(lba / this.perSlot);
  }

  /** First sector of a block. */
  sectorOf(lba: number): number {
    const slot = this.slotOf(lba);
    const within = (lba - slot * this.perSlot) * this.sectorsPerBlock;
    return slot * SLOT_SECTORS + within + (within >= PI_SECTOR ? 1 : 0);
  }

  /** First byte of a block's information, counted from sector 0. */
  informationOf(lba: number): number {
    const slot = this.slotOf(lba);
    return (slot * SLOT_SECTORS + PI_SECTOR) * SECTOR_BYTES + (lba - slot * this.perSlot) * PI_BYTES;
  }

  /** Sectors that blocks and their information lie in, with what lies between. */
  reach(lba: number, blocks: number): Sectors {
    const last = lba + blocks - 1;
    const first = Math.min(this.sectorOf(lba), this.slotOf(lba) * SLOT_SECTORS + PI_SECTOR);
    const end = Math.max(this.sectorOf(last) + this.sectorsPerBlock, this.slotOf(last) * SLOT_SECTORS + PI_SECTOR + 1);
    return { first, end };
  }

  /** What there is around a range of blocks. */
  around(lba: number, blocks: number): Around {
    const { perSlot } = this;
    const reach = this.reach(lba, blocks);
    const own: Sectors = {
      first: this.sectorOf(lba),
      end: this.sectorOf(lba + blocks - 1) + this.sectorsPerBlock,
    };
    const slots: SharedSlot[] = [];
    const before: Sectors[] = [];
    const after: Sectors[] = [];
    let { first, end } = reach;
    const [firstSlot, lastSlot] = [this.slotOf(lba), this.slotOf(lba + blocks - 1)];
    for (const slot of firstSlot === lastSlot ? [firstSlot] : [firstSlot, lastSlot]) {
      const from = Math.max(lba, slot * perSlot);
      if (Math.min(lba + blocks, (slot + 1) * perSlot) - from === perSlot) continue;
      const sector = slot * SLOT_SECTORS + PI_SECTOR;
      const information: Sectors = { first: sector, end: sector + 1 };
      let between: Sectors | null = null;
      if (own.first > information.end) {
        between = { first: information.end, end: own.first };
        before.push(information);
        first = own.first;
      } else if (own.end < information.first) {
        between = { first: own.end, end: information.first };
        after.push(information);
        end = own.end;
      }
      slots.push({ information, between });
    }
    return { reach, slots, runs: [...before, { first, end }, ...after] };
  }

  /** Of a range, the block that a sector belongs to; the first of the slot for a sector of information. */
  blockOf(sector: number, lba: number, blocks: number): number {
    const slot = Math.floor(sector / SLOT_SECTORS);
    const within = sector - slot * SLOT_SECTORS;
    const index = within === PI_SECTOR ? 0 : Math.floor((within - (within > PI_SECTOR ? 1 : 0)) / this.sectorsPerBlock);
    const block = slot * this.perSlot + Math.min(index, this.perSlot - 1);
    return Math.min(Math.max(block, lba), lba + blocks - 1);
  }
}

/** By block size. */
export const protectedLayouts = { 512: new ProtectedLayout(512), 4096: new ProtectedLayout(4096) } as const;
