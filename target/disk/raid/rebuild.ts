import { BLOCK_BYTES, type Checksummed, isChecksummed } from '../checksums/checksummed.js';
import { inParallel } from '../in-parallel.js';
import type { DriveDone, DriveError, DriveIo } from '../types.js';
import { emptyStripes } from './empty-stripes.js';
import type { GroupCore } from './group-core.js';
import { CopyPace } from './pace.js';
import { type Stretch, StripeContent } from './stripe-content.js';

/** Of the drive, at a time: what keeps hosts from waiting long for the stripes concerned. */
const STEP_BYTES = 2 ** 20;
/** Of the drive, between notes of how far it is: what is done again after a kill. */
const NOTE_BYTES = 256 * 2 ** 20;
const RETRY_MS = 5_000;

/** Fills a drive that took the place of another, stripe by stripe, from what the others hold. */
export class Rebuild {
  #stopped = false;
  /** The one that is being filled, and below which stripe that is noted. */
  #drive: DriveIo;
  #noted: number;
  readonly #pace: CopyPace;

  /** @param ended all is on the drive, or it is not part of the group any more */
  constructor(
    private readonly core: GroupCore,
    private readonly position: number,
    private readonly ended: () => void,
  ) {
    this.#drive = core.parts.members.list[position]!.drive;
    this.#noted = this.#at;
    this.#pace = new CopyPace(core.parts.clock, core.parts.rate);
    this.#next(0);
  }

  stop(): void {
    this.#stopped = true;
  }

  get #at(): number {
    return this.core.parts.members.list[this.position]!.rebuilt;
  }

  /** @param bytes written to the drive since the last call */
  #next(bytes: number): void {
    this.#pace.next(bytes, this.core.hostOperations, this.core.parts.gate.busy, () => this.#step());
  }

  #step(): void {
    const { layout, members, locks } = this.core.parts;
    if (this.#stopped) return;
    const { drive, state } = members.list[this.position]!;
    if (state !== 'rebuilding') {
      this.ended();
      return;
    }
    if (drive !== this.#drive) {
      this.#drive = drive;
      this.#noted = this.#at;
    }
    const first = this.#at;
    const step = Math.min(layout.stripes - first, Math.max(1, Math.floor(STEP_BYTES / layout.unit)));
    const empty = emptyStripes(this.core, first);
    if (empty > step) {
      this.#passOver(first, first + empty);
      return;
    }
    const end = first + step;
    locks.lockRange(first, end, (unlock) => {
      const stripes = Array.from({ length: end - first }, (_, index) => first + index);
      inParallel(
        stripes,
        (stripe, done) => this.#fill(stripe, done),
        (error) => {
          const same = members.list[this.position]!.drive === drive;
          if (error === null && same && members.list[this.position]!.state === 'rebuilding') {
            members.advance(this.position, end);
          }
          unlock();
          if (error !== null) this.#failed(error);
          else this.#stepped(end, (end - first) * layout.unit);
        },
      );
    });
  }

  /** @param bytes written to the drive */
  #stepped(end: number, bytes: number): void {
    const { layout } = this.core.parts;
    if (end === layout.stripes) this.ended();
    else if ((end - this.#noted) * layout.unit >= NOTE_BYTES) this.#note(end, bytes);
    else this.#next(bytes);
  }

  #passOver(first: number, end: number): void {
    const { locks, members } = this.core.parts;
    const { drive } = members.list[this.position]!;
    locks.lockRange(first, end, (unlock) => {
      // Something may have been written while this waited for the lock.
      const still = Math.min(end, first + emptyStripes(this.core, first));
      const member = members.list[this.position]!;
      if (member.drive === drive && member.state === 'rebuilding') members.advance(this.position, still);
      unlock();
      this.#stepped(still, 0);
    });
  }

  /**
   * Blocks that cannot be recovered are marked as lost. Where that cannot be done, or another drive is gone as a whole,
   * they hold the rebuild up: a drive that counts as whole must not hold anything wrong.
   */
  #fill(stripe: number, done: DriveDone): void {
    const { layout, members } = this.core.parts;
    const { drive } = members.list[this.position]!;
    const column = layout.columnOf(stripe, this.position);
    const offset = stripe * layout.unit;
    const ended: DriveDone = (error) => {
      if (error !== null && !members.writeFailed(this.position, drive, error)) done(error);
      else done(null);
    };
    this.core.settle(stripe, (unsettled) => {
      if (unsettled !== null) {
        done(unsettled);
        return;
      }
      if (this.#holdsNothing(offset)) {
        drive.punch(offset, layout.unit, ended);
        return;
      }
      const content = new StripeContent(this.core, stripe, 0, layout.unit);
      content.solve(column, content, (data, lost) => {
        if (lost.length === 0) drive.write(offset, [data], ended);
        else if (isChecksummed(drive) && this.#isSolvable(column, content)) {
          drive.write(offset, [data], (error) => {
            if (error !== null) ended(error);
            else this.#lose(drive, stripe, lost, ended);
          });
        } else {
          done(this.core.lost(stripe));
        }
      });
    });
  }

  /** It is places that are lost, not the drives that hold them. */
  #isSolvable(column: number, { missing, gone }: StripeContent): boolean {
    return !gone && this.core.parts.recovery.sum(column, missing) !== null;
  }

  #lose(drive: Checksummed, stripe: number, lost: readonly Stretch[], done: DriveDone): void {
    const { name, layout } = this.core.parts;
    const base = stripe * layout.unit;
    const blocks = lost.reduce((sum, { at, end }) => sum + end - at, 0) / BLOCK_BYTES;
    const first = (base + lost[0]!.at) / BLOCK_BYTES;
    this.core.blocks.lost += blocks;
    this.core.notices.tell(
      `parity group ${name}: ${blocks} blocks of ${drive.name} cannot be recovered, the first is ${first}`,
    );
    inParallel(lost, ({ at, end }, ended) => drive.markLost(base + at, end - at, ended), done);
  }

  #holdsNothing(offset: number): boolean {
    const { layout, members } = this.core.parts;
    return members.list.every(({ drive, state }, position) => {
      if (position === this.position || state === 'failed') return true;
      const [extent] = drive.extents(offset, layout.unit, 1);
      return !extent!.allocated && extent!.bytes >= layout.unit;
    });
  }

  #note(stripes: number, bytes: number): void {
    const { members } = this.core.parts;
    const { drive } = members.list[this.position]!;
    drive.sync((error) => {
      if (this.#stopped) return;
      const member = members.list[this.position]!;
      if (member.drive !== drive || member.state !== 'rebuilding') {
        // What this one holds says nothing of the one that has taken its place.
        this.#next(0);
      } else if (error !== null && members.writeFailed(this.position, drive, error)) {
        this.ended();
      } else if (error !== null) {
        this.#failed(error);
      } else {
        this.#noted = stripes;
        members.rebuilt(this.position, stripes);
        this.#next(bytes);
      }
    });
  }

  #failed(error: DriveError): void {
    const { clock, log, name } = this.core.parts;
    log.warn(`parity group ${name}: rebuild waits: ${error.message}`);
    clock.setTimeout(() => this.#step(), RETRY_MS);
  }
}
