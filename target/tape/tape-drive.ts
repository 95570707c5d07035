/**
 * A tape drive with its medium loaded: the position, and what moves it (SSC-5 4.2). Operations are done one after the
 * other: the command table lets no two of them run at a time.
 */
import { beginningOfMedium, filemarkDetected, mediumFormatCorrupted, type Sense } from '../../wire/scsi/sense.js';
import type { Io } from '../volumes/block-layer.js';
import { AuxiliaryMemory } from './auxiliary-memory.js';
import { filemarksAfter, numberAfter, type Place } from './layout.js';
import type { Done, PlaceDone, Problem, TapeStorage } from './object-reader.js';
import type { Soon } from './repeat.js';
import { TapeAlerts } from './tape-alerts.js';
import { earlyWarningSectors } from './tape-limits.js';
import { TapeMedium } from './tape-medium.js';

/** BUFFERED MODE of the mode parameter header (SSC-5 8.3.1): whether writes are answered from the cache. */
export const BufferedMode = { none: 0, one: 1 } as const;

export class TapeDrive {
  readonly medium: TapeMedium;
  readonly memory: AuxiliaryMemory;
  readonly alerts = new TapeAlerts();
  /** What READ and WRITE begin after. */
  place: Place = null;
  /** BLOCK LENGTH of the mode parameter block descriptor, bytes; 0: only variable-length blocks. */
  blockLength = 0;
  bufferedMode: number = BufferedMode.one;

  constructor(
    private readonly storage: () => TapeStorage,
    readonly soon: Soon,
  ) {
    this.medium = new TapeMedium(storage, soon);
    this.memory = new AuxiliaryMemory(storage);
  }

  /** Logical unit reset: mode parameters and alerts as after power on. The medium stays where it is. */
  reset(): void {
    this.alerts.clear();
    this.blockLength = 0;
    this.bufferedMode = BufferedMode.one;
  }

  /** Objects before the position. */
  get number(): number {
    return numberAfter(this.place);
  }

  /** Filemarks before the position. */
  get file(): number {
    return filemarksAfter(this.place);
  }

  /** Between the early warning and the end of the medium. */
  get inEarlyWarning(): boolean {
    return this.medium.room(this.place) <= earlyWarningSectors(this.storage().blocks);
  }

  /** To the beginning of the medium; what was written is on it then. */
  rewind(io: Io, done: Done): void {
    this.medium.sync(io, (problem) => {
      if (problem === null) this.place = null;
      done(problem);
    });
  }

  /** Over `count` blocks, backwards if negative; a filemark ends it (SSC-5 7.7). */
  spaceBlocks(io: Io, count: number, done: Done): void {
    if (count === 0) {
      done(null);
      return;
    }
    this.ready(io, done, () => {
      if (count > 0) this.blocksForward(io, count, done);
      else this.blocksBackward(io, -count, done);
    });
  }

  /** Over `count` filemarks, backwards if negative. */
  spaceFilemarks(io: Io, count: number, done: Done): void {
    if (count === 0) {
      done(null);
      return;
    }
    this.ready(io, done, () => {
      const { file } = this;
      const wanted = file + count;
      const all = filemarksAfter(this.medium.last);
      if (wanted > all) this.toEnd(done, this.medium.beyond(wanted - all));
      else if (wanted < 0) this.toBeginning(done, beginningOfMedium(-wanted));
      else if (count > 0) this.medium.afterFilemark(io, wanted - 1, this.move(done));
      else this.beforeFilemark(io, wanted, done, null);
    });
  }

  /** To where recorded data ends, or cannot be read any more. */
  spaceToEnd(io: Io, done: Done): void {
    this.ready(io, done, () => this.toEnd(done, this.medium.damage));
  }

  /** To before object `number` (SSC-5 7.2). */
  locateObject(io: Io, number: number, done: Done): void {
    this.ready(io, done, () => {
      if (number > numberAfter(this.medium.last)) this.toEnd(done, this.medium.beyond(null));
      else this.medium.after(io, number, this.move(done));
    });
  }

  /** To the beginning of a file: after filemark `number − 1`. */
  locateFile(io: Io, number: number, done: Done): void {
    this.ready(io, done, () => {
      if (number === 0) this.toBeginning(done, null);
      else if (number > filemarksAfter(this.medium.last)) this.toEnd(done, this.medium.beyond(null));
      else this.medium.afterFilemark(io, number - 1, this.move(done));
    });
  }

  /** Whatever follows the position is gone. */
  erase(io: Io, done: Done): void {
    this.medium.openToWrite(io, this.place, (problem) => {
      if (problem === null) this.medium.cut(io, this.place, done);
      else done(problem);
    });
  }

  /** Goes on once the end of data is known and what was written is on the medium. */
  private ready(io: Io, done: Done, then: () => void): void {
    this.medium.open(io, (problem) => {
      if (problem !== null) done(problem);
      else {
        this.medium.sync(io, (failure) => {
          if (failure === null) then();
          else done(failure);
        });
      }
    });
  }

  private blocksForward(io: Io, count: number, done: Done): void {
    const { number, file } = this;
    const { last } = this.medium;
    const wanted = number + count;
    if (file === filemarksAfter(last)) {
      const all = numberAfter(last);
      if (wanted > all) this.toEnd(done, this.medium.beyond(wanted - all));
      else this.medium.after(io, wanted, this.move(done));
      return;
    }
    this.medium.afterFilemark(io, file, (problem, mark) => {
      if (problem !== null || mark === null) done(problem ?? mediumFormatCorrupted());
      else if (wanted <= mark.number) this.medium.after(io, wanted, this.move(done), mark);
      else {
        this.place = mark;
        done(filemarkDetected(wanted - mark.number));
      }
    });
  }

  private blocksBackward(io: Io, count: number, done: Done): void {
    const { number, file, place } = this;
    const wanted = number - count;
    if (file === 0) {
      if (wanted < 0) this.toBeginning(done, beginningOfMedium(-wanted));
      else this.medium.after(io, wanted, this.move(done), place);
      return;
    }
    this.medium.afterFilemark(io, file - 1, (problem, mark) => {
      if (problem !== null || mark === null) done(problem ?? mediumFormatCorrupted());
      else if (wanted > mark.number) this.medium.after(io, wanted, this.move(done), place);
      else this.beforeFilemark(io, file - 1, done, filemarkDetected(mark.number + 1 - wanted));
    });
  }

  private beforeFilemark(io: Io, filemark: number, done: Done, outcome: Sense | null): void {
    this.medium.afterFilemark(io, filemark, (problem, mark) => {
      if (problem !== null || mark === null) done(problem ?? mediumFormatCorrupted());
      else this.medium.after(io, mark.number, this.move(done, outcome), mark);
    });
  }

  private toBeginning(done: Done, outcome: Sense | null): void {
    this.place = null;
    done(outcome);
  }

  private toEnd(done: Done, outcome: Problem | null): void {
    this.place = this.medium.last;
    done(outcome);
  }

  /** Takes a place that was found as the position. */
  private move(done: Done, outcome: Sense | null = null): PlaceDone {
    return (problem, place) => {
      if (problem === null) this.place = place;
      done(problem ?? outcome);
    };
  }
}
