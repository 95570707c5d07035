/**
 * What hosts and administrators see: LDEVs, ports, host groups, LUN paths. Plain shapes; the classes that
 * hold and change them are `Volumes` (volumes.ts) and its parts.
 */
import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import { DeviceType } from '../../wire/scsi/inquiry.js';
import type { ProtectionType } from '../../wire/scsi/protection.js';
import type { BlockLayer, Done, IoFailure } from './block-layer.js';
import type { DriveKind } from './drive-kinds.js';
import type { ActiveFault } from './layers/active-fault.js';
import type { MarkedBlocks } from './marked-blocks.js';
import type { LostCause, OnChange, PointInTime } from './point-in-time/types.js';

export type LdevAttribute = 'ordinary' | 'secondary' | 'journal' | 'command-device';

/** A logical device. `id` is CU × 256 + LDEV; shown as `00:1A` by `ldevName`. */
export interface Ldev {
  readonly id: number;
  readonly label: string;
  readonly attribute: LdevAttribute;
  readonly pool: string;
  readonly blockSize: 512 | 4096;
  /** Not below `blockSize`. 4096 over 512 ("512e"): hosts are told to keep their I/O aligned; any block can be written. */
  readonly physicalBlockSize: 512 | 4096;
  /** Capacity in logical blocks; grows by expansion. */
  readonly blocks: number;
  readonly thin: boolean;
  readonly readOnly: boolean;
  /** Its medium can be ejected and loaded by hosts (RMB). Left out: not. */
  readonly removable?: boolean;
  /** A virtual tape: a sequential-access device. Left out: a disk. */
  readonly tape?: boolean;
  /** Type of protection information that it is formatted with. Left out: 0, none. */
  readonly protection?: ProtectionType;
  /** A format that changes that has begun and not ended: there is nothing on it that could be read. Left out: not. */
  readonly unformatted?: boolean;
  /** Changes `protection`, around the format that makes it so. Left out: it cannot be changed. */
  readonly formatting?: FormatRecord;
  /** Places where protection information was lost and made anew by a write, since the start. */
  readonly informationLosses?: { readonly count: number };
  /** NAA-6 identifier, 16 bytes, stable for the LDEV's life (VPD 83h). */
  readonly naa: Buffer;
  /** Unit serial number (VPD 80h). */
  readonly serial: string;
  /** Top of the layer stack: what handlers read and write. Read for each operation: layers come and go. */
  readonly top: BlockLayer;
  /** Fault rules of commands; null or left out: there are none. Replaced when rules come or go. */
  readonly commandFaults?: readonly ActiveFault[] | null;
  /** Blocks that hosts have marked unreadable. */
  readonly marks: MarkedBlocks;
  /** In regions that it has, and in those that it could still get, beside other LDEVs. Left out: not told. */
  readonly space?: { readonly assignedBytes: number; readonly availableBytes: number };
  /** Scrubs of the redundant parity groups that it has regions in; null or left out: there are none. */
  readonly mediumScan?: MediumScan | null;
  /** Overwrites what memory still holds of blocks that no block holds any more: slots given up. Left out: none does. */
  wipeRemains?(done: Done): void;
  /**
   * Makes an image of blocks as they are now; no command that changes blocks is under way. Null: there are too many.
   * @param lost called once if the image ends before it is released
   */
  freeze?(ranges: readonly BlockRange[], onChange: OnChange, lost: (cause: LostCause) => void): PointInTime | null;
  /** Ends all images. `done` runs when what was kept for them is gone. */
  endImages?(cause: LostCause, done: () => void): void;
  /** One of the drives that it has regions on is predicted to fail. Left out: none. */
  readonly failurePredicted?: boolean;
  /** Kind of the drives that it takes regions from; null or left out: any in the pool. */
  readonly tier?: DriveKind | null;
  /** Kind of its drives; null: there may be several. Left out: the default. */
  readonly driveKind?: DriveKind | null;
}

/** How an LDEV's format is kept. Each change is durable when it returns; a failure has changed nothing. */
export interface FormatRecord {
  /** From now on it counts as unformatted, unless the type stays. */
  begin(protection: ProtectionType): IoFailure | null;
  /** It has been unmapped, on the medium too: takes the type on. `top` and the layers below are new ones then. */
  end(protection: ProtectionType): IoFailure | null;
}

/** A scan of all that a medium holds, as far as the last of several is. */
export interface MediumScan {
  readonly running: boolean;
  /** Of the pass under way, 0 to 1. */
  readonly progress: number;
  /** Ended so far. */
  readonly passes: number;
}

/** A port of the array, e.g. `CL1-A`. */
export interface TargetPort {
  readonly name: string;
  /** Relative target port identifier (SPC-5 3.1), 1…65535, and target port group. */
  readonly relativeId: number;
  readonly portGroup: number;
  readonly listen: { readonly host: string; readonly port: number };
}

export type AuthMethod = 'none' | 'chap' | 'mutual-chap';

/**
 * A host group on one port: its own iSCSI target name, the initiators it admits, its LUN paths.
 * As in real arrays, one port carries several; an initiator sees those that admit it.
 */
export interface HostGroup {
  readonly id: number;
  readonly port: string;
  readonly name: string;
  /** Target IQN. */
  readonly target: string;
  /** IQNs admitted; `*` admits any. */
  readonly initiators: readonly string[];
  readonly auth: AuthMethod;
  /** LUN → LDEV id. */
  readonly luns: ReadonlyMap<number, number>;
}

export interface ChapUser {
  readonly name: string;
  readonly secret: string;
  /** `initiator`: proves who logs in. `target`: the array proves itself with it (mutual CHAP). */
  readonly role: 'initiator' | 'target';
  /** Host groups (ids) it may log in to; empty: any. */
  readonly hostGroups: readonly number[];
}

/** Changes that hosts must be told of by unit attentions. */
export interface VolumesEvents {
  'capacity-changed': (ldev: Ldev) => void;
  'luns-changed': (hostGroup: HostGroup) => void;
  'host-group-removed': (hostGroup: HostGroup) => void;
  'ldev-removed': (ldev: Ldev) => void;
  /** Label, attribute or read-only flag. */
  'ldev-changed': (ldev: Ldev) => void;
  /** A drive is predicted to fail, or is no longer in use: `failurePredicted` may have changed. */
  'prediction-changed': (ldev: Ldev) => void;
  /** A host group no longer admits somebody: sessions of initiators that it does not admit are to end. */
  'admission-changed': (hostGroup: HostGroup) => void;
  /** Sessions of CHAP users that there are no longer are to end. */
  'users-removed': () => void;
}

/** PERIPHERAL DEVICE TYPE. */
export function deviceTypeOf({ tape }: Pick<Ldev, 'tape'>): number {
  return tape ? DeviceType.sequentialAccess : DeviceType.directAccess;
}

/** `00:1A` for 26. */
export function ldevName(id: number): string {
  const hex = (n: number) => n.toString(16).toUpperCase().padStart(2, '0');
  return `${hex(id >> 8)}:${hex(id & 0xff)}`;
}
