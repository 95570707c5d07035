/** What the parts of a redundant group share: its drives, and the operations on single columns and stripes. */
import { native } from '../../../native/index.js';
import type { Log } from '../../base/log.js';
import { inParallel } from '../in-parallel.js';
import type { Clock, DriveDone, DriveError, DriveIo, DriveWrite } from '../types.js';
import { has, type Mask, type Recovery } from './code.js';
import type { StripeLayout } from './layout.js';
import type { Members } from './members.js';
import type { CopyRate } from './pace.js';
import type { LoggedWrite, RedoLog } from './redo-log.js';
import type { StripeLocks } from './stripe-locks.js';
import type { StripeMap } from './stripe-map.js';
import type { StripePlanner } from './stripe-plan.js';
import type { Suspects } from './suspects.js';
import type { WriteGate } from './write-gate.js';

export interface CoreParts {
  readonly name: string;
  readonly layout: StripeLayout;
  readonly recovery: Recovery;
  readonly planner: StripePlanner;
  readonly members: Members;
  readonly map: StripeMap;
  /** Null: a level whose checks are copies needs none. */
  readonly redo: RedoLog | null;
  readonly suspects: Suspects;
  readonly gate: WriteGate;
  readonly locks: StripeLocks;
  /** Of rebuilds. */
  readonly rate: Readonly<CopyRate>;
  readonly clock: Clock;
  readonly log: Log;
}

export class GroupCore {
  /** Rises whenever a drive is taken out: what was planned before then must be planned anew. */
  epoch = 0;
  /** Begun for the group's users so far: what goes on in the background rests where this rises. */
  hostOperations = 0;
  /**
   * Writes that failed on the way, by stripe: some columns may be new and some old. They are done again before
   * anything else is done with the stripe.
   */
  readonly unfinished = new Map<number, readonly LoggedWrite[]>();

  /** Writes under way that are not in the redo log: they go there when a drive fails in the midst of them. */
  readonly unlogged = new Set<readonly LoggedWrite[]>();

  constructor(readonly parts: CoreParts) {}

  driveAt(stripe: number, column: number): { readonly position: number; readonly drive: DriveIo } {
    const position = this.parts.layout.driveOf(stripe, column);
    return { position, drive: this.parts.members.list[position]!.drive };
  }

  /** Reads a stretch of a column from its drive; an error counts against the drive. */
  readColumn(stripe: number, column: number, at: number, buffers: readonly Buffer[], done: DriveDone): void {
    const { position, drive } = this.driveAt(stripe, column);
    const offset = stripe * this.parts.layout.unit + at;
    if (drive.readNow(offset, buffers)) {
      done(null);
      return;
    }
    drive.read(offset, buffers, (error) => {
      if (error !== null) this.parts.members.readFailed(position, drive, error);
      done(error);
    });
  }

  /**
   * Gives a stretch of a column out of the others. The stripe is locked, and `settle` has been called.
   * @param unreadable columns known not to be readable; more are found on the way
   */
  solve(stripe: number, column: number, at: number, end: number, unreadable: Mask, done: SolveDone): void {
    const { recovery, members } = this.parts;
    const without = unreadable | members.missing(stripe);
    const sum = recovery.sum(column, without);
    if (sum === null) {
      done(this.lost(stripe), EMPTY);
      return;
    }
    const sources = [...sum.entries()]
      .filter(([, factor]) => factor !== 0)
      .map(([from, factor]) => ({ from, factor, data: Buffer.allocUnsafe(end - at) }));
    let failed: Mask = 0;
    const read = ({ from, data }: (typeof sources)[number], ended: DriveDone) =>
      this.readColumn(stripe, from, at, [data], (error) => {
        if (error !== null) failed |= 1 << from;
        ended(null);
      });
    inParallel(sources, read, () => {
      if (failed !== 0) {
        this.solve(stripe, column, at, end, without | failed, done);
        return;
      }
      const result = Buffer.allocUnsafe(end - at);
      const data = sources.map((source) => source.data);
      native.combine(
        [result],
        data,
        Uint8Array.from(sources, (source) => source.factor),
      );
      done(null, result);
    });
  }

  /** Makes a locked stripe consistent, if it may not be. An error: it cannot be, for the time being. */
  settle(stripe: number, done: DriveDone): void {
    const writes = this.unfinished.get(stripe);
    if (writes !== undefined) {
      this.issue(writes, (error) => {
        if (error === null) {
          this.unfinished.delete(stripe);
          this.parts.suspects.remove(stripe);
        }
        done(error);
      });
    } else if (this.parts.suspects.has(stripe)) {
      this.#checkStripe(stripe, done);
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
        if (state !== 'rebuilding' || write.buffers !== null) continue;
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

  /** Remembers a write that failed, so that it is done again; its buffers are copied. */
  keepUnfinished(writes: readonly LoggedWrite[]): void {
    const { unit } = this.parts.layout;
    for (const { drive, offset, bytes, buffers } of writes) {
      const data = buffers === null ? null : Buffer.concat(buffers);
      for (let at = offset; at < offset + bytes; ) {
        const stripe = Math.floor(at / unit);
        const end = Math.min(offset + bytes, (stripe + 1) * unit);
        const part = {
          drive,
          offset: at,
          bytes: end - at,
          buffers: data && [data.subarray(at - offset, end - offset)],
        };
        this.unfinished.set(stripe, [...(this.unfinished.get(stripe) ?? []), part]);
        at = end;
      }
    }
  }

  lost(stripe: number): DriveError {
    return { kind: 'io-error', message: `${this.parts.name}: stripe ${stripe} has lost more than can be recovered` };
  }

  /** Makes checks right where they are not what the data says; those of missing data are the best there is. */
  #checkStripe(stripe: number, done: DriveDone): void {
    const { layout, members, suspects, log, name } = this.parts;
    const { data, checks, factors } = layout.code;
    const missing = members.missing(stripe);
    const checkable = Array.from({ length: checks }, (_, check) => check).filter((check) => {
      const own = factors[check]!;
      return !has(missing, data + check) && own.every((factor, column) => factor === 0 || !has(missing, column));
    });
    const columns = Array.from({ length: data + checks }, (_, column) => column)
      .filter((column) => !has(missing, column) && (column < data || checkable.includes(column - data)))
      .map((column) => ({ column, content: Buffer.allocUnsafe(layout.unit) }));
    const settled = (): void => {
      suspects.remove(stripe);
      done(null);
    };
    if (checkable.length === 0) {
      settled();
      return;
    }
    const read = ({ column, content }: (typeof columns)[number], ended: DriveDone) =>
      this.readColumn(stripe, column, 0, [content], ended);
    inParallel(columns, read, (error) => {
      if (error !== null) {
        log.warn(`parity group ${name}: stripe ${stripe} cannot be checked: ${error.message}`);
        settled();
        return;
      }
      const writes = checkable.flatMap((check) => {
        const sources = columns.filter(({ column }) => column < data);
        const right = Buffer.allocUnsafe(layout.unit);
        const own = Uint8Array.from(sources, ({ column }) => factors[check]![column]!);
        native.combine(
          [right],
          sources.map(({ content }) => content),
          own,
        );
        const found = columns.find(({ column }) => column === data + check)!;
        return found.content.equals(right) ? [] : [this.logged(stripe, data + check, 0, layout.unit, right)];
      });
      this.issue(writes, (failure) => {
        if (failure === null) settled();
        else done(failure);
      });
    });
  }

  logged(stripe: number, column: number, at: number, end: number, data: Buffer | null): LoggedWrite {
    return {
      drive: this.parts.layout.driveOf(stripe, column),
      offset: stripe * this.parts.layout.unit + at,
      bytes: end - at,
      buffers: data && [data],
    };
  }
}

export type SolveDone = (error: DriveError | null, data: Buffer) => void;

const EMPTY = Buffer.alloc(0);

/** All of one drive's part, ascending; what is adjacent goes in one. */
function store(drive: DriveIo, writes: readonly LoggedWrite[], done: DriveDone): void {
  const filled: { readonly offset: number; readonly buffers: Buffer[] }[] = [];
  const empty: { readonly offset: number; bytes: number }[] = [];
  let filledEnd = -1;
  for (const { offset, bytes, buffers } of [...writes].sort((a, b) => a.offset - b.offset)) {
    const hole = empty.at(-1);
    if (buffers === null) {
      if (hole !== undefined && hole.offset + hole.bytes === offset) hole.bytes += bytes;
      else empty.push({ offset, bytes });
    } else {
      if (offset === filledEnd) filled.at(-1)!.buffers.push(...buffers);
      else filled.push({ offset, buffers: [...buffers] });
      filledEnd = offset + bytes;
    }
  }
  const punch = () => inParallel(empty, ({ offset, bytes }, ended) => drive.punch(offset, bytes, ended), done);
  if (filled.length === 0) punch();
  else drive.writeMany(filled satisfies DriveWrite[], (error) => (error === null ? punch() : done(error)));
}
