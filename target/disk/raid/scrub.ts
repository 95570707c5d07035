/**
 * Finds what is wrong before it is needed: reads all columns of all stripes against their sums, holds the checks against
 * the data, and makes right what is not. Below hosts. Stripes in which somebody came upon something bad go first.
 */

import { isChecksummed } from '../checksums/checksummed.js';
import { inParallel } from '../in-parallel.js';
import { inSeries } from '../in-series.js';
import { emptyStripes } from './empty-stripes.js';
import type { BlockCounters, GroupCore } from './group-core.js';
import { mendStripe } from './mend.js';
import { CopyPace } from './pace.js';
import type { ScrubNotes } from './scrub-notes.js';

/** Of each drive, between rests. */
const STEP_BYTES = 256 * 1024;
/** Nobody waits for it: as fast as a drive of today reads, it would take all of a processor. */
const RATE = { bytesPerSecond: 100 * 2 ** 20 };
const DAY_MS = 24 * 3600 * 1000;
/** A timer cannot be set for longer. */
const MAX_WAIT_MS = 2 ** 31 - 1;
/** Until it is looked again whether the group is whole. */
const RETRY_MS = 5_000;

export interface ScrubStatus extends Readonly<BlockCounters> {
  readonly running: boolean;
  /** 0 to 1, of the pass under way. */
  readonly progress: number;
  /** Ended since the group was made. */
  readonly passes: number;
}

export class Scrub {
  #running = false;
  #next = 0;
  #stopped = false;
  #due: { cancel(): void } | null = null;
  #mending = false;
  readonly #pace: CopyPace;

  /** @param days from the end of one pass to the start of the next; 0: only when asked for */
  constructor(
    private readonly core: GroupCore,
    private readonly notes: ScrubNotes,
    private readonly days: number,
  ) {
    this.#pace = new CopyPace(core.parts.clock, RATE);
    core.damaged.found = () => this.#mendSoon();
  }

  get status(): ScrubStatus {
    const progress = this.#running ? this.#next / this.core.parts.layout.stripes : 0;
    return { running: this.#running, progress, passes: this.notes.passes, ...this.core.blocks };
  }

  /** Goes on with the pass that an earlier process began, or waits until one is due. */
  open(): void {
    if (this.#running) return;
    if (this.notes.next > 0) this.#begin(this.notes.next);
    else this.#wait();
  }

  /** Begins a pass; false: one is under way. */
  start(): boolean {
    if (this.#running || this.#stopped) return false;
    this.#begin(0);
    return true;
  }

  stop(): void {
    this.#stopped = true;
    this.#due?.cancel();
  }

  #wait(): void {
    const { clock } = this.core.parts;
    if (this.days === 0 || this.#stopped) return;
    const now = clock.wall();
    // Nothing noted yet, or a clock that was put back.
    if (this.notes.from === 0 || this.notes.from > now) this.notes.from = now;
    const left = this.notes.from + this.days * DAY_MS - now;
    const wait = Math.min(MAX_WAIT_MS, Math.max(0, left));
    this.#due = clock.setTimeout(() => {
      if (left > wait) this.#wait();
      else this.start();
    }, wait);
  }

  #begin(stripe: number): void {
    this.#due?.cancel();
    this.#running = true;
    this.#next = stripe;
    this.#rest(0);
  }

  #rest(bytes: number): void {
    this.#pace.next(bytes, this.core.hostOperations, this.core.parts.gate.busy, () => this.#step());
  }

  #step(): void {
    const { layout, members, suspects, clock } = this.core.parts;
    if (this.#stopped) return;
    // What is missing is rebuilt first, and what may be inconsistent for a known reason is checked.
    if (!members.whole || suspects.count > 0 || this.core.unfinished.size > 0) {
      clock.setTimeout(() => this.#step(), RETRY_MS);
      return;
    }
    const empty = emptyStripes(this.core, this.#next);
    if (empty > 0) {
      this.#stepped(this.#next + empty, 0);
      return;
    }
    const end = Math.min(layout.stripes, this.#next + Math.max(1, Math.floor(STEP_BYTES / layout.unit)));
    const stripes = Array.from({ length: end - this.#next }, (_, index) => this.#next + index);
    inSeries(
      stripes,
      (stripe, ended) => this.#mend(stripe, () => ended(null)),
      () => this.#checkSums(stripes[0]!, end),
    );
  }

  /** Sums that are in memory are right, whatever their drives have: a start would find that. */
  #checkSums(first: number, end: number): void {
    const { layout, members, log, name } = this.core.parts;
    const [offset, bytes] = [first * layout.unit, (end - first) * layout.unit];
    inParallel(
      members.present().map(({ drive }) => drive),
      (drive, ended) => {
        if (!isChecksummed(drive)) {
          ended(null);
          return;
        }
        drive.checkSums(offset, bytes, (error, wrong) => {
          if (error !== null) log.warn(`parity group ${name}: ${error.message}`);
          if (wrong > 0)
            log.warn(`parity group ${name}: ${drive.name}: ${wrong} sums were lost, and are written again`);
          this.core.blocks.mended += wrong;
          ended(null);
        });
      },
      () => this.#stepped(end, bytes),
    );
  }

  #stepped(next: number, bytes: number): void {
    const { layout, clock, log, name } = this.core.parts;
    if (this.#stopped) return;
    this.#next = next;
    if (next < layout.stripes) {
      this.notes.next = next;
      this.#rest(bytes);
      return;
    }
    this.#running = false;
    this.notes.next = 0;
    this.notes.passes++;
    this.notes.from = clock.wall();
    const { mended, checks, lost } = this.core.blocks;
    log.info(
      `parity group ${name}: scrubbed; blocks since the start: ${mended} mended, ${checks} of parity corrected, ${lost} lost`,
    );
    this.#wait();
  }

  #mendSoon(): void {
    if (this.#mending || this.#stopped) return;
    this.#mending = true;
    this.core.parts.clock.setTimeout(() => this.#mendDamaged(), 0);
  }

  #mendDamaged(): void {
    const stripe = this.core.damaged.next;
    if (stripe === undefined || this.#stopped) {
      this.#mending = false;
      return;
    }
    this.#mend(stripe, () => this.core.parts.clock.setImmediate(() => this.#mendDamaged()));
  }

  /** An error leaves the stripe as one that has to be settled before it is used. */
  #mend(stripe: number, done: () => void): void {
    const { core } = this;
    core.parts.locks.lockRange(stripe, stripe + 1, (unlock) => {
      const ended = (left: boolean): void => {
        core.damaged.looked(stripe, left);
        unlock();
        done();
      };
      core.settle(stripe, (unsettled) => {
        if (unsettled !== null || this.#stopped) ended(false);
        else mendStripe(core, stripe, true, (_error, left) => ended(left));
      });
    });
  }
}
