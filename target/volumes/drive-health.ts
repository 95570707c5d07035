import type { Log } from '../base/log.js';
import type { DriveIo } from '../disk/types.js';
import { type DriveErrors, monitored } from './monitored-drive.js';
import type { ConfigStore } from './store.js';

/** Errors after which a drive is predicted to fail: half of those for which a parity group takes one out. */
const PREDICTED: Readonly<{ operations: number; corrupt: number }> = { operations: 8, corrupt: 128 };

/** What is known of drives' health: their errors since the start, and which are predicted to fail. */
export class DriveHealth {
  /** By the drive's name. */
  private readonly known = new Map<string, DriveErrors>();
  private readonly predicted: Set<string>;

  /** @param changed a drive of a parity group is predicted to fail, or not any more */
  constructor(
    private readonly store: ConfigStore,
    private readonly log: Log,
    private readonly changed: (drive: string) => void,
    /** Places of a drive that held something wrong, and have been mended. */
    private readonly corrupt: (drive: string) => number,
  ) {
    this.predicted = new Set(store.storage.predictedDrives());
  }

  /** Counts the errors of a drive from now on. */
  watch(drive: DriveIo): DriveIo {
    const errors = { reads: 0, writes: 0 };
    this.known.set(drive.name, errors);
    const watched: DriveIo = monitored(drive, errors, () => this.erred(watched.name, errors));
    return watched;
  }

  /** Another drive is behind what watches one: it begins without errors. */
  exchanged(from: string, to: string): void {
    const errors = this.known.get(from)!;
    errors.reads = 0;
    errors.writes = 0;
    this.known.delete(from);
    this.known.set(to, errors);
    this.predicted.delete(from);
  }

  errors(drive: string): Readonly<DriveErrors> {
    return this.known.get(drive) ?? NONE;
  }

  isPredicted(drive: string): boolean {
    return this.predicted.has(drive);
  }

  /** Durable. Throws ConfigError `not-saved`. */
  predict(drive: string, predicted: boolean): void {
    if (this.predicted.has(drive) === predicted) return;
    this.store.transaction(() => this.store.storage.setPredicted(drive, predicted));
    if (predicted) this.predicted.add(drive);
    else this.predicted.delete(drive);
    this.changed(drive);
  }

  /** The drive's place in its parity group has been given to another one, durably. */
  forget(drive: string): void {
    this.predicted.delete(drive);
  }

  private erred(drive: string, errors: DriveErrors): void {
    const { reads, writes } = errors;
    const corrupt = this.corrupt(drive);
    if (reads + writes < PREDICTED.operations && corrupt < PREDICTED.corrupt) return;
    if (this.predicted.has(drive) || this.known.get(drive) !== errors) return;
    this.log.warn(
      `drive ${drive}: failure predicted after ${reads} failed reads, ${writes} failed writes and ${corrupt} mended places`,
    );
    try {
      this.predict(drive, true);
    } catch (error) {
      this.log.error(`drive ${drive}: ${(error as Error).message}`);
    }
  }
}

const NONE: DriveErrors = { reads: 0, writes: 0 };
