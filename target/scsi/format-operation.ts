/**
 * Format operation of one logical unit (SBC-4 4.34): gives back all space, so that every block reads as zeros. While it
 * goes on, no other command has the medium. One that the end of the array cuts off is not taken up again: the blocks
 * that it has not come to hold what they held. But if it was to change the protection information, nothing can be read
 * until another one has come to its end.
 */
import { Opcode } from '../../wire/scsi/opcodes.js';
import type { ProtectionType } from '../../wire/scsi/protection.js';
import { formatInProgress, mediumFormatCorrupted, type Sense } from '../../wire/scsi/sense.js';
import type { Done, Io, IoFailure } from '../volumes/block-layer.js';
import type { Command } from './command-table.js';
import type { LogicalUnit } from './logical-unit.js';

/** The progress indication counts in parts of 65536 (SPC-5 4.4.2.4.4). */
const WHOLE = 0x10000;

export class FormatOperation {
  running = false;
  /** It goes on, or did not come to its end: commands that need the medium are refused, see `refusalOf`. */
  holds: boolean;
  private lba = 0;
  private stopped = false;

  constructor(private readonly unit: LogicalUnit) {
    this.holds = unit.ldev.unformatted === true;
  }

  /** What a command is refused with; null: it is not. */
  refusalOf(command: Command): Sense | null {
    if (this.running) return command.runsWhileFormatting ? null : this.refusal;
    return command.runsWhenStopped || command.opcode === Opcode.formatUnit ? null : this.refusal;
  }

  /** What commands that need the medium are refused with; null: they are not. */
  get refusal(): Sense | null {
    if (!this.running) return this.holds ? mediumFormatCorrupted() : null;
    return formatInProgress(Math.min(WHOLE - 1, Math.floor((this.lba / this.unit.blocks) * WHOLE)));
  }

  /**
   * Begins one; none is running, and the LDEV's `formatting` has begun.
   * @param protection type of protection information that it is to have
   * @param aborted asked before each step: whether to end here, as it is
   * @param done with null at its end, or when it was aborted; not called if the array stops before
   */
  start(io: Io, protection: ProtectionType, aborted: () => boolean, done: Done): void {
    this.running = true;
    this.holds = true;
    this.lba = 0;
    this.step(io, protection, aborted, done);
  }

  /** The array stops, or the LDEV is gone. */
  stop(): void {
    this.stopped = true;
  }

  private step(io: Io, protection: ProtectionType, aborted: () => boolean, done: Done): void {
    const { unit } = this;
    if (this.stopped) return;
    const blocks = Math.min(unit.eraseStepBlocks, unit.blocks - this.lba);
    if (aborted()) {
      this.end(null, done);
      return;
    }
    if (blocks === 0) {
      this.complete(io, protection, done);
      return;
    }
    unit.ldev.top.unmap(io, this.lba, blocks, (failure) => {
      this.lba += blocks;
      if (failure !== null) this.end(failure, done);
      else unit.clock.setImmediate(() => this.step(io, protection, aborted, done));
    });
  }

  /** All is unmapped. Before blocks get other places, that is on the medium: what is there now must not come back. */
  private complete(io: Io, protection: ProtectionType, done: Done): void {
    const { unit } = this;
    const { ldev } = unit;
    const changes = protection !== (ldev.protection ?? 0);
    if (!changes && ldev.unformatted !== true) {
      this.end(null, done);
      return;
    }
    ldev.top.flush(io, 0, 0, (failure) => {
      if (this.stopped) return;
      const problem = failure ?? ldev.formatting?.end(protection) ?? null;
      if (problem === null) unit.formatted();
      this.end(problem, done);
    });
  }

  private end(failure: IoFailure | null, done: Done): void {
    this.running = false;
    this.holds = this.unit.ldev.unformatted === true;
    done(failure);
  }
}
