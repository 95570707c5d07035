/**
 * Format operation of one logical unit (SBC-4 4.34): gives back all space, so that every block reads as zeros. While it
 * goes on, no other command has the medium. One that the end of the array cuts off is not taken up again: the blocks
 * that it has not come to hold what they held.
 */
import { formatInProgress, type Sense } from '../../wire/scsi/sense.js';
import type { Done, Io, IoFailure } from '../volumes/block-layer.js';
import type { LogicalUnit } from './logical-unit.js';

const STEP_BYTES = 1024 * 1024 * 1024;
/** The progress indication counts in parts of 65536 (SPC-5 4.4.2.4.4). */
const WHOLE = 0x10000;

export class FormatOperation {
  running = false;
  private lba = 0;
  private stopped = false;

  constructor(private readonly unit: LogicalUnit) {}

  /** What other commands are refused with; null: there is none. */
  get refusal(): Sense | null {
    if (!this.running) return null;
    return formatInProgress(Math.min(WHOLE - 1, Math.floor((this.lba / this.unit.blocks) * WHOLE)));
  }

  /**
   * Begins one; none is running.
   * @param aborted asked before each step: whether to end here, as it is
   * @param done with null at its end, or when it was aborted; not called if the array stops before
   */
  start(io: Io, aborted: () => boolean, done: Done): void {
    this.running = true;
    this.lba = 0;
    this.step(io, aborted, done);
  }

  /** The array stops, or the LDEV is gone. */
  stop(): void {
    this.stopped = true;
  }

  private step(io: Io, aborted: () => boolean, done: Done): void {
    const { unit } = this;
    if (this.stopped) return;
    const blocks = Math.min(STEP_BYTES / unit.blockSize, unit.blocks - this.lba);
    if (blocks === 0 || aborted()) {
      this.end(null, done);
      return;
    }
    unit.ldev.top.unmap(io, this.lba, blocks, (failure) => {
      this.lba += blocks;
      if (failure !== null) this.end(failure, done);
      else unit.clock.setImmediate(() => this.step(io, aborted, done));
    });
  }

  private end(failure: IoFailure | null, done: Done): void {
    this.running = false;
    done(failure);
  }
}
