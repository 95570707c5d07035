/** What the Application Tag mode page says of the blocks of a logical unit (SBC-4 6.5.3). */
import {
  type ApplicationTagDescriptor,
  ApplicationTagPage,
  decodeApplicationTags,
} from '../../wire/scsi/application-tags.js';
import type { BadField } from './mode-definitions.js';

/** The application tag that each block ought to have. */
export class ApplicationTags {
  /** @param ranges one after the other from LBA 0 on; the last one reaches to the end, wherever that is */
  constructor(private readonly ranges: readonly Pick<ApplicationTagDescriptor, 'lba' | 'tag'>[]) {}

  of(lba: number): number {
    let { tag } = this.ranges[0]!;
    for (const range of this.ranges) {
      if (range.lba > lba) break;
      ({ tag } = range);
    }
    return tag;
  }

  /** The first of `count` blocks that ought to have another tag; null: none. */
  firstOther(tag: number, lba: number, count: number): number | null {
    if (this.of(lba) !== tag) return lba;
    const other = this.ranges.find((range) => range.lba > lba && range.lba < lba + count && range.tag !== tag);
    return other?.lba ?? null;
  }
}

const counted = (page: Buffer) => decodeApplicationTags(page).filter(({ blocks }) => blocks > 0);

/** @param page one that has no bad field; null: it has no descriptors */
export function applicationTagsOf(page: Buffer): ApplicationTags | null {
  const ranges = counted(page);
  return ranges.length === 0 ? null : new ApplicationTags(ranges);
}

/**
 * The ranges must follow each other from LBA 0 to the end. SBC-4 says that the last one ends before the RETURNED LOGICAL
 * BLOCK ADDRESS, which would leave out the last block; one that counts it is taken as well.
 * @param capacity of the logical unit, in blocks
 */
export function badApplicationTags(page: Buffer, capacity: number): BadField | null {
  const descriptors = counted(page);
  const { last, lba: lbaAt, blocks: blocksAt } = ApplicationTagPage;
  let next = 0;
  for (const [index, { offset, last: isLast, lba, blocks }] of descriptors.entries()) {
    if (lba !== next) return { byte: offset + lbaAt };
    next += blocks;
    const left = capacity - next;
    if (left < 0 || (isLast && left > 1)) return { byte: offset + blocksAt };
    if (isLast !== (index === descriptors.length - 1)) return { byte: offset + last, bit: 7 };
  }
  return null;
}
