import type { CopyRate } from '../disk/raid/pace.js';
import { ConfigError } from './errors.js';
import type { ConfigStore } from './store.js';

/** What administrators set about the life of all drives. */
export interface DriveSettingsInfo {
  /** Bytes a second that a drive is rebuilt with at most; null: as fast as drives and hosts let it. */
  readonly rebuildRate: number | null;
  /** When a failed drive is replaced, what stood in for it becomes a spare again. */
  readonly copyBack: boolean;
}

/** Bytes a second: a rebuild must come to an end. */
export const LOWEST_RATE = 2 ** 20;

/** Durable settings of drives. What is copied in the background looks at `rate` at each step. */
export class DriveSettings implements DriveSettingsInfo {
  readonly rate: CopyRate;
  copyBack: boolean;

  constructor(private readonly store: ConfigStore) {
    this.rate = { bytesPerSecond: (store.storage.setting('rebuildRate') ?? null) as number | null };
    this.copyBack = (store.storage.setting('copyBack') ?? true) as boolean;
  }

  get rebuildRate(): number | null {
    return this.rate.bytesPerSecond;
  }

  /** What is left out stays. Throws ConfigError `bad-number`. */
  change({ rebuildRate, copyBack }: Partial<DriveSettingsInfo>): DriveSettingsInfo {
    if (rebuildRate !== undefined && rebuildRate !== null && rebuildRate < LOWEST_RATE) {
      throw new ConfigError(
        'bad-number',
        `a rebuild rate of ${rebuildRate} bytes a second is too low: give 1M or more.`,
      );
    }
    this.store.transaction(() => {
      if (rebuildRate !== undefined) this.store.storage.putSetting('rebuildRate', rebuildRate);
      if (copyBack !== undefined) this.store.storage.putSetting('copyBack', copyBack);
    });
    if (rebuildRate !== undefined) this.rate.bytesPerSecond = rebuildRate;
    if (copyBack !== undefined) this.copyBack = copyBack;
    return this.info();
  }

  info(): DriveSettingsInfo {
    return { rebuildRate: this.rebuildRate, copyBack: this.copyBack };
  }
}
