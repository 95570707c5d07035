/**
 * What a virtual tape looks like on the blocks of its LDEV, which are sectors of 512 bytes; all fields big-endian.
 *
 *   sector 0   label: 0–7 `LUNATAPE` · 8–15 PASS · 16–23 sector of the last object that is known to be on the medium,
 *              0: none · 24–27 CRC-32C of bytes 0 to 23. All zeros: nothing has been overwritten or synchronized yet
 *   sector 1   auxiliary memory (`auxiliary-memory.ts`), up to sector 7
 *   sector 8   logical objects, one after the other, each from a sector of its own on: a header of 128 bytes, then the
 *              data of a record, then zeros up to the next sector
 *
 *   header     0–3 `LTOB` · 4 kind: 1 record, 2 filemark · 8–11 bytes of data · 12–15 CRC-32C of the data
 *              16–23 PASS · 24–31 logical object number · 32–39 filemarks before it
 *              40–71 sectors of objects before it, 72–103 of filemarks before it: of the nearest one, and of the nearest
 *              ones whose numbers are multiples of 64, 64² and 64³; 0: there is none
 *              104–111 its own sector · 124–127 CRC-32C of bytes 0 to 123
 *
 * Any object is reached from the last one within some 200 steps per 16 million objects, and nothing of that is kept in
 * memory. Nothing that was written is changed. Overwriting begins a new pass: what follows the last object and is of
 * another pass is not data any more, and neither is what was cut off by the death of the process.
 */
import { native } from '../../native/index.js';
import { readUint64, writeUint64 } from '../../wire/scsi/cdb.js';

export const SECTOR_BYTES = 512;
/** Where the first object begins. */
export const FIRST_SECTOR = 8;
export const HEADER_BYTES = 128;

const LABEL_MAGIC = Buffer.from('LUNATAPE', 'latin1');
const OBJECT_MAGIC = Buffer.from('LTOB', 'latin1');
const LABEL_CRC_AT = 24;
const HEADER_CRC_AT = 124;
const LEVELS = 4;
const FAN = 64;

const kinds = { record: 1, filemark: 2 } as const;

export interface TapeObject {
  readonly kind: keyof typeof kinds;
  /** Of data; 0 for a filemark. */
  readonly bytes: number;
  /** CRC-32C of the data. */
  readonly crc: number;
  readonly pass: number;
  /** Logical object number, from 0. */
  readonly number: number;
  /** Filemarks before it. */
  readonly filemarks: number;
  /** By level: sectors of objects, and of filemarks, before it. */
  readonly objectsAt: readonly number[];
  readonly filemarksAt: readonly number[];
  /** Its own sector. */
  readonly at: number;
}

/** A place between objects: the one before it; null: the beginning of the medium. */
export type Place = TapeObject | null;

export interface Label {
  readonly pass: number;
  /** Sector of the last object known to be on the medium; 0: none. */
  readonly lastAt: number;
}

/** Sectors that an object takes. */
export function sectorsOf(bytes: number): number {
  return Math.ceil((HEADER_BYTES + bytes) / SECTOR_BYTES);
}

/** Sector that follows a place. */
export function sectorAfter(place: Place): number {
  return place === null ? FIRST_SECTOR : place.at + sectorsOf(place.bytes);
}

/** Number of the object that follows a place. */
export function numberAfter(place: Place): number {
  return place === null ? 0 : place.number + 1;
}

/** Filemarks before a place. */
export function filemarksAfter(place: Place): number {
  return place === null ? 0 : place.filemarks + (place.kind === 'filemark' ? 1 : 0);
}

/** Number of the one that an object's list of level `level` leads to, of objects or filemarks of which `count` precede it. */
export function numberAtLevel(count: number, level: number): number {
  const step = FAN ** level;
  return Math.floor((count - 1) / step) * step;
}

/** The highest level that does not lead past number `wanted`, which is below `count`. */
export function levelTowards(count: number, wanted: number): number {
  let level = LEVELS - 1;
  while (level > 0 && numberAtLevel(count, level) < wanted) level--;
  return level;
}

/** An object to be written after a place. */
export function objectAfter(place: Place, pass: number, kind: TapeObject['kind'], data: readonly Buffer[]): TapeObject {
  const bytes = data.reduce((sum, { length }) => sum + length, 0);
  return {
    kind,
    bytes,
    crc: crcOf(data),
    pass,
    number: numberAfter(place),
    filemarks: filemarksAfter(place),
    objectsAt: follow(place, place?.objectsAt, place?.number),
    filemarksAt: follow(place, place?.filemarksAt, place?.kind === 'filemark' ? place.filemarks : undefined),
    at: sectorAfter(place),
  };
}

/** The list of what precedes the next object: that of `place`, with `place` itself where its number belongs. */
function follow(place: Place, before: readonly number[] | undefined, own: number | undefined): readonly number[] {
  return Array.from({ length: LEVELS }, (_, level) => {
    const takes = place !== null && own !== undefined && own % FAN ** level === 0;
    return takes ? place.at : (before?.[level] ?? 0);
  });
}

/** CRC-32C of bytes in parts. */
export function crcOf(data: readonly Buffer[]): number {
  return data.reduce((crc, part) => native.crc32c(part, crc), 0);
}

export function encodeHeader(object: TapeObject): Buffer {
  const data = Buffer.alloc(HEADER_BYTES);
  OBJECT_MAGIC.copy(data);
  data[4] = kinds[object.kind];
  data.writeUInt32BE(object.bytes, 8);
  data.writeUInt32BE(object.crc, 12);
  writeUint64(data, object.pass, 16);
  writeUint64(data, object.number, 24);
  writeUint64(data, object.filemarks, 32);
  for (const [level, at] of object.objectsAt.entries()) writeUint64(data, at, 40 + 8 * level);
  for (const [level, at] of object.filemarksAt.entries()) writeUint64(data, at, 72 + 8 * level);
  writeUint64(data, object.at, 104);
  data.writeUInt32BE(native.crc32c(data.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  return data;
}

/** The object whose header stands at a sector; null: there is none. @param data at least a header */
export function decodeHeader(data: Buffer, at: number): TapeObject | null {
  if (!data.subarray(0, OBJECT_MAGIC.length).equals(OBJECT_MAGIC)) return null;
  if (data.readUInt32BE(HEADER_CRC_AT) !== native.crc32c(data.subarray(0, HEADER_CRC_AT))) return null;
  const list = (from: number) => Array.from({ length: LEVELS }, (_, level) => readUint64(data, from + 8 * level));
  const object: TapeObject = {
    kind: data[4] === kinds.filemark ? 'filemark' : 'record',
    bytes: data.readUInt32BE(8),
    crc: data.readUInt32BE(12),
    pass: readUint64(data, 16),
    number: readUint64(data, 24),
    filemarks: readUint64(data, 32),
    objectsAt: list(40),
    filemarksAt: list(72),
    at: readUint64(data, 104),
  };
  return object.at === at ? object : null;
}

/** One sector. */
export function encodeLabel({ pass, lastAt }: Label): Buffer {
  const data = Buffer.alloc(SECTOR_BYTES);
  LABEL_MAGIC.copy(data);
  writeUint64(data, pass, 8);
  writeUint64(data, lastAt, 16);
  data.writeUInt32BE(native.crc32c(data.subarray(0, LABEL_CRC_AT)), LABEL_CRC_AT);
  return data;
}

/** Null: it is damaged. */
export function decodeLabel(data: Buffer): Label | null {
  if (native.isZero(data)) return { pass: 0, lastAt: 0 };
  const sound = data.readUInt32BE(LABEL_CRC_AT) === native.crc32c(data.subarray(0, LABEL_CRC_AT));
  if (!sound || !data.subarray(0, LABEL_MAGIC.length).equals(LABEL_MAGIC)) return null;
  return { pass: readUint64(data, 8), lastAt: readUint64(data, 16) };
}
