import type { DriveError, DriveIo } from '../types.js';
import type { Mask, Recovery } from './code.js';
import type { StripeLayout } from './layout.js';

/** `rebuilding`: holds what it should below the stripe `rebuilt`, nothing of use from there on. */
export type MemberState = 'good' | 'failed' | 'rebuilding';

export interface MemberStatus {
  readonly state: MemberState;
  /** Stripes; of a drive being rebuilt. */
  readonly rebuilt: number;
}

export interface Member extends MemberStatus {
  readonly drive: DriveIo;
  /** Reads that failed since it joined. */
  readonly readErrors: number;
  /** Places mended since it joined where it did not hold what was written to it. */
  readonly corrupt: number;
  /** Why it failed; null if it did not, or if nobody knows any more. */
  readonly failure: DriveError | null;
}

/** Failed reads of one drive after which it is taken out. What a read could not give is written anew each time. */
const READ_ERRORS = 16;

/** The same of places that hold something wrong, which do no harm where the others have the data: many at once mean more. */
const CORRUPT_PLACES = 256;

/** Errors that say that the drive is gone, not just one place on it. */
export const GONE: ReadonlySet<DriveError['kind']> = new Set(['missing', 'wrong-length']);

/**
 * The drives of a group and what is known of their health. A drive is taken out by its errors only while the others
 * can do without it: after that, an error is one of the place concerned, and everything else stays in reach.
 */
export class Members {
  readonly list: Member[];
  /** Drives that miss all or part of their data. */
  #incomplete: Mask = 0;
  #failed: Mask = 0;
  /** Drives that are being closed give errors that say nothing of them. */
  #closed = false;

  constructor(
    drives: readonly DriveIo[],
    statuses: readonly MemberStatus[],
    private readonly layout: StripeLayout,
    private readonly recovery: Recovery,
    /** Must have made the state durable when it returns. */
    private readonly changed: (position: number, member: Member) => void,
  ) {
    this.list = drives.map((drive, position) => {
      return {
        drive,
        readErrors: 0,
        corrupt: 0,
        failure: null,
        ...(statuses[position] ?? { state: 'good', rebuilt: 0 }),
      };
    });
    this.#note();
    for (const [position, { drive, state }] of this.list.entries()) {
      if (drive.failure && state !== 'failed' && this.dispensable(position)) this.fail(position, drive.failure);
    }
  }

  /** Every drive is there and whole. */
  get whole(): boolean {
    return this.#incomplete === 0;
  }

  /** Columns of a stripe that have no drive, or that one holds nothing of use in. */
  missing(stripe: number): Mask {
    if (this.#incomplete === 0) return 0;
    let drives = this.#incomplete;
    for (const [position, { state, rebuilt }] of this.list.entries()) {
      if (state === 'rebuilding' && stripe < rebuilt) drives &= ~(1 << position);
    }
    return this.layout.columns(stripe, drives);
  }

  has(position: number, stripe: number): boolean {
    if (this.#incomplete === 0) return true;
    const { state, rebuilt } = this.list[position]!;
    return state === 'good' || (state === 'rebuilding' && stripe < rebuilt);
  }

  /** Drives that take writes at least in part. */
  present(): Member[] {
    return this.list.filter(({ state }) => state !== 'failed');
  }

  /** Why data cannot be had, when that goes for a part of every stripe; null: all can be. */
  get failure(): DriveError | null {
    if (this.#failed === 0 || this.#complete(this.#failed)) return null;
    return this.list.find(({ failure }) => failure !== null)?.failure ?? LOST;
  }

  /** From now on errors are passed on, and no drive is taken out. */
  close(): void {
    this.#closed = true;
  }

  /** Counts an error of a read. True: the drive has been taken out for it. */
  readFailed(position: number, drive: DriveIo, error: DriveError): boolean {
    const member = this.list[position]!;
    if (this.#closed || member.drive !== drive || member.state === 'failed') return false;
    // Those count when they have been mended: while they cannot be, the drive is needed as it is.
    if (error.kind === 'corrupt') return false;
    const readErrors = member.readErrors + 1;
    this.list[position] = { ...member, readErrors };
    const enough = readErrors >= READ_ERRORS || GONE.has(error.kind);
    return enough && this.#takeOut(position, error);
  }

  /** Counts places of a drive that held something wrong, and have been written again. */
  mended(position: number, drive: DriveIo, places: number): void {
    const member = this.list[position]!;
    if (this.#closed || member.drive !== drive || member.state === 'failed') return;
    const corrupt = member.corrupt + places;
    this.list[position] = { ...member, corrupt };
    if (corrupt < CORRUPT_PLACES) return;
    this.#takeOut(position, { kind: 'io-error', message: `${drive.name}: held something wrong in ${corrupt} places` });
  }

  /** As `readFailed`, for writes and syncs: what one of them did to the drive nobody knows. */
  writeFailed(position: number, drive: DriveIo, error: DriveError): boolean {
    const member = this.list[position]!;
    if (this.#closed) return false;
    // That one is not part of the group any more.
    if (member.drive !== drive || member.state === 'failed') return true;
    return error.kind !== 'no-space' && this.#takeOut(position, error);
  }

  /** Takes a drive out, whatever that costs. */
  fail(position: number, failure: DriveError): void {
    this.#set(position, { ...this.list[position]!, state: 'failed', rebuilt: 0, failure });
  }

  /** Puts a drive in the place of one that failed. */
  replace(position: number, drive: DriveIo): void {
    this.#set(position, { drive, state: 'rebuilding', rebuilt: 0, readErrors: 0, corrupt: 0, failure: null });
  }

  /** All below this stripe is on the drive, and synced. */
  rebuilt(position: number, stripes: number): void {
    const member = this.list[position]!;
    if (stripes < this.layout.stripes) this.#set(position, { ...member, rebuilt: stripes });
    else this.#set(position, { ...member, state: 'good', rebuilt: 0 });
  }

  /** Lets a drive being rebuilt count for more stripes, without making that durable. */
  advance(position: number, stripes: number): void {
    this.list[position] = { ...this.list[position]!, rebuilt: stripes };
  }

  /** Whether the group can do without this drive too. */
  dispensable(position: number): boolean {
    return this.#complete(this.#incomplete | (1 << position));
  }

  #complete(without: Mask): boolean {
    for (let stripe = 0; stripe < this.layout.drives; stripe++) {
      if (!this.recovery.complete(this.layout.columns(stripe, without))) return false;
    }
    return true;
  }

  #takeOut(position: number, error: DriveError): boolean {
    const can = this.dispensable(position);
    if (can) this.fail(position, error);
    return can;
  }

  #set(position: number, member: Member): void {
    this.list[position] = member;
    this.#note();
    this.changed(position, member);
  }

  #note(): void {
    this.#incomplete = 0;
    this.#failed = 0;
    for (const [position, { state }] of this.list.entries()) {
      if (state !== 'good') this.#incomplete |= 1 << position;
      if (state === 'failed') this.#failed |= 1 << position;
    }
  }
}

const LOST: DriveError = { kind: 'io-error', message: 'too many drives have failed' };
