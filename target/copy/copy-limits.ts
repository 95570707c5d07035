import { MAX_SEGMENT_BYTES, segmentTypes } from '../../wire/scsi/copy-segments.js';
import { CSCD_BYTES, CscdType, cscdTypes } from '../../wire/scsi/cscd.js';
import { LIST_ID4_HEADER } from '../../wire/scsi/extended-copy.js';
import { RodSegmentType } from '../../wire/scsi/rod-segments.js';

const CSCDS = 64;
const SEGMENTS = 256;
const INLINE_BYTES = 32 * 1024;
const DESCRIPTOR_BYTES = CSCDS * CSCD_BYTES + SEGMENTS * MAX_SEGMENT_BYTES;

/** Limits that the copy manager holds to, and that RECEIVE COPY OPERATING PARAMETERS and VPD page 8Fh report. */
export const CopyLimits = {
  cscds: CSCDS,
  segments: SEGMENTS,
  descriptorBytes: DESCRIPTOR_BYTES,
  /** MAXIMUM SEGMENT LENGTH: none. */
  segmentBytes: 0,
  /** INLINE DATA LIMIT. */
  inlineBytes: INLINE_BYTES,
  /** MAXIMUM STREAM DEVICE TRANSFER SIZE: what one READ or WRITE of a stream device moves. */
  streamBytes: 1024 * 1024,
  /** HELD DATA LIMIT: the newest bytes are kept. */
  heldBytes: 64 * 1024,
  /** Copy operations of one logical unit at a time. */
  concurrent: 32,
  identified: 32,
  /** Any number of bytes. */
  segmentGranularity: 0,
  heldGranularity: 0,
  types: [...segmentTypes, ...cscdTypes],
} as const;

const rodTypes: readonly number[] = [CscdType.rod, ...Object.values(RodSegmentType)];

/** Of a tape: RODs are made of blocks, and it has none. */
export const TapeCopyLimits = { ...CopyLimits, types: CopyLimits.types.filter((type) => !rodTypes.includes(type)) };

/** The longest parameter list: header, descriptors and inline data. */
export const MAX_LIST_BYTES = LIST_ID4_HEADER + DESCRIPTOR_BYTES + INLINE_BYTES;

/** Data read and written in one go. */
export const PIECE_BYTES = 1024 * 1024;

/** Pieces under way in the whole array: what copies may take of the cache, and of the time, at once. */
export const PIECES_AT_ONCE = 16;

/** Of these, for the copies of one logical unit: one that hangs behind a host's command leaves room to the others. */
export const PIECES_OF_UNIT = 4;

/** Held data in the whole array; when there is more, copies hold less than HELD DATA LIMIT. */
export const HELD_BYTES_AT_ONCE = 64 * 1024 * 1024;

/** Entries of one alias list, and their bytes: so that one host does not take the room of all. */
export const ALIASES_OF_LIST = 64;
export const ALIAS_BYTES_OF_LIST = 64 * 1024;

/** Alias lists of the whole array. */
export const ALIAS_BYTES_AT_ONCE = 4 * 1024 * 1024;

/** Ended operations whose results a logical unit keeps; the oldest of the I_T nexus that has the most go. */
export const KEPT_RESULTS = 64;

/** Blocks that one WRITE SAME can name. */
export const ZERO_BLOCKS = 0xffff;

/** A block of which a part is copied is merged anew this often when a host writes to it in between. */
export const MERGE_ATTEMPTS = 16;
