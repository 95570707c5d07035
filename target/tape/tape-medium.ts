/** The medium of a virtual tape on the blocks of an LDEV (`layout.ts`): appends, reads and finds logical objects. */
import { mediumFormatCorrupted, type Sense, SenseKey, unrecoveredRead } from '../../wire/scsi/sense.js';
import { slice } from '../base/views.js';
import type { BlockLayer, Io, IoFailure } from '../volumes/block-layer.js';
import {
  crcOf,
  decodeHeader,
  decodeLabel,
  encodeHeader,
  encodeLabel,
  FIRST_SECTOR,
  filemarksAfter,
  HEADER_BYTES,
  levelTowards,
  numberAfter,
  objectAfter,
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
/** Data of a record as views, valid until `release`. No object: the end of data. */
export type ObjectDone = (
  problem: Problem | null,
  object: TapeObject | null,
  data: readonly Buffer[],
  release: () => void,
) => void;
export type PlaceDone = (problem: Problem | null, place: Place) => void;

/** What is to be written: a record's data; null: a filemark. */
export type Content = readonly Buffer[] | null;

/** After so much has been written without a synchronization, one is made: the next start reads no more than that. */
const UNSYNCED_SECTORS = (256 * 1024 * 1024) / SECTOR_BYTES;
/** What a start could read in the time that it takes to look at one more object. */
const OBJECT_COST_SECTORS = 16;
/** Sectors that one step gives back. */
const UNMAP_SECTORS = (1024 * 1024 * 1024) / SECTOR_BYTES;

const nothing = () => {};

/** Whether it is the medium that is bad, and not the way to it. */
function isDamage(problem: Problem): boolean {
  return 'key' in problem ? problem.key === SenseKey.mediumError : problem.kind === 'medium-error' && !problem.write;
}

export class TapeMedium {
  /** The last object; what follows it is no data. */
  last: Place = null;
  private pass = 0;
  private opened = false;
  /** After the last object there may be whole ones of this pass that were never told of: another pass begins. */
  private spoiled = true;
  /** Sectors written and not known to be on the medium, with what their objects cost a start. */
  private unsynced = 0;

  constructor(
    private readonly storage: () => TapeStorage,
    private readonly soon: Soon,
  ) {}

  /** Sectors from a place to the end of the medium. */
  room(place: Place): number {
    return this.storage().blocks - sectorAfter(place);
  }

  /** Finds the end of data, once. A failure leaves that to the next time. */
  open(io: Io, done: Done): void {
    if (this.opened) {
      done(null);
      return;
    }
    this.readSectors(io, 0, 1, (problem, data, release) => {
      const label = problem === null ? decodeLabel(Buffer.concat(data)) : null;
      release();
      if (label === null) {
        done(problem ?? mediumFormatCorrupted());
        return;
      }
      this.pass = label.pass;
      if (label.lastAt === 0) this.scan(io, null, done);
      else {
        this.header(io, label.lastAt, (failure, object) => {
          if (failure === null) this.scan(io, object, done);
          else done(failure);
        });
      }
    });
  }

  /**
   * As `open`, before something is written after a place, or erased. At the beginning it does not matter what there was:
   * a medium of which that cannot be told any more begins anew.
   */
  openToWrite(io: Io, place: Place, done: Done): void {
    this.open(io, (problem) => {
      if (problem !== null && place === null && isDamage(problem)) this.begin(io, done);
      else done(problem);
    });
  }

  /** An empty medium. Its label goes last: until then it is one that is damaged. */
  private begin(io: Io, done: Done): void {
    const steps: ((next: Done) => void)[] = [
      (next) => this.unmap(io, FIRST_SECTOR, this.storage().blocks, next),
      (next) => this.storage().top.flush(io, 0, 0, next),
      (next) => this.unmap(io, 0, FIRST_SECTOR, next),
    ];
    const run = (problem: Problem | null) => {
      const step = steps.shift();
      if (problem !== null || step === undefined) {
        this.opened = problem === null;
        done(problem);
      } else step(run);
    };
    this.pass = 0;
    this.last = null;
    run(null);
  }

  /**
   * The object after a place, and its data as far as `bytes` go. Data that is complete has been checked.
   */
  read(io: Io, place: Place, bytes: number, done: ObjectDone): void {
    if (numberAfter(place) >= numberAfter(this.last)) {
      done(null, null, [], nothing);
      return;
    }
    this.objectAt(io, sectorAfter(place), bytes, sectorAfter(this.last), (problem, object, data, release) => {
      const expected = object?.number === numberAfter(place) && object.filemarks === filemarksAfter(place);
      if (problem === null && expected) {
        done(null, object, data, release);
        return;
      }
      release();
      done(problem ?? mediumFormatCorrupted(), null, [], nothing);
    });
  }

  /** Writes objects after a place; what was there is gone. The caller has seen to the room. */
  append(io: Io, place: Place, contents: readonly Content[], done: PlaceDone): void {
    this.cut(io, place, (problem) => {
      if (problem !== null) {
        done(problem, place);
        return;
      }
      const from = sectorAfter(place);
      const parts: Buffer[] = [];
      let last = place;
      for (const data of contents) {
        last = objectAfter(last, this.pass, data === null ? 'filemark' : 'record', data ?? []);
        const padding = sectorsOf(last.bytes) * SECTOR_BYTES - HEADER_BYTES - last.bytes;
        parts.push(encodeHeader(last), ...(data ?? []), Buffer.alloc(padding));
      }
      const sectors = sectorAfter(last) - from;
      this.storage().top.write(io, from, sectors, parts, (failure) => {
        if (failure !== null) {
          this.spoiled = true;
          done(failure, place);
          return;
        }
        this.last = last;
        this.unsynced += sectors + contents.length * OBJECT_COST_SECTORS;
        if (this.unsynced < UNSYNCED_SECTORS) done(null, last);
        else this.sync(io, (late) => done(late, last));
      });
    });
  }

  /** What follows a place is data no more, and its space is given back. */
  cut(io: Io, place: Place, done: Done): void {
    if (place?.at === this.last?.at && !this.spoiled) {
      done(null);
      return;
    }
    const end = sectorAfter(this.last);
    this.sync(io, (problem) => {
      if (problem !== null) {
        done(problem);
        return;
      }
      this.writeLabel(io, this.pass + 1, place, (failure) => {
        if (failure !== null) {
          done(failure);
          return;
        }
        this.pass++;
        this.last = place;
        this.spoiled = false;
        this.unmap(io, sectorAfter(place), end, done);
      });
    });
  }

  /** All that was written is on the medium when it is done, and found there by the next start. */
  sync(io: Io, done: Done): void {
    if (this.unsynced === 0) {
      done(null);
      return;
    }
    this.storage().top.flush(io, 0, 0, (failure) => {
      if (failure !== null) {
        done(failure);
        return;
      }
      this.writeLabel(io, this.pass, this.last, (problem) => {
        if (problem === null) this.unsynced = 0;
        done(problem);
      });
    });
  }

  /** The place after object `number − 1`, which there is. @param from a place that is not before that one */
  after(io: Io, number: number, done: PlaceDone, from: Place = this.last): void {
    if (number === 0) done(null, null);
    else {
      const towards = (one: TapeObject) => one.objectsAt[levelTowards(one.number, number - 1)]!;
      this.walk(io, from, (one) => (one.number === number - 1 ? null : towards(one)), done);
    }
  }

  /** The place after filemark `number`, counted from 0, which there is. */
  afterFilemark(io: Io, number: number, done: PlaceDone): void {
    const next = (one: TapeObject) => {
      if (one.kind === 'filemark' && one.filemarks === number) return null;
      return one.filemarksAt[levelTowards(one.filemarks, number)]!;
    };
    this.walk(io, this.last, next, done);
  }

  /** From header to header. @param next sector of the next one; null: it is this one */
  private walk(io: Io, from: Place, next: (one: TapeObject) => number | null, done: PlaceDone): void {
    let here = from;
    repeat(this.soon, SMALL_STEPS, (again) => {
      const at = here === null ? 0 : next(here);
      if (at === null) {
        done(null, here);
        return;
      }
      this.header(io, at, (problem, object) => {
        // Each step leads back, so that a damaged medium ends the walk.
        const back = object !== null && here !== null && object.at < here.at;
        if (problem !== null || !back) done(problem ?? mediumFormatCorrupted(), null);
        else {
          here = object;
          again();
        }
      });
    });
  }

  /** Takes what follows as data as long as it is of this pass and whole. */
  private scan(io: Io, from: Place, done: Done): void {
    let here = from;
    const end = this.storage().blocks;
    const finish = () => {
      this.last = here;
      this.unsynced = sectorAfter(here) - sectorAfter(from);
      this.opened = true;
      done(null);
    };
    repeat(this.soon, SMALL_STEPS, (again) => {
      if (sectorAfter(here) >= end) {
        finish();
        return;
      }
      this.objectAt(io, sectorAfter(here), 0, end, (problem, header, _none, release) => {
        release();
        const follows = header?.pass === this.pass && header.number === numberAfter(here);
        if (problem !== null && 'kind' in problem) done(problem);
        else if (!follows || header.at + sectorsOf(header.bytes) > end) finish();
        else {
          this.objectAt(io, header.at, header.bytes, end, (failure, object, _data, free) => {
            free();
            if (failure !== null && 'kind' in failure) done(failure);
            else if (object === null) finish();
            else {
              here = object;
              again();
            }
          });
        }
      });
    });
  }

  private header(io: Io, at: number, done: PlaceDone): void {
    this.objectAt(io, at, 0, this.storage().blocks, (problem, object, _data, release) => {
      release();
      done(problem, object);
    });
  }

  /**
   * Reads the object at a sector, and of its data no more than it has: what follows it may be unreadable.
   * @param end sector that the medium or its data ends at
   */
  private objectAt(io: Io, at: number, bytes: number, end: number, done: ObjectDone): void {
    if (at <= 0 || at >= end) {
      done(mediumFormatCorrupted(), null, [], nothing);
      return;
    }
    this.readSectors(io, at, 1, (problem, views, release) => {
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
        this.readSectors(io, at, sectorsOf(wanted), (failure, all, free) => {
          if (failure === null) give(object, wanted, all, free, done);
          else done(failure, null, [], nothing);
        });
      }
    });
  }

  private readSectors(
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

  private writeLabel(io: Io, pass: number, place: Place, done: Done): void {
    const label = encodeLabel({ pass, lastAt: place?.at ?? 0 });
    this.storage().top.write({ ...io, fua: true }, 0, 1, [label], done);
  }

  private unmap(io: Io, from: number, end: number, done: Done): void {
    let at = from;
    repeat(this.soon, 1, (again) => {
      const sectors = Math.min(UNMAP_SECTORS, end - at);
      if (sectors <= 0) {
        done(null);
        return;
      }
      this.storage().top.unmap(io, at, sectors, (failure) => {
        at += sectors;
        if (failure === null) again();
        else done(failure);
      });
    });
  }
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
