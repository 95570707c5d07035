/** READ, READ REVERSE, WRITE and WRITE FILEMARKS on a tape drive (SSC-5 5.8, 5.9, 5.14, 5.15): objects in, objects out, residues. */
import {
  beginningOfMedium,
  earlyWarning,
  endOfMedium,
  filemarkDetected,
  incorrectLength,
} from '../../wire/scsi/sense.js';
import { slice } from '../base/views.js';
import type { Io } from '../volumes/block-layer.js';
import { type Place, sectorsOf, type TapeObject } from './layout.js';
import { type Done, nothing, type Problem } from './object-reader.js';
import { repeat, SMALL_STEPS } from './repeat.js';
import { BufferedMode, type TapeDrive } from './tape-drive.js';
import { TapeLimits } from './tape-limits.js';
import type { Content } from './tape-medium.js';

/** What was read, also before a problem; views are valid until `release`, which is called exactly once. */
export interface ReadResult {
  readonly problem: Problem | null;
  readonly data: readonly Buffer[];
  readonly bytes: number;
  readonly release: () => void;
}

/** Asked between objects: whether to end here. */
export type Aborted = () => boolean;

function empty(problem: Problem | null): ReadResult {
  return { problem, data: [], bytes: 0, release: nothing };
}

/** @param to the position after it */
type StepDone = (
  problem: Problem | null,
  object: TapeObject | null,
  data: readonly Buffer[],
  release: () => void,
  to: Place,
) => void;

/**
 * Reads the object next to the position, and of its data no more than `bytes`.
 * @param residue INFORMATION, where there is none
 */
type Step = (drive: TapeDrive, io: Io, bytes: number, residue: number, done: StepDone) => void;

/** READ: the object after the position. */
export const forwards: Step = ({ medium, place }, io, bytes, residue, done) => {
  medium.read(io, place, bytes, (problem, object, data, release) => {
    const end = object === null ? medium.beyond(residue) : null;
    done(problem ?? end, object, data, release, object);
  });
};

/** READ REVERSE with BYTORD: the object before it, its bytes in the order of READ. */
export const backwards: Step = ({ medium, place }, io, bytes, residue, done) => {
  if (place === null) done(beginningOfMedium(residue), null, [], nothing, null);
  else medium.readBack(io, place, bytes, done);
};

/** READ REVERSE without BYTORD: its bytes from the last one on, in a copy. */
export const bytesBackwards: Step = (drive, io, bytes, residue, done) => {
  backwards(drive, io, TapeLimits.blockBytes, residue, (problem, object, data, release, to) => {
    const there = data.reduce((sum, { length }) => sum + length, 0);
    const wanted = Math.min(bytes, there);
    const turned = Buffer.concat(slice(data, there - wanted, wanted)).reverse();
    release();
    done(problem, object, [turned], nothing, to);
  });
};

/**
 * One block of any length.
 * @param bytes that are wanted of it
 * @param suppress SILI
 */
export function readVariable(
  drive: TapeDrive,
  io: Io,
  step: Step,
  bytes: number,
  suppress: boolean,
  done: (result: ReadResult) => void,
): void {
  drive.medium.open(io, (failure) => {
    if (failure !== null) {
      done(empty(failure));
      return;
    }
    step(drive, io, bytes, bytes, (problem, object, data, release, to) => {
      if (problem !== null || object === null) {
        release();
        done(empty(problem));
        return;
      }
      drive.place = to;
      if (object.kind === 'filemark') {
        release();
        done(empty(filemarkDetected(bytes)));
        return;
      }
      const told = object.bytes > bytes ? !suppress || drive.blockLength !== 0 : object.bytes < bytes && !suppress;
      const wrong = told ? incorrectLength(bytes - object.bytes) : null;
      done({ problem: wrong, data, bytes: Math.min(bytes, object.bytes), release });
    });
  });
}

/** `count` blocks of the block length that is set. The data of one of another length is passed over. */
export function readFixed(
  drive: TapeDrive,
  io: Io,
  step: Step,
  count: number,
  aborted: Aborted,
  done: (result: ReadResult) => void,
): void {
  const { blockLength } = drive;
  const data: Buffer[] = [];
  const releases: (() => void)[] = [];
  let left = count;
  const end = (problem: Problem | null) => {
    const release = () => {
      for (const one of releases) one();
    };
    done({ problem, data, bytes: (count - left) * blockLength, release });
  };
  const ended = () => left === 0 || aborted();
  eachObject(drive, io, ended, end, (again) => {
    step(drive, io, blockLength, left, (problem, object, views, release, to) => {
      releases.push(release);
      if (problem !== null || object === null) {
        end(problem);
        return;
      }
      drive.place = to;
      if (object.kind === 'filemark') end(filemarkDetected(left));
      else if (object.bytes !== blockLength) end(incorrectLength(left));
      else {
        data.push(...views);
        left--;
        again();
      }
    });
  });
}

/**
 * Once the end of data is known, runs `step`, which looks at an object and calls `again` for the next one or `end`, until it
 * has `ended`. Other events have their turn in between.
 * @param end called once
 */
export function eachObject(
  { medium, soon }: TapeDrive,
  io: Io,
  ended: () => boolean,
  end: (problem: Problem | null) => void,
  step: (again: (cost?: number) => void) => void,
): void {
  medium.open(io, (failure) => {
    if (failure !== null) {
      end(failure);
      return;
    }
    repeat(soon, SMALL_STEPS, (again) => {
      if (ended()) end(null);
      else step(again);
    });
  });
}

/** One block of the length of the data. */
export function writeVariable(drive: TapeDrive, io: Io, data: readonly Buffer[], bytes: number, done: Done): void {
  const residue = (left: number) => (left > 0 ? bytes : 0);
  writeObjects(drive, io, { count: 1, bytes, content: () => data, residue, durable: false }, nobody, done);
}

/** Blocks of the block length that is set, of which the data is a row. */
export function writeFixed(
  drive: TapeDrive,
  io: Io,
  data: readonly Buffer[],
  count: number,
  aborted: Aborted,
  done: Done,
): void {
  const { blockLength: bytes } = drive;
  const content = (index: number) => slice(data, index * bytes, bytes);
  writeObjects(drive, io, { count, bytes, content, residue: (left) => left, durable: false }, aborted, done);
}

/** @param immediate it is done before what was written is on the medium */
export function writeFilemarks(
  drive: TapeDrive,
  io: Io,
  count: number,
  immediate: boolean,
  aborted: Aborted,
  done: Done,
): void {
  const marks = { count, bytes: 0, content: () => null, residue: (left: number) => left, durable: !immediate };
  writeObjects(drive, io, marks, aborted, done);
}

/** All of it, although the end may be near. */
export function wasWritten(problem: Problem | null): boolean {
  return problem === null || ('key' in problem && problem.name === earlyWarning().name);
}

interface Objects {
  readonly count: number;
  /** Of each. */
  readonly bytes: number;
  readonly content: (index: number) => Content;
  /** INFORMATION when so many are left. */
  readonly residue: (left: number) => number;
  /** Before it is done, all that has been written is on the medium. */
  readonly durable: boolean;
}

const nobody: Aborted = () => false;

/** What has a place before the end of the medium is written; that the end is near is told afterwards. */
function writeObjects(drive: TapeDrive, io: Io, objects: Objects, aborted: Aborted, done: Done): void {
  const { medium } = drive;
  const { count, bytes, content, residue } = objects;
  const each = sectorsOf(bytes);
  // What was written in another mode comes before it, and so has to be there too.
  const durable = objects.durable || drive.bufferedMode === BufferedMode.none;
  let index = 0;
  const end = (problem: Problem | null) => {
    const written = problem === null || 'key' in problem;
    if (durable && written) medium.sync(io, (failure) => done(failure ?? problem));
    else done(problem);
  };
  const opened: Done = (failure) => {
    if (failure !== null) {
      done(failure);
      return;
    }
    repeat(drive.soon, 1, (again) => {
      if (index === count || aborted()) {
        end(index > 0 && drive.inEarlyWarning ? earlyWarning() : null);
        return;
      }
      const most = Math.min(TapeLimits.pieceObjects, Math.max(1, Math.floor(TapeLimits.pieceSectors / each)));
      const fitting = Math.floor(medium.room(drive.place) / each);
      const piece = Math.min(count - index, most, fitting);
      if (piece <= 0) {
        end(endOfMedium(residue(count - index)));
        return;
      }
      const from = index;
      const contents = Array.from({ length: piece }, (_, i) => content(from + i));
      medium.append(io, drive.place, contents, (problem, place) => {
        drive.place = place;
        index += piece;
        if (problem === null) again();
        else done(problem);
      });
    });
  };
  if (count > 0) medium.openToWrite(io, drive.place, opened);
  else medium.open(io, opened);
}
