/**
 * Segment descriptors of EXTENDED COPY for block devices (SPC-5 6.4.6); all fields big-endian.
 *
 *   0    DESCRIPTOR TYPE CODE           2–3  DESCRIPTOR LENGTH: bytes after this field
 *   1    DC (1)  CAT (0)                4–5  SOURCE CSCD ID         6–7  DESTINATION CSCD ID
 *
 *   02h, 0Dh  block → block             10–11 blocks · 12–19 source LBA · 20–27 destination LBA
 *             (0Dh also holds the data for the application client)
 *   07h       verify CSCD               8 TUR (0)
 *   0Ah       block<o> → block<o>       8–11 bytes · 12–19, 20–27 LBAs · 28–29, 30–31 byte offsets
 *   14h       register key              8–15 RESERVATION KEY · 16–23 SERVICE ACTION RESERVATION KEY
 *   15h       move reservation          8– as the parameter list of REGISTER AND MOVE, with a TransportID from 32 on
 *   16h       <i>block → <i>block       8–15 source LBA · 16–23 destination LBA · 24–27 blocks, 0: as many as fit
 *
 * Those with stream devices stand in `stream-segments.ts`, those that populate RODs in `rod-segments.ts`.
 */

import { BEYOND_ANYTHING, readUint64, writeUint64 } from './cdb.js';
import { BASIC_LIST_BYTES, PersistentOut } from './persistent-reservations.js';
import { type PopulateSegment, rodFormats } from './rod-segments.js';
import { invalidFieldInParameterList, type Sense, unsupportedSegmentDescriptor } from './sense.js';
import { type MotionSegment, type StreamSegment, streamFormats, type TapeImageSegment } from './stream-segments.js';

export const SegmentType = {
  blockToBlock: 0x02,
  verify: 0x07,
  blockOffset: 0x0a,
  blockToBlockHeld: 0x0d,
  registerKey: 0x14,
  moveReservation: 0x15,
  imageCopy: 0x16,
} as const;

/** Where fields stand that an error points at. */
export const SegmentField = {
  blocks: { sourceLba: 12, destinationLba: 20 },
  bytes: { sourceLba: 12, destinationLba: 20, sourceOffset: 28, destinationOffset: 30 },
  image: { sourceLba: 8, destinationLba: 16 },
} as const;

export interface SegmentBase {
  /** Of the segment list, from 0. */
  readonly number: number;
  /** Byte of the parameter list that it begins at. */
  readonly at: number;
  readonly source: number;
  readonly destination: number;
}

/** Copies blocks; LBAs count the blocks of the unit they address. */
export interface BlockSegment extends SegmentBase {
  readonly kind: 'blocks';
  /** `blocks` counts those of the destination (DC). */
  readonly destinationCount: boolean;
  /** What does not fit whole blocks is kept for the next segment (CAT). */
  readonly concatenate: boolean;
  /** A copy of the data is held for the application client. */
  readonly hold: boolean;
  readonly blocks: number;
  readonly sourceLba: number;
  readonly destinationLba: number;
}

/** Copies bytes, from an offset into the first source block to one into the first destination block. */
export interface ByteSegment extends SegmentBase {
  readonly kind: 'bytes';
  readonly concatenate: boolean;
  readonly bytes: number;
  readonly sourceLba: number;
  readonly destinationLba: number;
  readonly sourceOffset: number;
  readonly destinationOffset: number;
}

/** Copies blocks as they are, up to the end of either unit. */
export interface ImageSegment extends SegmentBase {
  readonly kind: 'image';
  /** `BEYOND_ANYTHING`: as many as fit. */
  readonly blocks: number;
  readonly sourceLba: number;
  readonly destinationLba: number;
}

/** Checks that the source can be reached, and with `testUnitReady` that it is ready. */
export interface VerifySegment extends SegmentBase {
  readonly kind: 'verify';
  readonly testUnitReady: boolean;
}

/** Registers a reservation key with the destination, or moves its reservation to another I_T nexus. */
export interface ReserveSegment extends SegmentBase {
  readonly kind: 'reserve';
  /** Of PERSISTENT RESERVE OUT. */
  readonly serviceAction: typeof PersistentOut.register | typeof PersistentOut.registerAndMove;
  /** Its parameter list. */
  readonly list: Buffer;
}

export type Segment =
  | BlockSegment
  | ByteSegment
  | ImageSegment
  | VerifySegment
  | ReserveSegment
  | StreamSegment
  | MotionSegment
  | TapeImageSegment
  | PopulateSegment;

export interface SegmentFormat {
  /** Of the whole descriptor, in bytes. */
  readonly bytes: number;
  /** It may be longer, up to this. */
  readonly most?: number;
  /** Of a descriptor of such a length; or why it is refused. */
  readonly decode: (bytes: Buffer, base: SegmentBase) => Segment | Sense;
}

/** Both keys of segments about reservations. */
const KEYS_AT = 8;
const KEYS_BYTES = 16;
/** Of the longest TransportID: an iSCSI name of 223 bytes, `,i,0x` and 12 digits, terminated, after a header. */
const TRANSPORT_ID_BYTES = 248;

const CAT = 0x01;
const DC = 0x02;

function blockFormat(hold: boolean): SegmentFormat {
  return {
    bytes: 28,
    decode: (bytes, base) => ({
      ...base,
      kind: 'blocks',
      destinationCount: (bytes[1]! & DC) !== 0,
      concatenate: (bytes[1]! & CAT) !== 0,
      hold,
      blocks: bytes.readUInt16BE(10),
      sourceLba: readUint64(bytes, 12),
      destinationLba: readUint64(bytes, 20),
    }),
  };
}

const formats: ReadonlyMap<number, SegmentFormat> = new Map<number, SegmentFormat>([
  ...streamFormats,
  ...rodFormats,
  [SegmentType.blockToBlock, blockFormat(false)],
  [
    SegmentType.verify,
    { bytes: 12, decode: (bytes, base) => ({ ...base, kind: 'verify', testUnitReady: (bytes[8]! & 0x01) !== 0 }) },
  ],
  [
    SegmentType.blockOffset,
    {
      bytes: 32,
      decode: (bytes, base) => ({
        ...base,
        kind: 'bytes',
        concatenate: (bytes[1]! & CAT) !== 0,
        bytes: bytes.readUInt32BE(8),
        sourceLba: readUint64(bytes, 12),
        destinationLba: readUint64(bytes, 20),
        sourceOffset: bytes.readUInt16BE(28),
        destinationOffset: bytes.readUInt16BE(30),
      }),
    },
  ],
  [SegmentType.blockToBlockHeld, blockFormat(true)],
  [
    SegmentType.registerKey,
    {
      bytes: 28,
      decode: (bytes, base) => {
        const list = Buffer.alloc(BASIC_LIST_BYTES);
        bytes.copy(list, 0, KEYS_AT, KEYS_AT + KEYS_BYTES);
        return { ...base, kind: 'reserve', serviceAction: PersistentOut.register, list };
      },
    },
  ],
  [
    SegmentType.moveReservation,
    {
      bytes: KEYS_AT + BASIC_LIST_BYTES,
      most: KEYS_AT + BASIC_LIST_BYTES + TRANSPORT_ID_BYTES,
      decode: (bytes, base) => {
        const list = Buffer.from(bytes.subarray(KEYS_AT));
        return { ...base, kind: 'reserve', serviceAction: PersistentOut.registerAndMove, list };
      },
    },
  ],
  [
    SegmentType.imageCopy,
    {
      bytes: 28,
      decode: (bytes, base) => ({
        ...base,
        kind: 'image',
        blocks: bytes.readUInt32BE(24) || BEYOND_ANYTHING,
        sourceLba: readUint64(bytes, 8),
        destinationLba: readUint64(bytes, 16),
      }),
    },
  ],
]);

/** Type codes known, ascending. */
export const segmentTypes: readonly number[] = [...formats.keys()].sort((a, b) => a - b);

/** The longest descriptor of a segment that copies, in bytes. */
export const MAX_SEGMENT_BYTES = 32;

export const SEGMENT_HEADER = 4;

/**
 * Reads the descriptor at `at`; `end` is where the list of them ends, at least `SEGMENT_HEADER` bytes on.
 * @param types that are taken
 * @returns it and its length, or why it is refused
 */
export function decodeSegment(
  list: Buffer,
  at: number,
  end: number,
  number: number,
  types: readonly number[],
): { readonly segment: Segment; readonly bytes: number } | Sense {
  const format = types.includes(list[at]!) ? formats.get(list[at]!) : undefined;
  if (format === undefined) return unsupportedSegmentDescriptor(at);
  const length = list.readUInt16BE(at + 2) + SEGMENT_HEADER;
  const fits = length >= format.bytes && length <= (format.most ?? format.bytes) && at + length <= end;
  if (!fits) return invalidFieldInParameterList(at + 2);
  const bytes = list.subarray(at, at + length);
  const base = { number, at, source: bytes.readUInt16BE(4), destination: bytes.readUInt16BE(6) };
  const segment = format.decode(bytes, base);
  return 'key' in segment ? segment : { segment, bytes: length };
}

function encode(type: number, flags: number, bytes: number, source: number, destination: number): Buffer {
  const data = Buffer.alloc(bytes);
  data[0] = type;
  data[1] = flags;
  data.writeUInt16BE(bytes - SEGMENT_HEADER, 2);
  data.writeUInt16BE(source, 4);
  data.writeUInt16BE(destination, 6);
  return data;
}

type Ends = Pick<SegmentBase, 'source' | 'destination'>;
type Spec<S extends Segment> = Omit<S, 'kind' | 'number' | 'at'>;

/** 02h or, with `hold`, 0Dh. */
export function encodeBlockSegment(segment: Spec<BlockSegment>): Buffer {
  const type = segment.hold ? SegmentType.blockToBlockHeld : SegmentType.blockToBlock;
  const flags = (segment.destinationCount ? DC : 0) | (segment.concatenate ? CAT : 0);
  const data = encode(type, flags, 28, segment.source, segment.destination);
  data.writeUInt16BE(segment.blocks, 10);
  writeUint64(data, segment.sourceLba, 12);
  writeUint64(data, segment.destinationLba, 20);
  return data;
}

/** 0Ah. */
export function encodeByteSegment(segment: Spec<ByteSegment>): Buffer {
  const flags = segment.concatenate ? CAT : 0;
  const data = encode(SegmentType.blockOffset, flags, 32, segment.source, segment.destination);
  data.writeUInt32BE(segment.bytes, 8);
  writeUint64(data, segment.sourceLba, 12);
  writeUint64(data, segment.destinationLba, 20);
  data.writeUInt16BE(segment.sourceOffset, 28);
  data.writeUInt16BE(segment.destinationOffset, 30);
  return data;
}

/** 16h. `blocks` 0: as many as fit. */
export function encodeImageSegment(segment: Spec<ImageSegment>): Buffer {
  const data = encode(SegmentType.imageCopy, 0, 28, segment.source, segment.destination);
  writeUint64(data, segment.sourceLba, 8);
  writeUint64(data, segment.destinationLba, 16);
  data.writeUInt32BE(segment.blocks, 24);
  return data;
}

/** 07h. */
export function encodeVerifySegment(segment: Spec<VerifySegment>): Buffer {
  const data = encode(SegmentType.verify, 0, 12, segment.source, segment.destination);
  data[8] = segment.testUnitReady ? 0x01 : 0;
  return data;
}

/** 14h. @param keys RESERVATION KEY and SERVICE ACTION RESERVATION KEY, 16 bytes */
export function encodeRegisterSegment({ source, destination, keys }: Ends & { readonly keys: Buffer }): Buffer {
  const data = encode(SegmentType.registerKey, 0, 28, source, destination);
  keys.copy(data, KEYS_AT);
  return data;
}

/** 15h. @param list of REGISTER AND MOVE */
export function encodeMoveSegment({ source, destination, list }: Ends & { readonly list: Buffer }): Buffer {
  const data = encode(SegmentType.moveReservation, 0, KEYS_AT + list.length, source, destination);
  list.copy(data, KEYS_AT);
  return data;
}
