/** Misfortunes of a simulated array's drives within what their parity groups can bear, and proofs of redundancy. */
import { native } from '../../native/index.js';
import { isChecksummed } from '../../target/disk/checksums/checksummed.js';
import { createCode, type RedundantLevel } from '../../target/disk/raid/code.js';
import { StripeLayout } from '../../target/disk/raid/layout.js';
import { RedundantGroup } from '../../target/disk/raid/redundant-group.js';
import type { SimulatedDrive } from '../../target/disk/simulated-drive.js';
import type { DriveIo } from '../../target/disk/types.js';
import { ConfigError } from '../../target/volumes/errors.js';
import type { SimulatedArray } from './simulated-array.js';

export function redundantGroups(array: SimulatedArray): RedundantGroup[] {
  return array.groups.filter((group) => group instanceof RedundantGroup);
}

/** Operations that were to fail have ended after that. */
const SETTLED_NS = 20e6;
/** When something was last demanded of a group's drives, or that was taken back. */
const worn = new WeakMap<RedundantGroup, { readonly at: number; readonly demanded: boolean }>();

/** A drive fails, by itself or by hand, cannot read a place for a while, or is replaced. */
export function misfortune(array: SimulatedArray): void {
  const groups = redundantGroups(array);
  const group = groups[array.below(groups.length)]!;
  const position = array.below(group.drives.length);
  const { state, drive } = group.members[position]!;
  const now = array.clock.now();
  const mark = worn.get(group);
  if (mark !== undefined && now - mark.at < SETTLED_NS) return;
  if (mark?.demanded) {
    repair(array, group);
    worn.set(group, { at: now, demanded: false });
    return;
  }
  if (group.suspects > 0) {
    // Parity is not right before that: a drive that fails by itself then is a second fault, and by hand none can.
    fail(array, drive.name);
    return;
  }
  if (state === 'failed') replace(array, drive.name);
  else if (array.below(3) === 0) fail(array, drive.name);
  else if (group.dispensable(position)) {
    wear(array, drive.name);
    worn.set(group, { at: now, demanded: true });
  }
}

/** What was demanded of drives before and has not happened yet would come on top of what comes now. */
function repair(array: SimulatedArray, group: RedundantGroup): void {
  for (const { name } of group.drives) for (const drive of filesOf(array, name)) drive.repair();
}

function wear(array: SimulatedArray, name: string): void {
  const drive = filesOf(array, name)[array.below(2)] ?? array.drives.get(name)!;
  const kind = array.below(3);
  if (kind === 0) drive.fail('write');
  else if (kind === 1) drive.fail('sync');
  else drive.badRange('read', 512 * array.below(256), 512 * (1 + array.below(40)));
}

/** A drive, and where its sums are if it has some. */
function filesOf(array: SimulatedArray, name: string): SimulatedDrive[] {
  return [name, `${name}.sums`].flatMap((path) => array.drives.get(path) ?? []);
}

/** A drive of each group with sums begins to go wrong without a word: what its operations do, and what it holds. */
export function spoil(array: SimulatedArray): SimulatedDrive[] {
  const groups = redundantGroups(array).filter(({ drives }) => drives.every(isChecksummed));
  return groups.map(({ drives }) => {
    const drive = array.drives.get(drives[array.below(drives.length)]!.name)!;
    const share = () => array.below(3) / 10;
    drive.misbehave({ misdirectRead: share(), misdirectWrite: share(), dropWrite: share() });
    return drive;
  });
}

/** Changes a bit of something that the drive holds. */
export function rot(array: SimulatedArray, drive: SimulatedDrive): void {
  const held = drive.extents(0, drive.bytes).filter(({ allocated }) => allocated);
  const extent = held[array.below(Math.max(1, held.length))];
  if (extent !== undefined) drive.flip(extent.offset + array.below(extent.bytes));
}

/** All groups look at everything. @returns what is wrong */
export function scrub(array: SimulatedArray): string | null {
  const groups = redundantGroups(array);
  const ended = () => groups.every((group) => !group.scrub.running);
  // A pass that goes on from an earlier life has looked at a part before.
  array.clock.settle(ended, 2_000_000);
  for (const group of groups) group.startScrub();
  array.clock.settle(ended, 2_000_000);
  return ended() ? null : 'a scrub does not end';
}

function fail(array: SimulatedArray, name: string): void {
  try {
    array.volumes.drives.fail(name);
  } catch (error) {
    if ((error as ConfigError).code !== 'drive-needed') throw error;
  }
}

export function replace(array: SimulatedArray, name: string): void {
  try {
    array.volumes.drives.replace(name);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
  }
}

/** Replaces what has failed and waits until all drives are whole and all parity is checked. @returns what is wrong */
export function heal(array: SimulatedArray): string | null {
  const groups = redundantGroups(array);
  for (const group of groups) {
    repair(array, group);
    array.clock.settle(() => group.members.every((_, position) => group.isNoted(position)), 2_000_000);
    for (const { state, drive } of group.members) if (state === 'failed') replace(array, drive.name);
  }
  const healthy = () => groups.every((g) => g.suspects === 0 && g.members.every(({ state }) => state === 'good'));
  array.clock.settle(healthy, 2_000_000);
  if (!healthy()) return 'the groups do not become whole';
  const lost = groups.find((group) => group.scrub.lost > 0);
  return lost === undefined ? null : `${lost.name} has given up ${lost.scrub.lost} blocks`;
}

/** Every check is what the data says, on drives at rest. @returns what is wrong */
export function inconsistency(array: SimulatedArray, group: RedundantGroup): string | null {
  const code = createCode(group.level as RedundantLevel, group.drives.length);
  const unit = group.stripeBytes / code.data;
  const layout = new StripeLayout(code, unit, group.stripes);
  for (const stripe of usedStripes(group, unit)) {
    const columns = Array.from({ length: layout.drives }, (_, column) =>
      content(array, group.drives[layout.driveOf(stripe, column)]!, stripe * unit, unit),
    );
    for (const [check, factors] of code.factors.entries()) {
      const right = Buffer.alloc(unit);
      native.combine([right], columns.slice(0, code.data), factors);
      if (!columns[code.data + check]!.equals(right)) return `${group.name}: stripe ${stripe}: check ${check} is wrong`;
    }
  }
  return null;
}

function usedStripes(group: RedundantGroup, unit: number): Set<number> {
  const stripes = new Set<number>();
  for (const drive of group.drives) {
    for (const { offset, bytes, allocated } of drive.extents(0, group.stripes * unit)) {
      if (!allocated) continue;
      for (let stripe = Math.floor(offset / unit); stripe * unit < offset + bytes; stripe++) stripes.add(stripe);
    }
  }
  return stripes;
}

function content(array: SimulatedArray, drive: DriveIo, offset: number, bytes: number): Buffer {
  const data = Buffer.alloc(bytes);
  let ended = false;
  drive.read(offset, [data], () => {
    ended = true;
  });
  array.clock.settle(() => ended);
  return data;
}
