import { type Checksummed, isChecksummed, type SumsDone } from '../disk/checksums/checksummed.js';
import type { BadRange, DriveDone, DriveError, DriveExtent, DriveIo, DriveWrite } from '../disk/types.js';

/** What a drive has got wrong. */
export interface DriveErrors {
  /** Reads that failed. */
  reads: number;
  /** Writes and syncs that failed; a full disk under the drive is not its fault. */
  writes: number;
}

/** A drive whose errors are counted; `erred` is called after each. */
export function monitored(drive: DriveIo, errors: DriveErrors, erred: () => void): MonitoredDrive {
  if (isChecksummed(drive)) return new MonitoredChecksummed(drive, errors, erred);
  return new MonitoredDrive(drive, errors, erred);
}

export class MonitoredDrive<Drive extends DriveIo = DriveIo> implements DriveIo {
  #closed = false;
  /** Writes under way since the last exchange. */
  #writing = { open: 0, ended: () => {} };

  constructor(
    protected drive: Drive,
    private readonly errors: DriveErrors,
    private readonly erred: () => void,
  ) {}

  get name(): string {
    return this.drive.name;
  }

  get bytes(): number {
    return this.drive.bytes;
  }

  /** What it is a drive of now. */
  get inner(): Drive {
    return this.drive;
  }

  /**
   * Puts another in its place that holds the same.
   * @param ended called once all that was being written before has ended: what it left is on the old one only
   */
  exchange(drive: Drive, ended = () => {}): void {
    const before = this.#writing;
    this.drive = drive;
    this.#writing = { open: 0, ended: () => {} };
    if (before.open === 0) ended();
    else before.ended = ended;
  }

  get failure(): DriveError | null {
    return this.drive.failure ?? null;
  }

  readNow(offset: number, buffers: readonly Buffer[]): boolean {
    return this.drive.readNow(offset, buffers);
  }

  read(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.drive.read(offset, buffers, (error) => {
      if (error !== null) this.count('reads', error);
      done(error);
    });
  }

  write(offset: number, buffers: readonly Buffer[], done: DriveDone): void {
    this.drive.write(offset, buffers, this.writing(done));
  }

  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    this.drive.writeMany(writes, this.writing(done));
  }

  punch(offset: number, bytes: number, done: DriveDone): void {
    this.drive.punch(offset, bytes, this.writing(done));
  }

  extents(offset: number, bytes: number, limit?: number): readonly DriveExtent[] {
    return this.drive.extents(offset, bytes, limit);
  }

  sync(done: DriveDone): void {
    this.drive.sync(this.writing(done));
  }

  /** What is under way then runs into a closed file, which says nothing of the drive. */
  close(): void {
    this.#closed = true;
    this.drive.close();
  }

  protected writing(done: DriveDone): DriveDone {
    const writing = this.#writing;
    writing.open++;
    return (error) => {
      if (error !== null) this.count('writes', error);
      if (--writing.open === 0) writing.ended();
      done(error);
    };
  }

  private count(what: 'reads' | 'writes', { kind }: DriveError): void {
    if (this.#closed || kind === 'no-space') return;
    // Places that hold something wrong are counted by the group, once they have been mended.
    if (kind !== 'corrupt') this.errors[what]++;
    this.erred();
  }
}

class MonitoredChecksummed extends MonitoredDrive<Checksummed> implements Checksummed {
  compare(offset: number, data: Buffer, done: (error: DriveError | null, bad: readonly BadRange[]) => void): void {
    this.drive.compare(offset, data, done);
  }

  markLost(offset: number, bytes: number, done: DriveDone): void {
    this.drive.markLost(offset, bytes, this.writing(done));
  }

  checkSums(offset: number, bytes: number, done: SumsDone): void {
    this.drive.checkSums(offset, bytes, done);
  }
}
