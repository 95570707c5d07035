/**
 * The Application Tag mode page (SBC-4 6.5.3), after the header of a sub_page:
 *
 *   4–15 reserved   16… descriptors of 24 bytes:
 *   0 LAST (7)   1–5 reserved   6–7 LOGICAL BLOCK APPLICATION TAG   8–15 LOGICAL BLOCK ADDRESS   16–23 LOGICAL BLOCK COUNT
 */
import { readUint64 } from './cdb.js';

/** Places of fields: of descriptors in the page, of the rest in a descriptor. */
export const ApplicationTagPage = {
  bytes: 16 + 24 * 16,
  firstDescriptor: 16,
  descriptorBytes: 24,
  last: 0,
  lastMask: 0x80,
  tag: 6,
  lba: 8,
  blocks: 16,
} as const;

export interface ApplicationTagDescriptor {
  /** Where it begins in the page. */
  readonly offset: number;
  readonly last: boolean;
  readonly tag: number;
  readonly lba: number;
  /** Zero: it is to be ignored. */
  readonly blocks: number;
}

/** All descriptors of a page, the ones to be ignored too. */
export function decodeApplicationTags(page: Buffer): ApplicationTagDescriptor[] {
  const { firstDescriptor, descriptorBytes, last, lastMask, tag, lba, blocks } = ApplicationTagPage;
  const list: ApplicationTagDescriptor[] = [];
  for (let offset = firstDescriptor; offset + descriptorBytes <= page.length; offset += descriptorBytes) {
    list.push({
      offset,
      last: (page[offset + last]! & lastMask) !== 0,
      tag: page.readUInt16BE(offset + tag),
      lba: readUint64(page, offset + lba),
      blocks: readUint64(page, offset + blocks),
    });
  }
  return list;
}
