/** TapeAlert flags (SSC-5 4.2.20): what went wrong on a tape since they were last read. */
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
  private readonly flags = new Set<number>();

  raise(flag: number): void {
    this.flags.add(flag);
  }

  note(problem: Problem): void {
    const what = damaged(problem);
    if (what === null) return;
    this.raise(TapeAlert.hardError);
    this.raise(what === 'writing' ? TapeAlert.writeFailure : TapeAlert.readFailure);
  }

  has(flag: number): boolean {
    return this.flags.has(flag);
  }

  /** They have been read, or the logical unit is reset. */
  clear(): void {
    this.flags.clear();
  }
}
