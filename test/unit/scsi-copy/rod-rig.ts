/** ROD CSCD descriptors, segments that populate RODs, and lists with them. */
import { encodeRodCscd } from '../../../wire/scsi/cscd.js';
import { OWN_UNIT, TOKEN_CREATOR } from '../../../wire/scsi/extended-copy.js';
import { encodePopulateRangeSegment, encodePopulateSegment } from '../../../wire/scsi/rod-segments.js';
import { RodType } from '../../../wire/scsi/rod-token.js';
import { cscd } from './copy-rig.js';

export type RodSpec = Partial<Parameters<typeof encodeRodCscd>[0]>;

/** A ROD that segments populate. */
export function rod(spec: RodSpec = {}): Buffer {
  return encodeRodCscd({
    producer: OWN_UNIT,
    type: RodType.pointInTimePersistent,
    lifetime: 0,
    inactivityTimeout: 0,
    wantsToken: false,
    deleteToken: false,
    tokenOffset: 0,
    pad: false,
    blockLength: 0,
    ...spec,
  });
}

/** A ROD of a token in the inline data. */
export const tokenRod = (spec: RodSpec = {}): Buffer =>
  rod({ producer: TOKEN_CREATOR, type: RodType.ofToken, ...spec });

type Range = readonly [lba: number, blocks: number];
const rangeOf = ([lba, blocks]: Range) => ({ lba, blocks });

/** BEh, of the logical unit that gets the command. */
export function populateBy(ranges: readonly Range[], destination = 0, source = OWN_UNIT): Buffer {
  return encodePopulateSegment({ source, destination, ranges: ranges.map(rangeOf) });
}

/** BFh. */
export function populateByOne(range: Range, destination = 0, source = OWN_UNIT): Buffer {
  return encodePopulateRangeSegment({ source, destination, ...rangeOf(range) });
}

/** CSCD 0 is the ROD, 1 the second logical unit. */
export const withRod = (spec: RodSpec = {}) => [rod(spec), cscd(1)];
export const withTokenRod = (spec: RodSpec = {}) => [tokenRod(spec), cscd(1)];
/** Byte of CSCD 0 in a list of LID1. */
export const ROD_AT = 16;
/** Byte of the first segment in a list of LID1 with two CSCDs, and of the inline data behind a BEh of one range. */
export const SEGMENTS_AT = 80;
