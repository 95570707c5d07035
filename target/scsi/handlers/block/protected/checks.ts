/**
 * What of protection information is checked and compared (SBC-4 tables of the RDPROTECT, WRPROTECT, VRPROTECT and
 * ORPROTECT fields). GRD_CHK, APP_CHK and REF_CHK are one (VPD page 86h), and so is ATO.
 */
import { native } from '../../../../../native/index.js';
import {
  decodeProtection,
  isUnchecked,
  PI_BYTES,
  type ProtectionInformation,
  type ProtectionType,
} from '../../../../../wire/scsi/protection.js';
import {
  applicationTagCheckFailed,
  guardCheckFailed,
  miscompareDuringVerify,
  referenceTagCheckFailed,
  type Sense,
  SenseKey,
} from '../../../../../wire/scsi/sense.js';
import type { ApplicationTags } from '../../../application-tags.js';

/** Fields of the information that something applies to. */
export interface Fields {
  readonly guard: boolean;
  readonly applicationTag: boolean;
  readonly referenceTag: boolean;
}

const ALL: Fields = { guard: true, applicationTag: true, referenceTag: true };
const TAGS: Fields = { guard: false, applicationTag: true, referenceTag: true };
const GUARD: Fields = { guard: true, applicationTag: false, referenceTag: false };
const NONE: Fields = { guard: false, applicationTag: false, referenceTag: false };

/** By value of the field: what is checked. Null: the value is reserved. */
export const CHECKED: readonly (Fields | null)[] = [ALL, ALL, TAGS, NONE, GUARD, ALL, null, null];

const ALL_BUT_REFERENCE: Fields = { ...ALL, referenceTag: false };

/** By value of VRPROTECT: what is compared byte by byte besides the user data. */
export const COMPARED: readonly Fields[] = [NONE, ALL, TAGS, ALL, ALL, ALL_BUT_REFERENCE];

/** What the tags of a command's blocks ought to be. */
export interface Expectation {
  readonly type: ProtectionType;
  /** Of the first block, one more for each that follows; null: nobody has told. */
  readonly referenceTag: number | null;
  readonly applicationTag: number;
  /** Bits of the application tag that count. */
  readonly mask: number;
  /** In the place of both: tags by LBA; null: there are none. */
  readonly ranges: ApplicationTags | null;
}

/** Blocks, each followed by its information. */
export interface Blocks {
  readonly bytes: Buffer;
  /** Of the first one. */
  readonly lba: number;
  readonly count: number;
  readonly blockSize: number;
}

/** Checks blocks against their own information and against what is expected. @returns the first check that fails */
export function checkBlocks(blocks: Blocks, fields: Fields, expected: Expectation): Sense | null {
  const { bytes, lba, count, blockSize } = blocks;
  const stride = blockSize + PI_BYTES;
  const guards = new Uint16Array(fields.guard ? count : 0);
  native.guards(bytes, blockSize, stride, guards);
  for (let i = 0; i < count; i++) {
    const info = decodeProtection(bytes, i * stride + blockSize);
    if (isUnchecked(info, expected.type)) continue;
    if (fields.guard && info.guard !== guards[i]) return guardCheckFailed(lba + i);
    if (fields.applicationTag && !tagAsExpected(info.applicationTag, expected, lba + i)) {
      return applicationTagCheckFailed(lba + i);
    }
    if (!fields.referenceTag || expected.referenceTag === null) continue;
    if (info.referenceTag !== (expected.referenceTag + i) % 2 ** 32) return referenceTagCheckFailed(lba + i);
  }
  return null;
}

function tagAsExpected(tag: number, { applicationTag, mask, ranges }: Expectation, lba: number): boolean {
  return ranges === null ? ((tag ^ applicationTag) & mask) === 0 : ranges.of(lba) === tag;
}

/**
 * Compares what is stored with what was sent, both with information. A difference of user data tells its offset in what
 * was sent, one of information the LBA, both as MISCOMPARE. Stored tags that say "unchecked" are not compared either.
 */
export function compareBlocks(stored: Blocks, sent: Buffer, fields: Fields, type: ProtectionType): Sense | null {
  const { bytes, lba, count, blockSize } = stored;
  const stride = blockSize + PI_BYTES;
  for (let i = 0; i < count; i++) {
    const at = i * stride;
    const differs = native.compare([bytes.subarray(at, at + blockSize)], [sent.subarray(at, at + blockSize)]);
    if (differs >= 0) return miscompareDuringVerify(at + differs);
    const [is, wanted] = [decodeProtection(bytes, at + blockSize), decodeProtection(sent, at + blockSize)];
    const failed = isUnchecked(is, type) ? null : difference(is, wanted, fields);
    if (failed !== null) return { ...failed(lba + i), key: SenseKey.miscompare };
  }
  return null;
}

function difference(
  is: ProtectionInformation,
  wanted: ProtectionInformation,
  fields: Fields,
): ((lba: number) => Sense) | null {
  if (fields.guard && is.guard !== wanted.guard) return guardCheckFailed;
  if (fields.applicationTag && is.applicationTag !== wanted.applicationTag) return applicationTagCheckFailed;
  return fields.referenceTag && is.referenceTag !== wanted.referenceTag ? referenceTagCheckFailed : null;
}

/** User data alone. */
export function withoutInformation({ bytes, count, blockSize }: Blocks): Buffer {
  const result = Buffer.allocUnsafe(count * blockSize);
  const stride = blockSize + PI_BYTES;
  for (let i = 0; i < count; i++) bytes.copy(result, i * blockSize, i * stride, i * stride + blockSize);
  return result;
}
