import { type Sense, standbyByCommand, standbyByTimer } from '../../wire/scsi/sense.js';
import type { Io, IoFailure } from '../volumes/block-layer.js';
import { ldevName } from '../volumes/model.js';
import type { LogicalUnit } from './logical-unit.js';

/** How often, while the timer runs, it is looked whether hosts have been there. */
const LOOKS = 8;
const BACKGROUND: Io = { priority: 'background', initiator: '', fua: false, dpo: false };

/**
 * Power conditions of one logical unit (SPC-5 5.12): active, and standby_z, in which all that the cache held of it is on
 * the drives, so that they have nothing to do for it until a host wants blocks again, which ends it. (Stopped is kept
 * by the logical unit.) The standby_z timer counts since the last command that read, wrote or unmapped blocks.
 */
export class PowerConditions {
  /** For the way of each command: whether it has to end standby. */
  standby = false;
  toActive = 0;
  toStandby = 0;
  private cause: Sense | null = null;
  /** Off in a condition that a command has chosen (SPC-5 5.12.1). */
  private timersRun = true;
  private timer: { cancel(): void } | null = null;
  private idleLooks = 0;
  private seen = 0;
  /** Tells a transition that was overtaken by another one, or by a command, while its flush went on. */
  private turn = 0;

  constructor(private readonly unit: LogicalUnit) {}

  /** What REQUEST SENSE tells of it; null: active. */
  get sense(): Sense | null {
    return this.standby ? this.cause : null;
  }

  /** The timer begins anew, as the mode page says. */
  restart(): void {
    this.stop();
    const { standbyTimerMs } = this.unit.modes;
    if (standbyTimerMs === null || this.standby || !this.timersRun) return;
    this.idleLooks = 0;
    this.seen = this.activity;
    this.look(standbyTimerMs / LOOKS);
  }

  /** The timer ends: nothing happens by itself any more. */
  stop(): void {
    this.turn++;
    this.timer?.cancel();
    this.timer = null;
  }

  /** Whether timers run from here on. */
  runTimers(run: boolean): void {
    this.timersRun = run;
    this.restart();
  }

  /** To active. */
  activate(): void {
    if (this.standby) this.toActive++;
    this.standby = false;
    this.restart();
  }

  /** A reset: active, and timers run. */
  reset(): void {
    this.timersRun = true;
    this.activate();
  }

  /** To standby_z, everything being on the drives. */
  enterStandby(byTimer: boolean): void {
    this.stop();
    this.cause = byTimer ? standbyByTimer() : standbyByCommand();
    if (!this.standby) this.toStandby++;
    this.standby = true;
  }

  private expire(): void {
    this.stop();
    const { turn, activity: before } = this;
    this.unit.ldev.top.flush(BACKGROUND, 0, 0, (failure) => {
      if (turn !== this.turn) return;
      if (failure !== null) this.log(failure);
      if (failure !== null || this.activity !== before) this.restart();
      else this.enterStandby(true);
    });
  }

  private get activity(): number {
    const { reads, writes, verifies, unmappedBlocks } = this.unit.counters;
    return reads + writes + verifies + unmappedBlocks;
  }

  private look(ms: number): void {
    this.timer = this.unit.clock.setTimeout(() => {
      const { activity, unit } = this;
      const busy = activity !== this.seen || unit.format.running || unit.sanitize.running;
      this.idleLooks = busy ? 0 : this.idleLooks + 1;
      this.seen = activity;
      if (this.idleLooks < LOOKS) this.look(ms);
      else this.expire();
    }, ms);
  }

  private log(failure: IoFailure): void {
    this.unit.log.warn(`LDEV ${ldevName(this.unit.ldev.id)} stays active: ${failure.kind}`);
  }
}
