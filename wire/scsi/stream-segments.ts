/**
 * Segment descriptors of EXTENDED COPY with stream devices at an end (SPC-5 6.4.6), beside those of `copy-segments.ts`, where
 * bytes 0 to 7 are drawn; all fields big-endian. Those in brackets also hold the data for the application client.
 *
 *   00h [0Bh]  block → stream       9–11 STREAM DEVICE TRANSFER LENGTH · 14–15 blocks · 16–23 LBA
 *   01h [0Ch]  stream → block       the same
 *   03h [0Eh]  stream → stream      9–11, 13–15 transfer lengths of both · 16–19 BYTE COUNT
 *   04h        inline → stream      9–11 transfer length · 12–15 INLINE DATA OFFSET · 16–19 bytes
 *   05h        embedded → stream    9–11 transfer length · 12–13 bytes · 16– the data
 *   06h [0Fh]  stream → discard     9–11 transfer length · 12–15 bytes
 *   08h        block<o> → stream    9–11 transfer length · 12–15 bytes · 16–23 LBA · 26–27 byte offset
 *   09h        stream → block<o>    the same
 *   10h        write filemarks      8 W_IMMED (0) · 9–11 FILEMARK COUNT
 *   11h        space                8 CODE (2:0) · 9–11 COUNT
 *   12h        locate               8–11 LOGICAL OBJECT IDENTIFIER
 *   13h        <i>tape → <i>tape    8–11 COUNT
 */
import { readUint64 } from './cdb.js';
import type { SegmentBase, SegmentFormat } from './copy-segments.js';
import { invalidFieldInParameterList } from './sense.js';
import { locate10, space6, writeFilemarks6 } from './stream-cdbs.js';

export type StreamInput =
  | { readonly kind: 'blocks'; readonly blocks: number; readonly lba: number }
  | { readonly kind: 'bytes'; readonly bytes: number; readonly lba: number; readonly offset: number }
  | { readonly kind: 'stream'; readonly transfer: number }
  | { readonly kind: 'inline'; readonly offset: number; readonly bytes: number }
  | { readonly kind: 'embedded'; readonly data: Buffer };

export type StreamOutput =
  | Extract<StreamInput, { readonly kind: 'blocks' | 'bytes' | 'stream' }>
  | { readonly kind: 'discard' };

/** Moves data from or to a stream device, at its position. */
export interface StreamSegment extends SegmentBase {
  readonly kind: 'stream';
  /** What does not fit whole transfers is kept for the next segment (CAT). */
  readonly concatenate: boolean;
  /** A copy of the data is held for the application client. */
  readonly hold: boolean;
  readonly input: StreamInput;
  readonly output: StreamOutput;
  /** That are moved; null: as `input` or `output` say. */
  readonly bytes: number | null;
}

/** Moves the position of the destination, or writes filemarks there. */
export interface MotionSegment extends SegmentBase {
  readonly kind: 'motion';
  readonly cdb: Buffer;
}

/** Copies blocks and filemarks of the source as they are. */
export interface TapeImageSegment extends SegmentBase {
  readonly kind: 'tape-image';
  /** So many in a row end it (COUNT); 0: any number does not. */
  readonly filemarks: number;
}

/** Where fields stand that an error points at. */
export const StreamField = { transfer: 9, secondTransfer: 13, lba: 16, offset: 26 } as const;

const CAT = 0x01;
const EMBEDDED_AT = 16;
/** What DESCRIPTOR LENGTH can say. */
const LONGEST = 0xffff;

type Moves = Pick<StreamSegment, 'input' | 'output' | 'bytes'>;

function moving(bytes: number, hold: boolean, read: (bytes: Buffer) => Moves): SegmentFormat {
  return {
    bytes,
    decode: (data, base) => ({
      ...base,
      kind: 'stream',
      concatenate: (data[1]! & CAT) !== 0,
      hold,
      ...read(data),
    }),
  };
}

const transferOf = (data: Buffer, at: number = StreamField.transfer) =>
  ({ kind: 'stream', transfer: data.readUIntBE(at, 3) }) as const;
const blocksOf = (data: Buffer) =>
  ({ kind: 'blocks', blocks: data.readUInt16BE(14), lba: readUint64(data, StreamField.lba) }) as const;
const bytesOf = (data: Buffer) =>
  ({
    kind: 'bytes',
    bytes: data.readUInt32BE(12),
    lba: readUint64(data, StreamField.lba),
    offset: data.readUInt16BE(StreamField.offset),
  }) as const;

const fromBlocks = (data: Buffer): Moves => ({ input: blocksOf(data), output: transferOf(data), bytes: null });
const toBlocks = (data: Buffer): Moves => ({ input: transferOf(data), output: blocksOf(data), bytes: null });
const fromBytes = (data: Buffer): Moves => ({ input: bytesOf(data), output: transferOf(data), bytes: null });
const toBytes = (data: Buffer): Moves => ({ input: transferOf(data), output: bytesOf(data), bytes: null });
const discard = (data: Buffer): Moves => ({
  input: transferOf(data),
  output: { kind: 'discard' },
  bytes: data.readUInt32BE(12),
});
const betweenStreams = (data: Buffer): Moves => ({
  input: transferOf(data),
  output: transferOf(data, StreamField.secondTransfer),
  bytes: data.readUInt32BE(16),
});
const fromInline = (data: Buffer): Moves => ({
  input: { kind: 'inline', offset: data.readUInt32BE(12), bytes: data.readUInt32BE(16) },
  output: transferOf(data),
  bytes: null,
});

const embedded: SegmentFormat = {
  bytes: EMBEDDED_AT,
  most: LONGEST,
  decode: (data, base) => {
    const bytes = data.readUInt16BE(12);
    if (EMBEDDED_AT + bytes > data.length) return invalidFieldInParameterList(base.at + 12);
    const content = Buffer.from(data.subarray(EMBEDDED_AT, EMBEDDED_AT + bytes));
    return {
      ...base,
      kind: 'stream',
      concatenate: (data[1]! & CAT) !== 0,
      hold: false,
      input: { kind: 'embedded', data: content },
      output: transferOf(data),
      bytes: null,
    };
  },
};

function motion(cdbOf: (data: Buffer) => Buffer): SegmentFormat {
  return { bytes: 12, decode: (data, base) => ({ ...base, kind: 'motion', cdb: cdbOf(data) }) };
}

const tapeImage: SegmentFormat = {
  bytes: 12,
  decode: (data, base) => ({ ...base, kind: 'tape-image', filemarks: data.readUInt32BE(8) }),
};

/** By type code, ascending. */
export const streamFormats: readonly (readonly [number, SegmentFormat])[] = [
  [0x00, moving(24, false, fromBlocks)],
  [0x01, moving(24, false, toBlocks)],
  [0x03, moving(20, false, betweenStreams)],
  [0x04, moving(20, false, fromInline)],
  [0x05, embedded],
  [0x06, moving(16, false, discard)],
  [0x08, moving(28, false, fromBytes)],
  [0x09, moving(28, false, toBytes)],
  [0x0b, moving(24, true, fromBlocks)],
  [0x0c, moving(24, true, toBlocks)],
  [0x0e, moving(20, true, betweenStreams)],
  [0x0f, moving(16, true, discard)],
  [0x10, motion((data) => writeFilemarks6(data.readUIntBE(9, 3), (data[8]! & 0x01) !== 0))],
  [0x11, motion((data) => space6(data[8]! & 0x07, data.readUIntBE(9, 3)))],
  [0x12, motion((data) => locate10(data.readUInt32BE(8)))],
  [0x13, tapeImage],
];
