import {
  type ErrorRecord,
  encodeErrorRecords,
  errorBufferBytes,
  Retrieved,
  SnapshotSource,
} from '../../wire/scsi/error-history.js';
import { errorHistoryNexusCleared, type Sense, SenseKey } from '../../wire/scsi/sense.js';
import { encodeSense } from '../../wire/scsi/sense-codec.js';
import { ClientReports } from './client-reports.js';
import type { DeviceClock } from './device-clock.js';
import type { Nexus } from './nexus.js';
import type { Task } from './task.js';
import type { UnitAttentions } from './unit-attention.js';

/** Errors of a logical unit that are kept; older ones go. */
const KEPT = 64;
export const ERROR_BUFFER_BYTES = errorBufferBytes(KEPT);

/** Whose fault an error is not: the host's, nor a state that it was told of. */
const KEYS: ReadonlySet<SenseKey> = new Set([
  SenseKey.recoveredError,
  SenseKey.mediumError,
  SenseKey.hardwareError,
  SenseKey.dataProtect,
  SenseKey.copyAborted,
  SenseKey.abortedCommand,
  SenseKey.volumeOverflow,
]);

interface Snapshot {
  readonly records: Buffer;
  readonly clientReports: Buffer;
  /** EHS_RETRIEVED. */
  retrieved: number;
}

/** The error history of one logical unit (SPC-5 5.5): its latest errors, and a snapshot of them for one nexus at a time. */
export class ErrorHistory {
  private readonly records: ErrorRecord[] = [];
  private readonly clientReports = new ClientReports();
  private count = 0;
  private snapshot: Snapshot | null = null;
  /** The error history I_T nexus. */
  private reader: Nexus | null = null;

  constructor(
    private readonly clock: DeviceClock,
    private readonly attentions: UnitAttentions,
  ) {}

  /** A command that ended, or went on, with an error of its own. @param sense in place of the task's own */
  note(task: Task, sense: Sense | null = task.sense): void {
    if (sense === null || sense.deferred || !KEYS.has(sense.key)) return;
    const { nexus, command, lba, blocks } = task;
    this.count++;
    if (this.records.length === KEPT) this.records.shift();
    this.records.push({
      number: this.count,
      status: task.status,
      timestamp: this.clock.timestamp,
      relativePort: nexus.port.relativeId,
      initiatorPort: nexus.initiatorPort,
      cdb: Buffer.from(task.cdb),
      range: command === null || command.locate === null ? null : { lba, blocks },
      sense: encodeSense(sense, true),
    });
  }

  /** Whether the history is another nexus' to read now. */
  isTaken(nexus: Nexus): boolean {
    return this.snapshot !== null && this.reader !== null && this.reader !== nexus;
  }

  /**
   * Gives the history to a nexus, unless it has been given to it or, without `anew`, to another one.
   * @param anew the nexus takes it over from whoever has it
   * @param fresh a new snapshot replaces the one there is
   * @returns fields of the directory
   */
  open(nexus: Nexus, anew: boolean, fresh: boolean): { readonly retrieved: number; readonly source: number } {
    if (anew && this.reader !== null && this.reader !== nexus) {
      this.attentions.establish(this.reader.id, errorHistoryNexusCleared());
    }
    if (anew || this.reader === null) this.reader = nexus;
    if (this.snapshot !== null && !fresh) {
      return { retrieved: this.snapshot.retrieved, source: SnapshotSource.earlierCommand };
    }
    const records = encodeErrorRecords(this.records, this.count - this.records.length);
    this.snapshot = { records, clientReports: this.clientReports.encode(), retrieved: Retrieved.no };
    return { retrieved: Retrieved.no, source: SnapshotSource.thisCommand };
  }

  /** What the snapshot has of errors, or of what hosts have added; null: there is none. */
  retrievable(what: 'records' | 'clientReports'): Buffer | null {
    return this.snapshot?.[what] ?? null;
  }

  /** A host adds to the history, which leaves the snapshot as it is (SPC-5 5.5.2). @param list its parameter list */
  add({ port, initiatorPort }: Nexus, list: Buffer): void {
    const { timestamp } = this.clock;
    this.clientReports.add({ timestamp, relativePort: port.relativeId, initiatorPort, list });
  }

  /** A host clears what hosts have added: the array's own errors, and the snapshot, stay (SPC-5 5.5.4). */
  clear(): void {
    this.clientReports.clear();
  }

  /** The nexus is done with it. @param release the snapshot goes too */
  close(release: boolean): void {
    if (this.snapshot !== null && this.reader !== null) this.snapshot.retrieved = Retrieved.yes;
    this.reader = null;
    if (release) this.snapshot = null;
  }

  /** The nexus, or its way to the logical unit, is gone. */
  nexusLost(nexus: Nexus): void {
    if (this.reader === nexus) this.reader = null;
  }

  /** A reset: errors stay. */
  reset(): void {
    this.reader = null;
    this.snapshot = null;
  }
}
