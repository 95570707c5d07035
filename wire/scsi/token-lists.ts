/**
 * Parameter lists of POPULATE TOKEN and WRITE USING TOKEN (SBC-4 5.12.2, 5.59.2); all fields big-endian.
 *
 *            POPULATE TOKEN                      WRITE USING TOKEN
 *   0–1      data length: bytes after this field
 *   2        RTV (1)  IMMED (0)                  DEL_TKN (1)  IMMED (0)
 *   4–7      INACTIVITY TIMEOUT, seconds         reserved
 *   8–11     ROD TYPE                            8–15  OFFSET INTO ROD, blocks of the unit written to
 *   14–15    length of the range descriptors     16–527  ROD TOKEN
 *   16–      range descriptors                   534–535  length of the range descriptors
 *                                                536–  range descriptors
 */
import { type BlockRange, decodeRanges, encodeRanges, type ListedRange, RANGE_DESCRIPTOR } from './block-ranges.js';
import { readUint64, writeUint64 } from './cdb.js';
import { ROD_TOKEN_BYTES } from './rod-token.js';
import {
  invalidFieldInParameterList,
  parameterListLengthError,
  type Sense,
  tooManySegmentDescriptors,
} from './sense.js';

export const POPULATE_HEADER = 16;
export const WRITE_TOKEN_HEADER = 536;
/** Where fields stand that a refusal points at. */
export const TokenField = {
  dataLength: 0,
  inactivityTimeout: 4,
  rodType: 8,
  offset: 8,
  token: 16,
  populateRanges: 14,
  writeRanges: 534,
} as const;

const IMMEDIATE = 0x01;
/** RTV, or DEL_TKN. */
const OPTION = 0x02;

export interface PopulateList {
  readonly immediate: boolean;
  /** Seconds; 0: the default. */
  readonly inactivityTimeout: number;
  /** Null: any (RTV is zero). */
  readonly rodType: number | null;
  readonly ranges: readonly ListedRange[];
}

export interface WriteTokenList {
  readonly immediate: boolean;
  readonly deleteToken: boolean;
  /** In blocks of the logical unit that is written to. */
  readonly offset: number;
  readonly token: Buffer;
  readonly ranges: readonly ListedRange[];
}

/** The ranges of a list whose header is there. @param most descriptors */
function rangesOf(list: Buffer, header: number, lengthAt: number, most: number): ListedRange[] | Sense {
  if (list.readUInt16BE(0) + 2 < header + RANGE_DESCRIPTOR) return invalidFieldInParameterList(TokenField.dataLength);
  const bytes = list.readUInt16BE(lengthAt);
  if (bytes < RANGE_DESCRIPTOR) return invalidFieldInParameterList(lengthAt);
  const told = Math.min(bytes, list.readUInt16BE(0) + 2 - header);
  const ranges = decodeRanges(list, header, told);
  if (ranges.length === 0) return parameterListLengthError();
  return ranges.length > most ? tooManySegmentDescriptors(lengthAt) : ranges;
}

/** @param most range descriptors */
export function decodePopulateList(list: Buffer, most: number): PopulateList | Sense {
  if (list.length < POPULATE_HEADER) return parameterListLengthError();
  const ranges = rangesOf(list, POPULATE_HEADER, TokenField.populateRanges, most);
  if ('key' in ranges) return ranges;
  return {
    immediate: (list[2]! & IMMEDIATE) !== 0,
    inactivityTimeout: list.readUInt32BE(TokenField.inactivityTimeout),
    rodType: (list[2]! & OPTION) === 0 ? null : list.readUInt32BE(TokenField.rodType),
    ranges,
  };
}

/** @param most range descriptors */
export function decodeWriteTokenList(list: Buffer, most: number): WriteTokenList | Sense {
  if (list.length < WRITE_TOKEN_HEADER) return parameterListLengthError();
  const ranges = rangesOf(list, WRITE_TOKEN_HEADER, TokenField.writeRanges, most);
  if ('key' in ranges) return ranges;
  if (list.readUInt16BE(0) + 2 !== WRITE_TOKEN_HEADER + list.readUInt16BE(TokenField.writeRanges)) {
    return invalidFieldInParameterList(TokenField.dataLength);
  }
  return {
    immediate: (list[2]! & IMMEDIATE) !== 0,
    deleteToken: (list[2]! & OPTION) !== 0,
    offset: readUint64(list, TokenField.offset),
    token: Buffer.from(list.subarray(TokenField.token, TokenField.token + ROD_TOKEN_BYTES)),
    ranges,
  };
}

type Spec<L> = Omit<L, 'ranges'> & { readonly ranges: readonly BlockRange[] };

function withRanges(header: Buffer, lengthAt: number, ranges: Spec<PopulateList>['ranges']): Buffer {
  const list = Buffer.concat([header, encodeRanges(ranges)]);
  list.writeUInt16BE(list.length - 2, 0);
  list.writeUInt16BE(list.length - header.length, lengthAt);
  return list;
}

export function encodePopulateList(spec: Spec<PopulateList>): Buffer {
  const header = Buffer.alloc(POPULATE_HEADER);
  header[2] = (spec.immediate ? IMMEDIATE : 0) | (spec.rodType === null ? 0 : OPTION);
  header.writeUInt32BE(spec.inactivityTimeout, TokenField.inactivityTimeout);
  header.writeUInt32BE(spec.rodType ?? 0, TokenField.rodType);
  return withRanges(header, TokenField.populateRanges, spec.ranges);
}

export function encodeWriteTokenList(spec: Spec<WriteTokenList>): Buffer {
  const header = Buffer.alloc(WRITE_TOKEN_HEADER);
  header[2] = (spec.immediate ? IMMEDIATE : 0) | (spec.deleteToken ? OPTION : 0);
  writeUint64(header, spec.offset, TokenField.offset);
  spec.token.copy(header, TokenField.token, 0, ROD_TOKEN_BYTES);
  return withRanges(header, TokenField.writeRanges, spec.ranges);
}
