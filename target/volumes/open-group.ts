/** Parity groups from their rows in config.db. */
import type { Log } from '../base/log.js';
import { createParityGroup } from '../disk/parity-group.js';
import { shapes } from '../disk/raid/code.js';
import type { MemberStatus } from '../disk/raid/members.js';
import type { CopyRate } from '../disk/raid/pace.js';
import { RedundantGroup } from '../disk/raid/redundant-group.js';
import { redundantMemoryBytes, underWayMemoryBytes } from '../disk/raid/redundant-shape.js';
import { DEFAULT_STRIPE_BYTES } from '../disk/stripe-unit.js';
import type { Clock, DriveIo, ParityGroup, PersistentMemory, RaidLevel } from '../disk/types.js';
import type { DriveRow, MemberRow } from './store-storage.js';
import { canHaveSums, newWithSums, openWithSums } from './sums.js';

/** From the end of one scrub of a redundant group to the start of the next. */
const SCRUB_DAYS = 7;

/** Numbers of drives that a level may have. */
export const LEVELS: Readonly<Record<RaidLevel, { minimum: number; maximum: number; multiple: number }>> = {
  plain: { minimum: 1, maximum: 1, multiple: 1 },
  raid0: { minimum: 2, maximum: 64, multiple: 1 },
  ...shapes,
};

/**
 * Opens memory that survives the process, by name. `dispensable`: what is missing, or has another size, is made anew, full
 * of zeros; else that is refused.
 */
export type OpenShared = (name: string, bytes: number, need?: 'dispensable') => PersistentMemory;

export interface GroupParts {
  readonly shared: OpenShared;
  readonly openDrive: (path: string, name: string, bytes: number) => DriveIo;
  /** Of rebuilds. */
  readonly rate: CopyRate;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface GroupSpec {
  readonly id: number;
  readonly name: string;
  readonly level: RaidLevel;
  readonly stripeBytes: number | null;
  readonly drives: readonly (DriveRow & Partial<MemberRow>)[];
}

/** @param sums what there is of them: the group has none, is being made, or has been made with them */
export function openDrives(
  { openDrive, log }: Pick<GroupParts, 'openDrive' | 'log'>,
  { name, level, drives }: Omit<GroupSpec, 'id'>,
  sums: 'none' | 'new' | 'found',
): DriveIo[] {
  const opened = drives.map((drive) => {
    if (sums === 'none' || !canHaveSums(level)) return openDrive(drive.path, drive.name, drive.bytes);
    return sums === 'new' ? newWithSums(openDrive, drive) : openWithSums(openDrive, drive, log);
  });
  for (const drive of opened) if (drive.failure) log.error(`parity group ${name}: ${drive.failure.message}`);
  return opened;
}

/** @param changed as in `RedundantParts`; of groups without redundancy nothing is told */
export function joinDrives(
  { shared, rate, bootId, clock, log }: GroupParts,
  { id, name, level, stripeBytes, drives: rows }: GroupSpec,
  drives: readonly DriveIo[],
  changed: (position: number, status: MemberStatus) => void,
): ParityGroup {
  if (level === 'plain' || level === 'raid0') {
    return stripeBytes === null
      ? createParityGroup(name, level, drives)
      : createParityGroup(name, level, drives, stripeBytes);
  }
  const shape = { name, level, drives, stripeBytes: stripeBytes ?? DEFAULT_STRIPE_BYTES };
  const memory = shared(`stripes-${id}`, redundantMemoryBytes(shape));
  const underWayBytes = underWayMemoryBytes(shape);
  const underWay = underWayBytes === 0 ? null : shared(`under-way-${id}`, underWayBytes, 'dispensable');
  const statuses = rows.map(({ state = 'good', rebuilt = 0 }) => ({ state, rebuilt }));
  return RedundantGroup.open({
    ...shape,
    statuses,
    memory,
    underWay,
    bootId,
    rate,
    scrubDays: SCRUB_DAYS,
    clock,
    log,
    changed,
  });
}
