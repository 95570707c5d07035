/**
 * Sanitize operation of one logical unit (SBC-4 4.11): makes everything that was ever written to it unrecoverable, in
 * the cache and on the drives. What is to be done is saved before it begins, so that a stop or a kill delays it and no
 * more; while it goes on, and after it failed, the logical unit gives no access to its medium.
 */
import { type Sense, sanitizeCommandFailed, sanitizeInProgress } from '../../wire/scsi/sense.js';
import { CopyPace, type CopyRate } from '../disk/raid/pace.js';
import type { Done, Io, IoFailure } from '../volumes/block-layer.js';
import { ldevName } from '../volumes/model.js';
import type { SavedSanitization } from '../volumes/store-sanitizations.js';
import { causeOf } from './io-failure.js';
import type { LogicalUnit } from './logical-unit.js';
import { repeated, tileOf } from './pattern.js';

export interface SanitizeParts {
  /** Bytes a second that an overwrite pass writes at most. */
  readonly rate: Readonly<CopyRate>;
  /** Null: nothing is saved. */
  readonly store: SanitizeStore | null;
}

export interface SanitizeStore {
  sanitization(ldev: number): SavedSanitization | null;
  /** Durable when it returns; throws if it cannot be. */
  saveSanitization(ldev: number, saved: SavedSanitization | null): void;
}

export const noSanitizeParts: SanitizeParts = { rate: { bytesPerSecond: null }, store: null };

/** What is asked for; the rest of what is saved is where it stands. */
export type SanitizeOrder = Omit<SavedSanitization, 'blocks' | 'failed'>;

const IO: Io = { priority: 'background', initiator: '', fua: false, dpo: true };
const OVERWRITE_STEP_BYTES = 4 * 1024 * 1024;
/** How far it is, is saved this often: so much is done again at most after a stop. */
const SAVE_BYTES = 1024 * 1024 * 1024;
/** The progress indication counts in parts of 65536 (SPC-5 4.4.2.4.4). */
const WHOLE = 0x10000;

export class SanitizeOperation {
  /** Since the array began. */
  completed = 0;
  /** Null: there is none, and the last one did not fail. */
  private state: SavedSanitization | null;
  private saved = 0;
  private stopped = false;
  private ended: ((failed: boolean) => void) | null = null;
  private readonly pace: CopyPace;

  constructor(
    private readonly unit: LogicalUnit,
    private readonly parts: SanitizeParts,
  ) {
    this.pace = new CopyPace(unit.clock, parts.rate);
    this.state = parts.store?.sanitization(unit.ldev.id) ?? null;
    if (this.running) unit.clock.setImmediate(() => this.step());
  }

  /** Goes on or has failed: commands that need the medium are refused with `refusal`. */
  get holds(): boolean {
    return this.state !== null;
  }

  get running(): boolean {
    return this.state?.failed === false;
  }

  get refusal(): Sense | null {
    if (this.state === null) return null;
    return this.state.failed ? sanitizeCommandFailed() : sanitizeInProgress(this.progress);
  }

  /** Whether the one that failed must be followed by one that does not (AUSE was zero). */
  get restricted(): boolean {
    return this.state?.unrestricted === false;
  }

  /** 0 to 65535. */
  get progress(): number {
    if (this.state === null) return 0;
    const { blocks, passes } = this.state;
    return Math.min(WHOLE - 1, Math.floor((blocks / (passes * this.unit.blocks)) * WHOLE));
  }

  /**
   * Begins an operation.
   * @param ended runs once it is over, unless the array stops before
   * @returns false: it could not be saved, and nothing has happened
   */
  start(order: SanitizeOrder, ended: (failed: boolean) => void): boolean {
    if (!this.save({ ...order, blocks: 0, failed: false })) return false;
    this.ended = ended;
    this.unit.ldev.endImages?.('sanitized', () => {});
    this.unit.log.info(`LDEV ${this.name}: sanitize operation begins`);
    this.step();
    return true;
  }

  /** EXIT FAILURE MODE: the logical unit gives access again, whatever is on it. @returns false: not saved */
  exitFailureMode(): boolean {
    return this.state === null || this.save(null);
  }

  /** The array stops, or the LDEV is gone; the next start goes on with it. */
  stop(): void {
    this.stopped = true;
  }

  private get name(): string {
    return ldevName(this.unit.ldev.id);
  }

  private step(): void {
    const { state, unit } = this;
    if (state === null || this.stopped) return;
    const { blocks: capacity, blockSize } = unit;
    if (state.blocks >= state.passes * capacity) {
      this.flush(() => this.erased());
      return;
    }
    const pass = Math.floor(state.blocks / capacity);
    const lba = state.blocks - pass * capacity;
    const step = state.pattern === null ? unit.eraseStepBlocks : OVERWRITE_STEP_BYTES / blockSize;
    const blocks = Math.min(step, capacity - lba);
    const done: Done = (failure) => {
      if (this.stopped) return;
      if (failure !== null) this.fail(failure);
      else this.advance(blocks, lba + blocks === capacity);
    };
    if (state.pattern === null) {
      unit.ldev.top.unmap(IO, lba, blocks, done);
    } else {
      unit.ldev.top.write(IO, lba, blocks, this.data(state.pattern, pass, blocks * blockSize), done);
    }
  }

  /** The last pass writes the pattern, those before it in turns, if they are to be inverted (SBC-4 5.30.2.2). */
  private data(pattern: Buffer, pass: number, bytes: number): readonly Buffer[] {
    const { passes, invert } = this.state!;
    const inverted = invert && (passes - 1 - pass) % 2 === 1;
    const block = Buffer.alloc(this.unit.blockSize, inverted ? pattern.map((byte) => ~byte) : pattern);
    return repeated(tileOf(block, this.unit.blockSize), bytes);
  }

  private advance(blocks: number, passEnds: boolean): void {
    const state = { ...this.state!, blocks: this.state!.blocks + blocks };
    this.state = state;
    const bytes = state.pattern === null ? 0 : blocks * this.unit.blockSize;
    const next = () => this.pace.next(bytes, 0, false, () => this.step());
    if (passEnds) {
      // What a pass wrote is on the drives before the next one writes over it in the cache.
      this.flush(next);
    } else {
      if ((state.blocks - this.saved) * this.unit.blockSize >= SAVE_BYTES && this.save(state))
        this.saved = state.blocks;
      next();
    }
  }

  private flush(next: () => void): void {
    this.unit.ldev.top.flush(IO, 0, 0, (failure) => {
      if (this.stopped) return;
      if (failure !== null) this.fail(failure);
      else next();
    });
  }

  /** Nothing of it is in a block any more; what memory holds besides goes too. */
  private erased(): void {
    const { ldev, neighbours } = this.unit;
    neighbours.dropHeld();
    const done: Done = (failure) => {
      if (this.stopped) return;
      if (failure !== null) this.fail(failure);
      else this.end();
    };
    const wipe = () => {
      if (ldev.wipeRemains === undefined) done(null);
      else ldev.wipeRemains(done);
    };
    // Blocks kept for images have regions of their own, which may still be on their way back.
    if (ldev.endImages === undefined) wipe();
    else ldev.endImages('sanitized', wipe);
  }

  private end(): void {
    // If that cannot be saved, the next start does it once more, which harms no data that counts as sanitized.
    if (!this.save(null)) {
      this.fail({ kind: 'hardware-error', cause: 'its end cannot be saved' });
      return;
    }
    this.completed++;
    this.unit.log.info(`LDEV ${this.name}: sanitize operation ended`);
    this.finish(false);
  }

  private fail(failure: IoFailure): void {
    const failed = { ...this.state!, failed: true };
    this.unit.log.error(`LDEV ${this.name}: sanitize operation failed: ${causeOf(failure)}`);
    if (!this.save(failed)) this.state = failed;
    this.finish(true);
  }

  private finish(failed: boolean): void {
    const { ended } = this;
    this.ended = null;
    ended?.(failed);
  }

  private save(state: SavedSanitization | null): boolean {
    try {
      this.parts.store?.saveSanitization(this.unit.ldev.id, state);
    } catch (error) {
      this.unit.log.error(`LDEV ${this.name}: sanitize operation not saved: ${(error as Error).message}`);
      return false;
    }
    this.state = state;
    this.saved = state?.blocks ?? 0;
    return true;
  }
}
