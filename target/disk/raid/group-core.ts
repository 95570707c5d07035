/** What the parts of a redundant group share: its drives, and the operations on single columns and stripes. */
import type { Log } from '../../base/log.js';
import { isChecksummed } from '../checksums/checksummed.js';
import { inParallel } from '../in-parallel.js';
import { inSeries } from '../in-series.js';
import type { Clock, DriveDone, DriveError, DriveIo, DriveWrite } from '../types.js';
import type { Recovery } from './code.js';
import { readWhatCanBe } from './column-read.js';
import { DamagedStripes } from './damaged-stripes.js';
import type { StripeLayout } from './layout.js';
import type { Members } from './members.js';
import { mendStripe } from './mend.js';
import { Notices } from './notices.js';
import type { CopyRate } from './pace.js';
import type { RedoLog } from './redo-log.js';
import type { BadStretch } from './stripe-content.js';
import type { StripeLocks } from './stripe-locks.js';
import type { StripeMap } from './stripe-map.js';
import type { StripePlanner } from './stripe-plan.js';
import type { Suspects } from './suspects.js';
import type { Handle, UnderWay } from './under-way.js';
import type { WriteGate } from './write-gate.js';
import type { LoggedWrite } from './write-records.js';

export interface CoreParts {
  readonly name: string;
  readonly layout: StripeLayout;
  readonly recovery: Recovery;
  readonly planner: StripePlanner;
  readonly members: Members;
  readonly map: StripeMap;
  /** Null: a level whose checks are copies needs none. */
  readonly redo: RedoLog | null;
  /** As `redo`. */
  readonly underWay: UnderWay | null;
  readonly suspects: Suspects;
  readonly gate: WriteGate;
  readonly locks: StripeLocks;
  /** Of rebuilds. */
  readonly rate: Readonly<CopyRate>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Blocks of 512 bytes, since the start; what an unclean end left is not among them. */
export interface BlockCounters {
  /** Found bad on a drive, and written again. */
  mended: number;
  /** Of parity or copies: readable, but not what the data says, and made right. */
  checks: number;
  /** Given up: they could not be recovered. */
  lost: number;
}

/** A part of a write that failed on the way, of one stripe. */
interface Unfinished {
  readonly writes: readonly LoggedWrite[];
  /** Null: it is in the redo log. */
  record: Handle | null;
}

export class GroupCore {
  /** Rises whenever a drive is taken out: what was planned before then must be planned anew. */
  epoch = 0;
  /** Begun for the group's users so far: what goes on in the background rests where this rises. */
  hostOperations = 0;
  /**
   * Writes that failed on the way, by stripe: some columns may be new and some old. They are done again before
   * anything else is done with the stripe, in the order in which they came.
   */
  readonly unfinished = new Map<number, Unfinished[]>();

  /** Of these stripes, those that lack something which may have been acknowledged: they must not be read as they are. */
  readonly owed = new Set<number>();

  /** Records of what has been done but on drives that were taken out for it: they end when that is noted. */
  readonly #endings: Handle[] = [];

  readonly damaged = new DamagedStripes();

  readonly blocks: BlockCounters = { mended: 0, checks: 0, lost: 0 };

  /** Writes under way that are not in the redo log: they go there when a drive fails in the midst of them. */
  readonly unlogged = new Set<readonly LoggedWrite[]>();
  /** Those that the log had no room for then: they are done again once the failure is noted, and not acknowledged before. */
  readonly refused = new Set<readonly LoggedWrite[]>();

  readonly notices: Notices;

  /** Run at the next checkpoint once everything is synced: drives that have failed are noted. */
  readonly notes: (() => void)[] = [];

  constructor(readonly parts: CoreParts) {
    this.notices = new Notices(parts.clock, parts.log);
  }

  /** Blocks can be marked as lost on every drive that is there. */
  get mayLose(): boolean {
    return this.parts.members.present().every(({ drive }) => isChecksummed(drive));
  }

  /** A drive was taken out, and a start would not know: nothing may be written yet that depends on its being out. */
  get unnoted(): boolean {
    return this.notes.length > 0;
  }

  driveAt(stripe: number, column: number): { readonly position: number; readonly drive: DriveIo } {
    const position = this.parts.layout.driveOf(stripe, column);
    return { position, drive: this.parts.members.list[position]!.drive };
  }

  /** Reads a stretch of a column from its drive, as far as that can be. Errors count against the drive. */
  readColumn(
    stripe: number,
    column: number,
    at: number,
    data: Buffer,
    done: (bad: readonly BadStretch[]) => void,
  ): void {
    const { members, layout } = this.parts;
    const { position, drive } = this.driveAt(stripe, column);
    // The stripe's other columns may have been read when this one still had its drive: a new one holds nothing yet.
    if (!members.has(position, stripe)) {
      done([{ at, end: at + data.length, kind: 'unreadable', gone: true }]);
      return;
    }
    const failed = (error: DriveError): void => {
      if (error.bad?.some(({ lost }) => !lost)) this.notices.tell(`parity group ${this.parts.name}: ${error.message}`);
      members.readFailed(position, drive, error);
    };
    const give = () => members.list[position]!.drive === drive && members.has(position, stripe);
    readWhatCanBe(drive, stripe * layout.unit + at, data, failed, give, (bad) => {
      if (bad.some(({ kind }) => kind !== 'lost')) this.damaged.note(stripe);
      done(bad.map((each) => ({ ...each, at: at + each.at, end: at + each.end })));
    });
  }

  /** Makes a locked stripe consistent, if it may not be. An error: it cannot be, for the time being. */
  settle(stripe: number, done: DriveDone): void {
    const unfinished = this.unfinished.get(stripe);
    if (unfinished !== undefined) {
      const again = ({ writes }: Unfinished, ended: DriveDone) => this.issue(writes, ended);
      inSeries(unfinished, again, (error) => {
        if (error === null) {
          this.unfinished.delete(stripe);
          this.owed.delete(stripe);
          this.parts.suspects.remove(stripe);
          for (const { record } of unfinished) if (record !== null) this.endRecord(record);
        }
        done(error);
      });
    } else if (this.parts.suspects.has(stripe)) {
      mendStripe(this, stripe, false, (error) => {
        if (error === null) this.parts.suspects.remove(stripe);
        done(error);
      });
    } else {
      done(null);
    }
  }

  /**
   * Does writes on all drives that are there. A drive that fails is taken out if the others can do without it, and
   * then its part counts as done; `done` hears of errors that the group could not put right so.
   */
  issue(writes: readonly LoggedWrite[], done: DriveDone): void {
    const { members, layout } = this.parts;
    const byDrive = new Map<number, LoggedWrite[]>();
    for (const write of writes) {
      const { state } = members.list[write.drive]!;
      if (state !== 'good' && !members.has(write.drive, Math.floor(write.offset / layout.unit))) {
        // What is written before a rebuild gets there is written again by it.
        if (state !== 'rebuilding' || write.buffers !== null || write.lost) continue;
      }
      const own = byDrive.get(write.drive);
      if (own === undefined) byDrive.set(write.drive, [write]);
      else own.push(write);
    }
    const start = ([position, own]: readonly [number, LoggedWrite[]], ended: DriveDone) => {
      const { drive } = members.list[position]!;
      store(drive, own, (error) => ended(error !== null && members.writeFailed(position, drive, error) ? null : error));
    };
    inParallel([...byDrive], start, done);
  }

  /** Makes writes that have ended durable; a drive that cannot do that is taken out, if that can be. */
  syncOf(writes: readonly LoggedWrite[], done: () => void): void {
    const sync = (position: number, ended: DriveDone) => this.syncDrive(position, () => ended(null));
    inParallel([...new Set(writes.map(({ drive }) => drive))], sync, done);
  }

  /** A drive that cannot be synced is taken out; `done` hears of the error if the others cannot do without it. */
  syncDrive(position: number, done: DriveDone): void {
    const { members } = this.parts;
    const { drive } = members.list[position]!;
    drive.sync((error) => done(error !== null && members.writeFailed(position, drive, error) ? null : error));
  }

  /** Remembers a write that failed, so that it is done again; its buffers are copied. */
  keepUnfinished(writes: readonly LoggedWrite[]): void {
    const { unit } = this.parts.layout;
    for (const { drive, offset, bytes, buffers, lost } of writes) {
      const data = buffers === null ? null : Buffer.concat(buffers);
      for (let at = offset; at < offset + bytes; ) {
        const stripe = Math.floor(at / unit);
        const end = Math.min(offset + bytes, (stripe + 1) * unit);
        const part = {
          drive,
          offset: at,
          bytes: end - at,
          buffers: data && [data.subarray(at - offset, end - offset)],
          lost,
        };
        this.unfinished.set(stripe, [
          ...(this.unfinished.get(stripe) ?? []),
          { writes: [part], record: this.#recordOf([part]) },
        ]);
        at = end;
      }
    }
  }

  /** Keeps what is unfinished where the next start looks, after the redo log was emptied. */
  logUnfinished(done: DriveDone): void {
    const { redo, underWay, members } = this.parts;
    const all = [...this.unfinished.values()].flat();
    const log = (unfinished: Unfinished, kept: DriveDone): void => {
      if (members.whole) unfinished.record ??= this.#recordOf(unfinished.writes);
      else if (redo!.append(unfinished.writes, kept)) return;
      else underWay!.unsettled = true;
      kept(null);
    };
    inParallel(all, log, done);
  }

  /** Ends a record when all is done, or kept as unfinished. */
  endRecord(record: Handle): void {
    if (this.unnoted) this.#endings.push(record);
    else this.parts.underWay!.end(record);
  }

  /** The drives that were taken out are noted. */
  noted(): void {
    for (const record of this.#endings.splice(0)) this.endRecord(record);
  }

  #recordOf(writes: readonly LoggedWrite[]): Handle | null {
    const { underWay, members } = this.parts;
    return underWay !== null && members.whole ? underWay.begin(writes) : null;
  }

  lost(stripe: number): DriveError {
    return { kind: 'io-error', message: `${this.parts.name}: stripe ${stripe} has lost more than can be recovered` };
  }

  logged(stripe: number, column: number, at: number, end: number, data: Buffer | null): LoggedWrite {
    return {
      drive: this.parts.layout.driveOf(stripe, column),
      offset: stripe * this.parts.layout.unit + at,
      bytes: end - at,
      buffers: data && [data],
      lost: false,
    };
  }
}

/** All of one drive's part, ascending; what is adjacent goes in one. */
function store(drive: DriveIo, writes: readonly LoggedWrite[], done: DriveDone): void {
  const filled: { readonly offset: number; readonly buffers: Buffer[] }[] = [];
  const empty: { readonly offset: number; bytes: number }[] = [];
  let filledEnd = -1;
  const lost = writes.filter((write) => write.lost);
  for (const write of [...writes].sort((a, b) => a.offset - b.offset)) {
    const { offset, bytes, buffers } = write;
    const hole = empty.at(-1);
    if (write.lost) continue;
    if (buffers === null) {
      if (hole !== undefined && hole.offset + hole.bytes === offset) hole.bytes += bytes;
      else empty.push({ offset, bytes });
    } else {
      if (offset === filledEnd) filled.at(-1)!.buffers.push(...buffers);
      else filled.push({ offset, buffers: [...buffers] });
      filledEnd = offset + bytes;
    }
  }
  const lose = ({ offset, bytes }: LoggedWrite, ended: DriveDone): void => {
    // Plans have none for a drive that cannot do it, but a drive may have been put in the place of another since.
    if (isChecksummed(drive)) drive.markLost(offset, bytes, ended);
    else ended({ kind: 'io-error', message: `${drive.name}: has no sums to mark a block as lost in` });
  };
  const punch = () =>
    inParallel(
      empty,
      ({ offset, bytes }, ended) => drive.punch(offset, bytes, ended),
      (error) => (error === null ? inParallel(lost, lose, done) : done(error)),
    );
  if (filled.length === 0) punch();
  else drive.writeMany(filled satisfies DriveWrite[], (error) => (error === null ? punch() : done(error)));
}
