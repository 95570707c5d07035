/**
 * Blocks of one LDEV that hosts have marked unreadable (WRITE LONG, SBC-4 4.18.2): reads of them fail until they are
 * written or unmapped. Kept in the configuration database, so that they survive restarts and loss of power.
 */
import type { IoFailure } from './block-layer.js';

/** How a marked block fails. */
export interface MarkedBlock {
  readonly lba: number;
  /** Error correction is disabled (COR_DIS): told as marked bad, not as unrecovered. */
  readonly correctionDisabled: boolean;
}

/** Where marks are kept. Each change is one transaction, durable when it returns; throws if it cannot be. */
export interface MarkStore {
  marks(uid: number): readonly MarkedBlock[];
  addMarks(uid: number, lba: number, blocks: number, correctionDisabled: boolean): void;
  removeMarks(uid: number, lba: number, blocks: number): void;
}

/** Of one LDEV. A host that wants more takes marking for something that it is not. */
export const MAX_MARKS = 65536;

export function markedFailure({ lba, correctionDisabled }: MarkedBlock): IoFailure {
  return { kind: 'medium-error', lba, write: false, markedBad: correctionDisabled };
}

export class MarkedBlocks {
  /** LBA → correction disabled. */
  private readonly blocks: Map<number, boolean>;

  /** @param changed called when the first mark has come, or the last one gone */
  constructor(
    private readonly store: MarkStore,
    /** Of the LDEV. */
    private readonly uid: number,
    private readonly changed: () => void,
  ) {
    this.blocks = new Map(store.marks(uid).map(({ lba, correctionDisabled }) => [lba, correctionDisabled]));
  }

  get size(): number {
    return this.blocks.size;
  }

  /** The marked block of a range with the lowest LBA; null: there is none. */
  first(lba: number, blocks: number): MarkedBlock | null {
    let found = Number.POSITIVE_INFINITY;
    for (const each of this.within(lba, blocks)) found = Math.min(found, each);
    return found === Number.POSITIVE_INFINITY ? null : { lba: found, correctionDisabled: this.blocks.get(found)! };
  }

  /** Those of a range, by ascending LBA. */
  list(lba: number, blocks: number): readonly MarkedBlock[] {
    const found = [...this.within(lba, blocks)].sort((a, b) => a - b);
    return found.map((each) => ({ lba: each, correctionDisabled: this.blocks.get(each)! }));
  }

  /** Whether a range can be marked: blocks that are marked already take no more room. */
  hasRoom(lba: number, blocks: number): boolean {
    const marked = [...this.within(lba, blocks)].length;
    return this.blocks.size - marked + blocks <= MAX_MARKS;
  }

  /** Marks blocks: durable when it returns. */
  mark(lba: number, blocks: number, correctionDisabled: boolean): IoFailure | null {
    const before = this.blocks.size;
    const failure = this.keep(() => this.store.addMarks(this.uid, lba, blocks, correctionDisabled));
    if (failure === null) {
      for (let block = lba; block < lba + blocks; block++) this.blocks.set(block, correctionDisabled);
      if (before === 0) this.changed();
    }
    return failure;
  }

  /** The blocks have been written, or unmapped: durable when it returns. */
  clear(lba: number, blocks: number): IoFailure | null {
    const cleared = [...this.within(lba, blocks)];
    if (cleared.length === 0) return null;
    const failure = this.keep(() => this.store.removeMarks(this.uid, lba, blocks));
    if (failure === null) {
      for (const block of cleared) this.blocks.delete(block);
      if (this.blocks.size === 0) this.changed();
    }
    return failure;
  }

  /** Marked LBAs of a range, in any order; looks at the blocks of the range or at the marks, whichever are fewer. */
  private *within(lba: number, blocks: number): Iterable<number> {
    if (blocks < this.blocks.size) {
      for (let block = lba; block < lba + blocks; block++) if (this.blocks.has(block)) yield block;
    } else {
      for (const block of this.blocks.keys()) if (block >= lba && block < lba + blocks) yield block;
    }
  }

  private keep(change: () => void): IoFailure | null {
    try {
      change();
      return null;
    } catch (error) {
      return { kind: 'hardware-error', cause: `marks of blocks not saved: ${(error as Error).message}` };
    }
  }
}
