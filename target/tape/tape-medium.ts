/** The medium of a virtual tape on the blocks of an LDEV (`layout.ts`): appends, reads and finds logical objects. */
import { endOfData, mediumFormatCorrupted } from '../../wire/scsi/sense.js';
import type { Io, IoFailure } from '../volumes/block-layer.js';
import {
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
import {
  type Done,
  isDamage,
  nothing,
  type ObjectDone,
  ObjectReader,
  type PlaceDone,
  type Problem,
  type TapeStorage,
} from './object-reader.js';
import { costOf, repeat, SMALL_STEPS, type Soon } from './repeat.js';

/** What is to be written: a record's data; null: a filemark. */
export type Content = readonly Buffer[] | null;

/** After so much has been written without a synchronization, one is made: the next start reads no more than that. */
const UNSYNCED_SECTORS = (256 * 1024 * 1024) / SECTOR_BYTES;
/** What a start could read in the time that it takes to look at one more object. */
const OBJECT_COST_SECTORS = 16;
/** Sectors that one step gives back. */
const UNMAP_SECTORS = (1024 * 1024 * 1024) / SECTOR_BYTES;

export class TapeMedium {
  /** The last object that can be read: what follows it is no data, or damaged. */
  last: Place = null;
  /** Why what follows the last object cannot be read although there is, or may be, something; null: no data follows. */
  damage: Problem | null = null;
  private pass = 0;
  private opened = false;
  /** After the last object there may be whole ones of this pass that were never told of: another pass begins. */
  private spoiled = true;
  /** Sectors written and not known to be on the medium, with what their objects cost a start. */
  private unsynced = 0;

  private readonly reader: ObjectReader;

  constructor(
    private readonly storage: () => TapeStorage,
    private readonly soon: Soon,
  ) {
    this.reader = new ObjectReader(storage, soon);
  }

  /** Where data ends has been found, and can be read. */
  get endKnown(): boolean {
    return this.opened && this.damage === null;
  }

  /** What becomes of an operation that goes beyond the last object. @param residue its INFORMATION; null: not told */
  beyond(residue: number | null): Problem {
    return this.damage ?? endOfData(residue);
  }

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
    this.reader.sectors(io, 0, 1, (problem, data, release) => {
      const label = problem === null ? decodeLabel(Buffer.concat(data)) : null;
      release();
      if (label === null) {
        done(problem ?? mediumFormatCorrupted());
        return;
      }
      this.pass = label.pass;
      if (label.lastAt === 0) this.scan(io, null, done);
      else {
        this.reader.header(io, label.lastAt, (failure, object) => {
          if (failure === null) this.scan(io, object, done);
          else if (isDamage(failure)) this.endBefore(io, label.lastAt, failure, done);
          else done(failure);
        });
      }
    });
  }

  /** What stands at a sector is the last object that was known, and cannot be read: up to it, everything else can. */
  private endBefore(io: Io, at: number, damage: Problem, done: Done): void {
    this.reader.lastBefore(io, at, (problem, place) => {
      if (problem === null) this.found(place, damage, 0);
      done(problem);
    });
  }

  /** @param unsynced sectors */
  private found(last: Place, damage: Problem | null, unsynced: number): void {
    this.last = last;
    this.damage = damage;
    this.unsynced = unsynced;
    this.opened = true;
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

  /** An empty medium. Its label goes last: until then it is one that is damaged. The auxiliary memory stays. */
  private begin(io: Io, done: Done): void {
    const steps: ((next: Done) => void)[] = [
      (next) => this.unmap(io, FIRST_SECTOR, this.storage().blocks, next),
      (next) => this.storage().top.flush(io, 0, 0, next),
      (next) => this.unmap(io, 0, 1, next),
    ];
    const run = (problem: Problem | null) => {
      const step = steps.shift();
      if (problem !== null || step === undefined) {
        if (problem === null) this.found(null, null, 0);
        done(problem);
      } else step(run);
    };
    this.pass = 0;
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
    this.reader.object(io, sectorAfter(place), bytes, sectorAfter(this.last), (problem, object, data, release) => {
      const expected = object?.number === numberAfter(place) && object.filemarks === filemarksAfter(place);
      if (problem === null && expected) {
        done(null, object, data, release);
        return;
      }
      release();
      done(problem ?? mediumFormatCorrupted(), null, [], nothing);
    });
  }

  /**
   * The object before a place, which is not the beginning, and its data as far as `bytes` go.
   * @param done with the place before it
   */
  readBack(
    io: Io,
    place: TapeObject,
    bytes: number,
    done: (
      problem: Problem | null,
      object: TapeObject,
      data: readonly Buffer[],
      release: () => void,
      to: Place,
    ) => void,
  ): void {
    this.reader.object(io, place.at, bytes, sectorAfter(place), (problem, _object, data, release) => {
      if (problem !== null) {
        done(problem, place, data, release, place);
        return;
      }
      const before = (failure: Problem | null, to: Place) => done(failure, place, data, release, to);
      this.after(io, place.number, before, place);
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
    const end = this.damage === null ? sectorAfter(this.last) : this.storage().blocks;
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
        this.damage = null;
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
      const wanted = number - 1;
      const next = (one: TapeObject) =>
        one.number <= wanted ? null : one.objectsAt[levelTowards(one.number, wanted)]!;
      this.walk(io, from, next, (one) => one.number === wanted, done);
    }
  }

  /** The place after filemark `number`, counted from 0, which there is. */
  afterFilemark(io: Io, number: number, done: PlaceDone): void {
    const next = (one: TapeObject) =>
      one.filemarks <= number ? null : one.filemarksAt[levelTowards(one.filemarks, number)]!;
    const isWanted = (one: TapeObject) => one.kind === 'filemark' && one.filemarks === number;
    this.walk(io, this.last, next, isWanted, done);
  }

  /**
   * From header to header. One that is damaged is gone around.
   * @param next sector of the next one; null: it is not before this one
   */
  private walk(
    io: Io,
    from: Place,
    next: (one: TapeObject) => number | null,
    isWanted: (one: TapeObject) => boolean,
    done: PlaceDone,
  ): void {
    let here = from;
    /** Why what stands behind `here` could not be read. */
    let damage: Problem | null = null;
    repeat(this.soon, SMALL_STEPS, (again) => {
      const at = here === null ? null : next(here);
      if (here === null || at === null) {
        if (here !== null && isWanted(here)) done(null, here);
        else done(damage ?? mediumFormatCorrupted(), null);
        return;
      }
      const after = here;
      const goOn = (problem: Problem | null, object: Place) => {
        // Each step leads back, so that a damaged medium ends the walk.
        const back = object === null || object.at < after.at;
        if (problem !== null || !back) done(problem ?? mediumFormatCorrupted(), null);
        else {
          here = object;
          again();
        }
      };
      this.reader.header(io, at, (problem, object) => {
        if (problem === null || !isDamage(problem)) goOn(problem, object);
        else {
          damage = problem;
          this.reader.lastBefore(io, at, goOn);
        }
      });
    });
  }

  /** Takes what follows as data as long as it is of this pass and whole. */
  private scan(io: Io, from: Place, done: Done): void {
    let here = from;
    const end = this.storage().blocks;
    const finish = (damage: Problem | null = null) => {
      this.found(here, damage, sectorAfter(here) - sectorAfter(from));
      done(null);
    };
    const failed = (problem: IoFailure) => {
      if (isDamage(problem)) finish(problem);
      else done(problem);
    };
    repeat(this.soon, SMALL_STEPS, (again) => {
      if (sectorAfter(here) >= end) {
        finish();
        return;
      }
      this.reader.object(io, sectorAfter(here), 0, end, (problem, header, _none, release) => {
        release();
        const follows = header?.pass === this.pass && header.number === numberAfter(here);
        if (problem !== null && 'kind' in problem) failed(problem);
        else if (!follows || header.at + sectorsOf(header.bytes) > end) finish();
        else {
          this.reader.object(io, header.at, header.bytes, end, (failure, object, _data, free) => {
            free();
            if (failure !== null && 'kind' in failure) failed(failure);
            else if (object === null) finish();
            else {
              here = object;
              again(costOf(object.bytes));
            }
          });
        }
      });
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
