/** One SCSI command on its way, as the session sees it. Made once, it can be submitted again after it is done. */
import type { InitiatorError } from './errors.js';

export { STATUS_NAMES, Status as ScsiStatus } from '../wire/scsi/status.js';

const NOTHING: readonly Buffer[] = [];

/** Task attributes (RFC 7143 11.3.1). */
export type TaskAttributeName = 'untagged' | 'simple' | 'ordered' | 'head-of-queue' | 'aca';

/** Values of the ATTR field by name. */
export const ATTRIBUTES: Readonly<Record<TaskAttributeName, number>> = {
  untagged: 0,
  simple: 1,
  ordered: 2,
  'head-of-queue': 3,
  aca: 4,
};

/** Where a task stands. */
export type TaskState = 'idle' | 'queued' | 'sent' | 'aborting';

export class ScsiTask {
  attribute: number = ATTRIBUTES.simple;
  /** Data for the target. */
  dataOut: readonly Buffer[] = NOTHING;
  dataOutBytes = 0;
  /** Where data from the target goes; null to drop it once counted. */
  dataIn: Buffer | null = null;
  /** How much the initiator is ready to take, in bytes. */
  dataInBytes = 0;
  /** Whether it may be issued again after the connection broke while it was out. */
  reissuable = false;
  /** 0: as the session's `commandTimeoutMs` says. */
  timeoutMs = 0;

  /** SCSI status; valid when `error` is null. */
  status = 0;
  /** Sense data as received, or null. */
  sense: Buffer | null = null;
  /** Bytes of data-in received. */
  received = 0;
  /** Bytes not transferred (positive: less than announced) or that would not fit (negative). */
  residual = 0;
  /** Why there is no status. */
  error: InitiatorError | null = null;

  /** By the session. */
  state: TaskState = 'idle';
  tag = 0xffffffff;
  cmdSn = 0;
  /** When it is overdue, in the environment's milliseconds; Infinity for never. */
  deadline = Number.POSITIVE_INFINITY;
  /** How often it was issued again after a lost connection. */
  reissues = 0;
  /** Next DataSN expected. */
  dataSn = 0;
  /** Those before it that were lost; null: none ever was. */
  missing: Set<number> | null = null;
  /** Next R2TSN expected, and up to which byte data was sent or asked for. */
  r2tSn = 0;
  solicited = 0;
  /** Asks once more that its present connection may take it over; null: that is settled. */
  reassign: (() => void) | null = null;
  /** The connection that it was sent on, and is answered on. */
  path: object | null = null;

  constructor(
    /** LUN, eight bytes. */
    readonly lun: Buffer,
    /** CDB of 1 to 16 bytes, or longer (sent with an additional header segment). */
    public cdb: Buffer,
    /** Called once per submission, with `status` or `error` set. May submit the task again. */
    public done: (task: ScsiTask) => void,
  ) {}
}
