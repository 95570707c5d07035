/** Writes and punches of a redundant group. */
import { inParallel } from '../in-parallel.js';
import { inSeries } from '../in-series.js';
import type { DriveDone, DriveError, DriveWrite } from '../types.js';
import type { GroupCore } from './group-core.js';
import { type ColumnRange, newChecks, type OldRange, type StripePiece, type StripePlan } from './stripe-plan.js';
import type { LoggedWrite } from './write-records.js';

/** Data of one operation: what it takes in memory, and in the redo log, stays in proportion. */
const PORTION_BYTES = 4 * 2 ** 20;
/** The part of the redo log that one is at most: what it comes to with its checks has to have room there. */
const PORTION_OF_LOG = 4;
/** Stripes punched at a time. */
const PORTION_STRIPES = 1024;

/** What is to be done with one stripe. */
interface StripeWrite {
  readonly stripe: number;
  readonly pieces: StripePiece[];
  /** Found on the way; columns without a drive are not among them. */
  readonly bad: ColumnRange[];
  plan: StripePlan | null;
  old: OldRange[];
}

/** A write of some stripes, as far as it does not concern them one by one. */
interface Operation {
  readonly stripes: readonly number[];
  /** Finds out what the drives are to do: called with the stripes locked and settled; again if a drive failed since. */
  readonly prepare: (ready: (error: DriveError | null, writes: readonly LoggedWrite[]) => void) => void;
  readonly done: DriveDone;
}

export class StripeWriter {
  constructor(
    private readonly core: GroupCore,
    /** Holds writes back, makes what was written durable, empties the redo log, lets writes through. */
    private readonly checkpoint: () => void,
  ) {}

  writeMany(writes: readonly DriveWrite[], done: DriveDone): void {
    const pieces: StripePieces = new Map();
    for (const { offset, buffers } of writes) {
      let at = offset;
      for (const buffer of buffers) {
        this.#cut(pieces, at, buffer.length, buffer);
        at += buffer.length;
      }
    }
    this.#writePieces(pieces, done);
  }

  /** Zeros, and the space of whole stripes and columns given back. */
  punch(offset: number, bytes: number, done: DriveDone): void {
    const { stripeBytes } = this.core.parts.layout;
    const end = offset + bytes;
    const first = Math.ceil(offset / stripeBytes);
    const last = Math.floor(end / stripeBytes);
    const edges: StripePieces = new Map();
    if (first > last) {
      this.#cut(edges, offset, bytes, null);
    } else {
      this.#cut(edges, offset, first * stripeBytes - offset, null);
      this.#cut(edges, last * stripeBytes, end - last * stripeBytes, null);
    }
    const portions: (readonly [number, number])[] = [];
    for (let at = first; at < last; at += PORTION_STRIPES) portions.push([at, Math.min(last, at + PORTION_STRIPES)]);
    this.#writePieces(edges, (error) => {
      if (error !== null) done(error);
      else inSeries(portions, ([from, to], ended) => this.#punchStripes(from, to, ended), done);
    });
  }

  #cut(into: StripePieces, offset: number, bytes: number, data: Buffer | null): void {
    let used = 0;
    this.core.parts.layout.place(offset, bytes, (stripe, column, at, length) => {
      const part = data && (length === data.length ? data : data.subarray(used, used + length));
      used += length;
      const piece = { column, at, end: at + length, data: part };
      const own = into.get(stripe);
      if (own === undefined) into.set(stripe, [piece]);
      else own.push(piece);
    });
  }

  #writePieces(pieces: StripePieces, done: DriveDone): void {
    const { redo } = this.core.parts;
    const most = redo === null ? PORTION_BYTES : Math.min(PORTION_BYTES, redo.bytes / PORTION_OF_LOG);
    const portions: StripeWrite[][] = [];
    let bytes = most;
    for (const [stripe, own] of [...pieces].sort(([a], [b]) => a - b)) {
      const more = own.reduce((sum, { at, end }) => sum + end - at, 0);
      if (bytes + more > most) {
        portions.push([]);
        bytes = 0;
      }
      bytes += more;
      portions.at(-1)!.push({ stripe, pieces: own, bad: [], plan: null, old: [] });
    }
    inSeries(
      portions,
      (portion, ended) => {
        const stripes = portion.map(({ stripe }) => stripe);
        this.#run({ stripes, prepare: (ready) => this.#prepare(portion, ready), done: ended });
      },
      done,
    );
  }

  #punchStripes(first: number, end: number, done: DriveDone): void {
    const { layout } = this.core.parts;
    const stripes = Array.from({ length: end - first }, (_, index) => first + index);
    const writes = Array.from({ length: layout.drives }, (_, drive): LoggedWrite => {
      return { drive, offset: first * layout.unit, bytes: (end - first) * layout.unit, buffers: null, lost: false };
    });
    this.#run({ stripes, prepare: (ready) => ready(null, writes), done });
  }

  #run(operation: Operation): void {
    const { gate, locks, map } = this.core.parts;
    const { stripes } = operation;
    gate.enter(() => {
      locks.lock(stripes, (unlock) => {
        map.begin(stripes, (error) => {
          const finish = (failure: DriveError | null, again = false): void => {
            map.end(stripes);
            unlock();
            gate.leave();
            if (again) this.#run(operation);
            else operation.done(failure);
          };
          if (error === null) this.#perform(operation, finish);
          else finish(error);
        });
      });
    });
  }

  #perform(operation: Operation, finish: (failure: DriveError | null, again?: boolean) => void): void {
    const { core } = this;
    if (core.unnoted) {
      finish(null, true);
      return;
    }
    const { epoch } = core;
    const settle = (stripe: number, ended: DriveDone) => core.settle(stripe, ended);
    inParallel(
      operation.stripes.filter((stripe) => this.#unsettled(stripe)),
      settle,
      (unsettled) => {
        if (unsettled !== null) {
          finish(unsettled);
          return;
        }
        operation.prepare((error, writes) => {
          // A drive was taken out meanwhile: the gate is closed now, and what follows has to be logged.
          if (core.epoch !== epoch) finish(null, true);
          else if (error !== null) finish(error);
          else this.#log(writes, finish);
        });
      },
    );
  }

  #unsettled(stripe: number): boolean {
    return this.core.unfinished.has(stripe) || this.core.parts.suspects.has(stripe);
  }

  #log(writes: readonly LoggedWrite[], finish: (failure: DriveError | null, again?: boolean) => void): void {
    const { members, redo, underWay } = this.core.parts;
    const issue = (ended: () => void): void => {
      this.core.issue(writes, (error) => {
        this.core.unlogged.delete(writes);
        const refused = this.core.refused.delete(writes);
        if (error !== null) this.core.keepUnfinished(writes);
        ended();
        finish(error, error === null && refused);
      });
    };
    if (redo === null || underWay === null) {
      issue(() => {});
      return;
    }
    if (members.whole) {
      this.core.unlogged.add(writes);
      const handle = underWay.begin(writes);
      issue(() => this.core.endRecord(handle));
      return;
    }
    const { epoch } = this.core;
    const room = redo.append(writes, (error) => {
      if (error !== null) {
        // It may be in the log all the same, and would be done at the next start, over what comes after it.
        this.core.keepUnfinished(writes);
        finish(error);
      } else if (this.core.epoch !== epoch) finish(null, true);
      else issue(() => {});
    });
    if (room) return;
    this.checkpoint();
    finish(null, true);
  }

  /** Plans and reads until nothing more turns out to be unreadable. */
  #prepare(portion: StripeWrite[], ready: (error: DriveError | null, writes: readonly LoggedWrite[]) => void): void {
    const { members, planner } = this.core.parts;
    const reads: { readonly write: StripeWrite; readonly range: OldRange }[] = [];
    for (const write of portion) {
      const missing = members.missing(write.stripe);
      write.plan = planner.plan(write.pieces, missing, write.bad, this.core.mayLose);
      if (write.plan === null) {
        ready(this.core.lost(write.stripe), []);
        return;
      }
      write.old = write.plan.reads.map((range) => ({ ...range, data: Buffer.allocUnsafe(range.end - range.at) }));
      for (const range of write.old) reads.push({ write, range });
    }
    let complete = true;
    const read = ({ write, range }: (typeof reads)[number], ended: DriveDone) => {
      const { column, at, data } = range;
      this.core.readColumn(write.stripe, column, at, data, (bad) => {
        if (bad.length > 0) complete = false;
        write.bad.push(...bad.map((each) => ({ column, at: each.at, end: each.end })));
        ended(null);
      });
    };
    inParallel(reads, read, () => {
      if (complete)
        ready(
          null,
          portion.flatMap((write) => this.#writesOf(write)),
        );
      else this.#prepare(portion, ready);
    });
  }

  #writesOf({ stripe, pieces, plan, old }: StripeWrite): LoggedWrite[] {
    const missing = this.core.parts.members.missing(stripe);
    const written = [...pieces, ...newChecks(plan!, old)]
      .filter(({ column }) => (missing & (1 << column)) === 0)
      .map(({ column, at, end, data }) => this.core.logged(stripe, column, at, end, data));
    const lost = plan!.lost.map(({ column, at, end }) => {
      return { ...this.core.logged(stripe, column, at, end, null), lost: true };
    });
    return [...written, ...lost];
  }
}

type StripePieces = Map<number, StripePiece[]>;
