import { type AccessStateName, accessStateNames } from '../../wire/scsi/target-port-groups.js';
import { ConfigError } from '../volumes/errors.js';
import { ldevName } from '../volumes/model.js';
import { parseLdev } from './units.js';
import type { ArrayView } from './view.js';

/** An asymmetric access state as an administrator sets it; of all LDEVs when `ldev` is left out. */
export interface AccessChange {
  readonly state: AccessStateName;
  readonly ldev?: string;
  /** The group is `transitioning` for so long first. */
  readonly transitionSeconds?: number;
}

/** Throws ConfigError `port-group-unknown` or `ldev-unknown`. */
export function checkAccessChange(
  { volumes }: Pick<ArrayView, 'volumes'>,
  group: number,
  { ldev }: AccessChange,
): void {
  const ids = new Set(volumes.ports().map((port) => port.portGroup));
  if (!ids.has(group)) {
    const known = [...ids].join(', ');
    throw new ConfigError('port-group-unknown', `there is no target port group ${group}: there is ${known}.`);
  }
  if (ldev === undefined) return;
  const id = parseLdev(ldev);
  if (id !== null && volumes.ldev(id) !== undefined) return;
  throw new ConfigError('ldev-unknown', `there is no LDEV ${id === null ? ldev : ldevName(id)}.`);
}

/** Throws as `checkAccessChange`. */
export function changeAccessState(
  array: Pick<ArrayView, 'volumes' | 'units'>,
  group: number,
  change: AccessChange,
): void {
  checkAccessChange(array, group, change);
  const { volumes, units } = array;
  const state = accessStateNames[change.state];
  const transitionMs = (change.transitionSeconds ?? 0) * 1000;
  if (change.ldev === undefined) units.setAccessState(group, state, transitionMs);
  else units.unit(volumes.ldev(parseLdev(change.ldev)!)!).access.change(group, state, null, transitionMs);
}
