/**
 * Informational exceptions of one logical unit (SPC-5 7.5.13): whether a failure is predicted, and how and how often
 * hosts are told. The one condition that occurs is a drive, under the logical unit, that is predicted to fail; TEST
 * of the mode page stands in for it.
 */
import { ExceptionCause, informationalException, type Sense, SenseKey } from '../../wire/scsi/sense.js';
import type { LogicalUnit } from './logical-unit.js';
import type { Nexus } from './nexus.js';
import { Status, type Task } from './task.js';

/** The Informational Exceptions Control mode page, and PER. */
export interface ExceptionControl {
  /** DEXCPT is zero. */
  readonly enabled: boolean;
  readonly test: boolean;
  /** MRIE. */
  readonly method: number;
  /** INTERVAL TIMER in milliseconds; null: told once. */
  readonly intervalMs: number | null;
  /** REPORT COUNT; 0: no limit. */
  readonly reports: number;
  /** PER of the read-write error recovery page. */
  readonly recoveredErrors: boolean;
}

/** Methods of reporting (MRIE). */
export const ReportingMethod = {
  none: 0x0,
  unitAttention: 0x2,
  conditionallyRecoveredError: 0x3,
  recoveredError: 0x4,
  noSense: 0x5,
  onRequest: 0x6,
} as const;

export class InformationalExceptions {
  /** A command that would end with GOOD is to end with the condition instead. */
  due = false;
  private condition: number = ExceptionCause.none;
  private reported = 0;
  private timer: { cancel(): void } | null = null;

  constructor(private readonly unit: LogicalUnit) {}

  /** ASC and ASCQ of the condition there is. */
  get cause(): number {
    const { enabled, test } = this.unit.modes.exceptions;
    if (!enabled) return ExceptionCause.none;
    if (this.unit.ldev.failurePredicted === true) return ExceptionCause.failurePredicted;
    return test ? ExceptionCause.testFailure : ExceptionCause.none;
  }

  /** What REQUEST SENSE tells of it; null: nothing. */
  get onRequest(): Sense | null {
    const { cause } = this;
    const asked = this.unit.modes.exceptions.method === ReportingMethod.onRequest;
    return asked && cause !== ExceptionCause.none ? informationalException(cause, SenseKey.noSense) : null;
  }

  /** The condition may have come or gone. */
  update(): void {
    if (this.cause !== this.condition) this.restart();
  }

  /** Hosts are told as the mode page now says, and anew. */
  restart(): void {
    this.stop();
    this.condition = this.cause;
    this.reported = 0;
    if (this.condition !== ExceptionCause.none) this.report();
  }

  /** Nobody is told any more. */
  stop(): void {
    this.timer?.cancel();
    this.timer = null;
    this.due = false;
  }

  /** A host logs in to which the condition is still news. */
  attached(nexus: Nexus): void {
    if (this.condition === ExceptionCause.none) return;
    if (this.unit.modes.exceptions.method === ReportingMethod.unitAttention) this.tell(nexus);
  }

  /** Of a command that would end with GOOD: it has done its work, and ends with the condition. */
  intercept(task: Task): void {
    if (!this.due) return;
    this.due = false;
    const key =
      this.unit.modes.exceptions.method === ReportingMethod.noSense ? SenseKey.noSense : SenseKey.recoveredError;
    task.status = Status.checkCondition;
    task.sense = informationalException(this.condition, key);
    this.sent();
  }

  private report(): void {
    const { method, recoveredErrors } = this.unit.modes.exceptions;
    switch (method) {
      case ReportingMethod.unitAttention:
        for (const nexus of this.unit.nexuses(this.unit)) this.tell(nexus);
        this.sent();
        break;
      case ReportingMethod.conditionallyRecoveredError:
        this.due = recoveredErrors;
        break;
      case ReportingMethod.recoveredError:
      case ReportingMethod.noSense:
        this.due = true;
        break;
    }
  }

  private tell({ id }: Nexus): void {
    this.unit.attentions.establish(id, informationalException(this.condition, SenseKey.unitAttention));
  }

  private sent(): void {
    const { intervalMs, reports } = this.unit.modes.exceptions;
    this.reported++;
    if (intervalMs === null || (reports !== 0 && this.reported >= reports)) return;
    this.timer = this.unit.clock.setTimeout(() => this.report(), intervalMs);
  }
}
