/** Reads logical objects wherever they stand on the blocks of an LDEV (`layout.ts`); which of them are data is not known here. */
import { mediumFormatCorrupted, type Sense, SenseKey, unrecoveredRead } from '../../wire/scsi/sense.js';
import { slice } from '../base/views.js';
import type { BlockLayer, Io, IoFailure } from '../volumes/block-layer.js';
import {
  crcOf,
  decodeHeader,
  FIRST_SECTOR,
  HEADER_BYTES,
  numberAfter,
  type Place,
  SECTOR_BYTES,
  sectorAfter,
  sectorsOf,
  type TapeObject,
} from './layout.js';
import { repeat, SMALL_STEPS, type Soon } from './repeat.js';
import { TapeLimits } from './tape-limits.js';

/** What the medium needs of its LDEV; both may change. */
export interface TapeStorage {
  readonly top: BlockLayer;
  /** Sectors. */
  readonly blocks: number;
}

/** Why something could not be done. */
export type Problem = Sense | IoFailure;
export type Done = (problem: Problem | null) => void;
/** Data of a record as views, valid until `release`. */
export type ObjectDone = (
  problem: Problem | null,
  object: TapeObject | null,
  data: readonly Buffer[],
  release: () => void,
) => void;
export type PlaceDone = (problem: Problem | null, place: Place) => void;

/** Sectors that a search backwards reads at a time. */
const PIECE_SECTORS = (64 * 1024) / SECTOR_BYTES;

export const nothing = () => {};

/** Whether it is the medium that is bad, and not the way to it. */
export function isDamage(problem: Problem): boolean {
  return 'key' in problem ? problem.key === SenseKey.mediumError : problem.kind === 'medium-error' && !problem.write;
}

export class ObjectReader {
  constructor(
    private readonly storage: () => TapeStorage,
    private readonly soon: Soon,
  ) {}

  sectors(
    io: Io,
    at: number,
    sectors: number,
    done: (problem: Problem | null, views: readonly Buffer[], release: () => void) => void,
  ): void {
    this.storage().top.read(io, at, sectors, (failure, views, release) => {
      if (failure === null) done(null, views, release);
      else done(failure, [], nothing);
    });
  }

  /**
   * The object at a sector, and of its data no more than it has: what follows it may be unreadable.
   * @param end sector that the medium or its data ends at
   */
  object(io: Io, at: number, bytes: number, end: number, done: ObjectDone): void {
    if (at <= 0 || at >= end) {
      done(mediumFormatCorrupted(), null, [], nothing);
      return;
    }
    this.sectors(io, at, 1, (problem, views, release) => {
      const object = problem === null ? decodeHeader(Buffer.concat(slice(views, 0, HEADER_BYTES)), at) : null;
      const wanted = Math.min(bytes, object?.bytes ?? 0);
      const sound = object !== null && object.bytes <= TapeLimits.blockBytes && at + sectorsOf(wanted) <= end;
      if (!sound) {
        release();
        done(problem ?? mediumFormatCorrupted(), null, [], nothing);
      } else if (sectorsOf(wanted) === 1) {
        give(object, wanted, views, release, done);
      } else {
        release();
        this.sectors(io, at, sectorsOf(wanted), (failure, all, free) => {
          if (failure === null) give(object, wanted, all, free, done);
          else done(failure, null, [], nothing);
        });
      }
    });
  }

  header(io: Io, at: number, done: PlaceDone): void {
    this.object(io, at, 0, this.storage().blocks, (problem, object, _data, release) => {
      release();
      done(problem, object);
    });
  }

  /**
   * The last object before sector `at` that can be read, if what is at `at` cannot: of what stands between both, not even
   * the lengths are known. All sectors before `at` are those of objects. Null: there is none. Pieces that cannot be read
   * are left out on the way back, and looked at by object on the way forward.
   */
  lastBefore(io: Io, at: number, done: PlaceDone): void {
    let end = at;
    repeat(this.soon, 1, (again) => {
      if (end <= FIRST_SECTOR) {
        this.forward(io, null, at, done);
        return;
      }
      const from = Math.max(FIRST_SECTOR, end - PIECE_SECTORS);
      this.sectors(io, from, end - from, (problem, views, release) => {
        const found = problem === null ? lastHeader(Buffer.concat(views), from) : null;
        release();
        end = from;
        if (problem !== null && !isDamage(problem)) done(problem, null);
        else if (found === null) again();
        else this.forward(io, found, at, done);
      });
    });
  }

  /** From object to object as far as they can be read, and begin before sector `end`. */
  private forward(io: Io, from: Place, end: number, done: PlaceDone): void {
    let here = from;
    repeat(this.soon, SMALL_STEPS, (again) => {
      const at = sectorAfter(here);
      if (at >= end) {
        done(null, here);
        return;
      }
      this.header(io, at, (problem, object) => {
        if (problem !== null && !isDamage(problem)) done(problem, null);
        else if (object?.number !== numberAfter(here)) done(null, here);
        else {
          here = object;
          again();
        }
      });
    });
  }
}

/** @param from sector that the data begins at */
function lastHeader(data: Buffer, from: number): TapeObject | null {
  for (let offset = data.length - SECTOR_BYTES; offset >= 0; offset -= SECTOR_BYTES) {
    const object = decodeHeader(data.subarray(offset, offset + HEADER_BYTES), from + offset / SECTOR_BYTES);
    if (object !== null && object.bytes <= TapeLimits.blockBytes) return object;
  }
  return null;
}

/** An object with `bytes` bytes of its data. @param sectors it begins with them */
function give(
  object: TapeObject,
  bytes: number,
  sectors: readonly Buffer[],
  release: () => void,
  done: ObjectDone,
): void {
  const data = slice(sectors, HEADER_BYTES, bytes);
  if (bytes < object.bytes || crcOf(data) === object.crc) {
    done(null, object, data, release);
    return;
  }
  release();
  done(unrecoveredRead(), null, [], nothing);
}
