import { type Checksummed, isChecksummed, type SumsDone } from '../disk/checksums/checksummed.js';
import { inParallel } from '../disk/in-parallel.js';
import type { BadRange, DriveDone, DriveError, DriveExtent, DriveIo, DriveWrite } from '../disk/types.js';

interface Range {
  readonly offset: number;
  readonly end: number;
}

/** Two drives as one: `from` has the data and is read, `to` is to have it and gets all writes as well. */
export interface CopyBackDrive extends DriveIo {
  /** Why `to` cannot be had; from then on only `from` counts. */
  readonly spoilt: DriveError | null;
  /** Begun by its users so far. */
  readonly operations: number;
  /** Copies a range, while writes to it wait. */
  copy(offset: number, bytes: number, done: DriveDone): void;
  /** From now on only `to` counts; `from` is closed once nothing is under way on it. */
  leave(): void;
}

export function copyBackDrive(from: DriveIo, to: DriveIo): CopyBackDrive {
  return isChecksummed(from) && isChecksummed(to) ? new CopyBackChecksummed(from, to) : new CopyBack(from, to);
}

const BOTH = (run: (ended: DriveDone) => void, ended: DriveDone): void => run(ended);

class CopyBack<Drive extends DriveIo = DriveIo> implements CopyBackDrive {
  spoilt: DriveError | null = null;
  operations = 0;
  #copying: Range | null = null;
  readonly #writing = new Set<Range>();
  /** Writes that wait for the copy, and a copy that waits for writes. */
  #waiting: (() => void)[] = [];
  #underWay = 0;
  #left = false;

  constructor(
    protected readonly from: Drive,
    protected readonly to: Drive,
  ) {}

  get name(): string {
    return this.from.name;
  }

  get bytes(): number {
    return Math.min(this.from.bytes, this.to.bytes);
  }

  get failure(): DriveError | null {
    return this.from.failure ?? null;
  }

  readNow(offset: number, buffers: readonly Buffer[]): boolean {
    this.operations++;
    return this.from.readNow(offset, buffers);
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.operations++;
    this.#read(offset, buffers, done);
  }

  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.writeMany([{ offset, buffers }], done);
  }

  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    const ends = writes.map(({ offset, buffers }) => buffers.reduce((end, { length }) => end + length, offset));
    const range = { offset: Math.min(...writes.map(({ offset }) => offset)), end: Math.max(...ends) };
    this.change(range, (drive, ended) => drive.writeMany(writes, ended), done);
  }

  punch(offset: number, bytes: number, done: DriveDone): void {
    this.change({ offset, end: offset + bytes }, (drive, ended) => drive.punch(offset, bytes, ended), done);
  }

  extents(offset: number, bytes: number, limit?: number): readonly DriveExtent[] {
    return this.from.extents(offset, bytes, limit);
  }

  sync(done: DriveDone): void {
    this.#both((drive, ended) => drive.sync(ended), done);
  }

  close(): void {
    this.from.close();
    this.to.close();
  }

  copy(offset: number, bytes: number, done: DriveDone): void {
    const range = { offset, end: offset + bytes };
    for (const writing of this.#writing) {
      if (overlap(writing, range)) {
        this.#waiting.push(() => this.copy(offset, bytes, done));
        return;
      }
    }
    this.#copying = range;
    const ended: DriveDone = (error) => {
      this.#copying = null;
      this.#wake();
      done(error);
    };
    const [extent] = this.from.extents(offset, bytes, 1);
    if (!extent!.allocated && extent!.bytes >= bytes) {
      this.to.punch(offset, bytes, ended);
      return;
    }
    const data = Buffer.allocUnsafe(bytes);
    this.#read(offset, [data], (error) => {
      if (error !== null) ended(error);
      else
        this.to.write(offset, [data], (failure) => {
          this.spoilt ??= failure;
          ended(null);
        });
    });
  }

  leave(): void {
    this.#left = true;
    if (this.#underWay === 0) this.from.close();
  }

  protected change(range: Range, run: (drive: Drive, ended: DriveDone) => void, done: DriveDone): void {
    if (this.#copying !== null && overlap(this.#copying, range)) {
      this.#waiting.push(() => this.change(range, run, done));
      return;
    }
    this.operations++;
    this.#writing.add(range);
    this.#both(run, (error) => {
      this.#writing.delete(range);
      this.#wake();
      done(error);
    });
  }

  /** The error is that of the drive that counts. */
  #both(run: (drive: Drive, ended: DriveDone) => void, done: DriveDone): void {
    const errors: { from: DriveError | null; to: DriveError | null } = { from: null, to: this.spoilt };
    const first = (ended: DriveDone) =>
      run(this.from, (error) => {
        errors.from = error;
        ended(null);
      });
    const second = (ended: DriveDone) =>
      run(this.to, (error) => {
        errors.to = error;
        this.spoilt ??= error;
        ended(null);
      });
    this.#underWay++;
    inParallel(this.spoilt === null ? [first, second] : [first], BOTH, () => {
      this.#ended();
      done(this.#left ? errors.to : errors.from);
    });
  }

  #read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.#underWay++;
    this.from.read(offset, buffers, (error) => {
      this.#ended();
      done(error);
    });
  }

  #ended(): void {
    this.#underWay--;
    if (this.#left && this.#underWay === 0) this.from.close();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) run();
  }
}

class CopyBackChecksummed extends CopyBack<Checksummed> implements Checksummed {
  compare(offset: number, data: Buffer, done: (error: DriveError | null, bad: readonly BadRange[]) => void): void {
    this.from.compare(offset, data, done);
  }

  markLost(offset: number, bytes: number, done: DriveDone): void {
    this.change({ offset, end: offset + bytes }, (drive, ended) => drive.markLost(offset, bytes, ended), done);
  }

  checkSums(offset: number, bytes: number, done: SumsDone): void {
    this.from.checkSums(offset, bytes, done);
  }
}

function overlap(a: Range, b: Range): boolean {
  return a.offset < b.end && b.offset < a.end;
}
