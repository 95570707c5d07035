/**
 * How FORMAT UNIT changes the protection information of an LDEV. With it the place of every block changes, so between
 * `begin` and `end` there is nothing that could be read; that is kept, and whoever finds it so after a kill formats again.
 */
import type { ProtectionType } from '../../wire/scsi/protection.js';
import type { IoFailure } from './block-layer.js';
import type { LdevVolume } from './ldev-volume.js';
import type { FormatRecord } from './model.js';
import type { ConfigStore } from './store.js';

export class LdevFormat implements FormatRecord {
  constructor(
    private readonly ldev: LdevVolume,
    private readonly store: Pick<ConfigStore, 'transaction' | 'storage'>,
    /** Throws when the pool has no room for it with this type. */
    private readonly checkRoom: (protection: ProtectionType) => void,
    /** Its layers are new ones. */
    private readonly changed: () => void,
  ) {}

  begin(protection: ProtectionType): IoFailure | null {
    const { ldev, store } = this;
    if (protection === ldev.protection) return null;
    try {
      this.checkRoom(protection);
    } catch (error) {
      return { kind: 'no-space', cause: (error as Error).message };
    }
    const failure = this.keep(() => store.storage.setUnformatted(ldev.uid));
    if (failure === null) ldev.unformatted = true;
    return failure;
  }

  end(protection: ProtectionType): IoFailure | null {
    const { ldev, store } = this;
    if (protection === ldev.protection && !ldev.unformatted) return null;
    const failure = this.keep(() => store.storage.setFormatted(ldev.uid, protection));
    if (failure === null) {
      ldev.unformatted = false;
      ldev.protection = protection;
      ldev.layOut();
      this.changed();
    }
    return failure;
  }

  private keep(change: () => void): IoFailure | null {
    try {
      this.store.transaction(change);
      return null;
    } catch (error) {
      return { kind: 'hardware-error', cause: `format not saved: ${(error as Error).message}` };
    }
  }
}
