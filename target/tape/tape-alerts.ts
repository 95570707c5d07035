/** TapeAlert flags (SSC-5 4.2.20): what went wrong on a tape since somebody last read them, each for itself. */
import { SenseKey } from '../../wire/scsi/sense.js';
import type { Problem } from './object-reader.js';

/** Flags that are ever set here, by number, 1 to 64 (SSC-5 annex A). */
export const TapeAlert = { hardError: 3, readFailure: 5, writeFailure: 6, removalPrevented: 10 } as const;

/** Flags that there are; most tell of what cannot happen here. */
export const TAPE_ALERTS = 64;

/** PRIMARY code of the additional sense codes of write errors. */
const WRITE_ERROR = 0x0c;

/** Whether what cannot be read, or written, is the medium; null: something else is wrong. */
function damaged(problem: Problem): 'reading' | 'writing' | null {
  if (!('key' in problem)) return problem.kind !== 'medium-error' ? null : problem.write ? 'writing' : 'reading';
  if (problem.key !== SenseKey.mediumError) return null;
  return problem.asc >> 8 === WRITE_ERROR ? 'writing' : 'reading';
}

export class TapeAlerts {
  /** How often one had been raised when each flag last was. */
  private readonly raised = new Map<number, number>();
  private count = 0;
  /** How often one had been raised when each reader last read them. */
  private readonly seen = new WeakMap<object, number>();

  raise(flag: number): void {
    this.count++;
    this.raised.set(flag, this.count);
  }

  note(problem: Problem): void {
    const what = damaged(problem);
    if (what === null) return;
    this.raise(TapeAlert.hardError);
    this.raise(what === 'writing' ? TapeAlert.writeFailure : TapeAlert.readFailure);
  }

  /** Whether it is set for a reader: what others have read does not count. */
  isSet(flag: number, reader: object): boolean {
    return (this.raised.get(flag) ?? 0) > (this.seen.get(reader) ?? 0);
  }

  /** For this reader they are cleared. */
  wereRead(reader: object): void {
    this.seen.set(reader, this.count);
  }

  /** The logical unit is reset. */
  clear(): void {
    this.raised.clear();
  }
}
