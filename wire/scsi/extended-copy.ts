/**
 * EXTENDED COPY parameter lists (SPC-5 6.4, 6.5), both formats into one structure; all fields big-endian.
 *
 *            LID1                                LID4
 *   0        LIST IDENTIFIER                     PARAMETER LIST FORMAT (01h)
 *   1        STR (5)  LIST ID USAGE (4:3)  PRIORITY (2:0)
 *   2–3      CSCD DESCRIPTOR LIST LENGTH         HEADER CSCD DESCRIPTOR LIST LENGTH (0020h)
 *   8–11     SEGMENT DESCRIPTOR LIST LENGTH      15  G_SENSE (1)  IMMED (0)
 *   12–15    INLINE DATA LENGTH                  16  HEADER CSCD DESCRIPTOR TYPE CODE (FFh)
 *   16–      CSCD descriptors from ID 0 on       20–23  LIST IDENTIFIER
 *                                                42–43, 44–45, 46–47  the three lengths
 *                                                48–  CSCD descriptors from ID 1 on
 * then the segment descriptors, then inline data. A CSCD descriptor stands at 16 + 32 × its ID in both formats: in
 * LID4 the header takes the place of ID 0.
 *
 * STR has no meaning for what is cached.
 */

import { decodeSegment, SEGMENT_HEADER, type Segment } from './copy-segments.js';
import { CSCD_BYTES, type Cscds, decodeCscds } from './cscd.js';
import { DeviceType } from './inquiry.js';
import {
  immediateNotAllowed,
  inlineDataLengthExceeded,
  invalidFieldInParameterList,
  parameterListLengthError,
  type Sense,
  tooManySegmentDescriptors,
  tooManyTargetDescriptors,
  unsupportedSegmentDescriptor,
} from './sense.js';

export const LIST_ID1_HEADER = 16;
export const LIST_ID4_HEADER = 48;
/** CSCD ID of the logical unit that got the command. */
export const OWN_UNIT = 0xffff;
/** ROD PRODUCER CSCD DESCRIPTOR ID: whoever made the ROD token. */
export const TOKEN_CREATOR = 0xf800;
const HEADER_CSCD = 0xff;

/** LIST ID USAGE (SPC-5 tables 128, 129). */
export const ListIdUsage = {
  /** Status and held data are kept. */
  hold: 0b00,
  /** Held data may be dropped. */
  discard: 0b10,
  /** There is no list identifier. */
  none: 0b11,
} as const;

/** The most that a list may hold. */
export interface CopyListLimits {
  readonly cscds: number;
  readonly segments: number;
  /** Bytes of CSCD and segment descriptors together. */
  readonly descriptorBytes: number;
  readonly inlineBytes: number;
  /** Descriptor type codes that are taken. */
  readonly types: readonly number[];
}

export interface CopyList {
  readonly format: 'lid1' | 'lid4';
  readonly listId: number;
  readonly listIdUsage: number;
  /** 0: highest. */
  readonly priority: number;
  readonly immediate: boolean;
  /** G_SENSE: sense data with GOOD status. */
  readonly senseWithGood: boolean;
  /** By CSCD ID. */
  readonly cscds: Cscds;
  readonly segments: readonly Segment[];
}

/** As it came: with its inline data, which nothing needs once the segments have been processed. */
export interface ReceivedCopyList {
  readonly list: CopyList;
  readonly inline: Buffer;
  /** Byte of the parameter list that the inline data begins at. */
  readonly inlineAt: number;
}

/** Byte of the list identifier, by format. */
export const LIST_ID_BYTE = { lid1: 0, lid4: 20 } as const;

type Header = Omit<CopyList, 'cscds' | 'segments'> & {
  readonly headerBytes: number;
  readonly cscdBytes: number;
  readonly segmentBytes: number;
  readonly inlineBytes: number;
  /** Bytes of the list that hold these lengths. */
  readonly lengthAt: { readonly cscds: number; readonly inline: number };
};

const USAGE_BIT = 4;
const GOOD_SENSE = 0x02;
const IMMEDIATE = 0x01;

function decodeHeader1(list: Buffer): Header {
  return {
    format: 'lid1',
    listId: list[0]!,
    listIdUsage: (list[1]! >> 3) & 0x03,
    priority: list[1]! & 0x07,
    immediate: false,
    senseWithGood: false,
    headerBytes: LIST_ID1_HEADER,
    cscdBytes: list.readUInt16BE(2),
    segmentBytes: list.readUInt32BE(8),
    inlineBytes: list.readUInt32BE(12),
    lengthAt: { cscds: 2, inline: 12 },
  };
}

function decodeHeader4(list: Buffer): Header | Sense {
  if (list[0] !== 0x01) return invalidFieldInParameterList(0);
  if (list.readUInt16BE(2) !== CSCD_BYTES) return invalidFieldInParameterList(2);
  if (list[16] !== HEADER_CSCD) return invalidFieldInParameterList(16);
  const header: Header = {
    format: 'lid4',
    listId: list.readUInt32BE(20),
    listIdUsage: (list[1]! >> 3) & 0x03,
    priority: list[1]! & 0x07,
    immediate: (list[15]! & IMMEDIATE) !== 0,
    senseWithGood: (list[15]! & GOOD_SENSE) !== 0,
    headerBytes: LIST_ID4_HEADER,
    cscdBytes: list.readUInt16BE(42),
    segmentBytes: list.readUInt16BE(44),
    inlineBytes: list.readUInt16BE(46),
    lengthAt: { cscds: 42, inline: 46 },
  };
  const excluded = header.senseWithGood || header.listIdUsage === ListIdUsage.none;
  return header.immediate && excluded ? immediateNotAllowed() : header;
}

function refusalOf(header: Header, list: Buffer, limits: CopyListLimits): Sense | null {
  const { headerBytes, cscdBytes, segmentBytes, inlineBytes, lengthAt, listIdUsage, listId, format } = header;
  if (headerBytes + cscdBytes + segmentBytes + inlineBytes > list.length) return parameterListLengthError();
  if (cscdBytes + segmentBytes > limits.descriptorBytes) return parameterListLengthError();
  if (cscdBytes % CSCD_BYTES !== 0) return invalidFieldInParameterList(lengthAt.cscds);
  if (cscdBytes / CSCD_BYTES > limits.cscds) return tooManyTargetDescriptors(lengthAt.cscds);
  if (inlineBytes > limits.inlineBytes) return inlineDataLengthExceeded(lengthAt.inline);
  if (listIdUsage === 0b01) return invalidFieldInParameterList(1, USAGE_BIT);
  if (listIdUsage === ListIdUsage.none && listId !== 0) return invalidFieldInParameterList(LIST_ID_BYTE[format]);
  return null;
}

function decodeSegments(
  list: Buffer,
  start: number,
  end: number,
  header: Header,
  limits: CopyListLimits,
): Segment[] | Sense {
  const segments: Segment[] = [];
  for (let at = start; at < end; ) {
    if (at + SEGMENT_HEADER > end) return parameterListLengthError();
    if (segments.length === limits.segments) return tooManySegmentDescriptors(at);
    const read = decodeSegment(list, at, end, segments.length, limits.types);
    if ('key' in read) return read;
    const { segment } = read;
    if ('hold' in segment && segment.hold && header.listIdUsage === ListIdUsage.none) {
      return invalidFieldInParameterList(at);
    }
    segments.push(segment);
    at += read.bytes;
  }
  return segments;
}

/** Whether a segment moves data from or to a stream device, which is a CSCD of the list. */
function isForStreams(segment: Segment): boolean {
  if (segment.kind !== 'stream' || [segment.source, segment.destination].includes(OWN_UNIT)) return false;
  return segment.input.kind === 'stream' || segment.output.kind === 'stream';
}

/** Without a stream device among the CSCDs, segments for them are not there: libiscsi's test suite asks for that. */
function namesStreams(cscds: CopyList['cscds']): boolean {
  return [...cscds.values()].some((one) => one !== 'extension' && one.deviceType === DeviceType.sequentialAccess);
}

/** Reads a whole list, or tells why it is refused. What it returns shares no memory with `list`. */
export function decodeCopyList(
  list: Buffer,
  format: CopyList['format'],
  limits: CopyListLimits,
): ReceivedCopyList | Sense {
  if (list.length < (format === 'lid1' ? LIST_ID1_HEADER : LIST_ID4_HEADER)) return parameterListLengthError();
  const header = format === 'lid1' ? decodeHeader1(list) : decodeHeader4(list);
  if ('key' in header) return header;
  const refusal = refusalOf(header, list, limits);
  if (refusal !== null) return refusal;
  const segmentsAt = header.headerBytes + header.cscdBytes;
  const cscds = decodeCscds(list, header.headerBytes, segmentsAt, LIST_ID1_HEADER, limits.types);
  if ('key' in cscds) return cscds;
  const segments = decodeSegments(list, segmentsAt, segmentsAt + header.segmentBytes, header, limits);
  if ('key' in segments) return segments;
  const stray = namesStreams(cscds) ? undefined : segments.find(isForStreams);
  if (stray !== undefined) return unsupportedSegmentDescriptor(stray.at);
  const { listId, listIdUsage, priority, immediate, senseWithGood } = header;
  const inlineAt = segmentsAt + header.segmentBytes;
  const inline = Buffer.from(list.subarray(inlineAt, inlineAt + header.inlineBytes));
  return {
    list: { format, listId, listIdUsage, priority, immediate, senseWithGood, cscds, segments },
    inline,
    inlineAt,
  };
}

export interface CopyListSpec extends Omit<CopyList, 'cscds' | 'segments'> {
  readonly cscds: readonly Buffer[];
  readonly segments: readonly Buffer[];
  readonly inline?: Buffer;
}

/** A whole list. CSCD IDs begin at 0 in `lid1` and at 1 in `lid4`. */
export function encodeCopyList(spec: CopyListSpec): Buffer {
  const cscds = Buffer.concat(spec.cscds);
  const segments = Buffer.concat(spec.segments);
  const { inline = Buffer.alloc(0) } = spec;
  const header = Buffer.alloc(spec.format === 'lid1' ? LIST_ID1_HEADER : LIST_ID4_HEADER);
  header[1] = (spec.listIdUsage << 3) | spec.priority;
  if (spec.format === 'lid1') {
    header[0] = spec.listId;
    header.writeUInt16BE(cscds.length, 2);
    header.writeUInt32BE(segments.length, 8);
    header.writeUInt32BE(inline.length, 12);
  } else {
    header[0] = 0x01;
    header.writeUInt16BE(CSCD_BYTES, 2);
    header[15] = (spec.senseWithGood ? GOOD_SENSE : 0) | (spec.immediate ? IMMEDIATE : 0);
    header[16] = HEADER_CSCD;
    header.writeUInt32BE(spec.listId, 20);
    header.writeUInt16BE(cscds.length, 42);
    header.writeUInt16BE(segments.length, 44);
    header.writeUInt16BE(inline.length, 46);
  }
  return Buffer.concat([header, cscds, segments, inline]);
}
