/** Sums of the blocks of drives of redundant groups: in a file beside each drive's. */
import type { Log } from '../base/log.js';
import { sumsBytes } from '../disk/checksums/checksummed.js';
import { ChecksummedDrive } from '../disk/checksums/checksummed-drive.js';
import type { DriveIo, RaidLevel } from '../disk/types.js';
import type { ConfigStore } from './store.js';
import type { DriveRow } from './store-storage.js';

type OpenDrive = (path: string, name: string, bytes: number) => DriveIo;
/** Setting: ids of parity groups. */
const UNSUMMED = 'withoutChecksums';

type Place = Pick<DriveRow, 'path' | 'name' | 'bytes'>;

/** Without redundancy they would find what nobody can put right. */
export function canHaveSums(level: RaidLevel): boolean {
  return level !== 'plain' && level !== 'raid0';
}

export function sumsPath(path: string): string {
  return `${path}.sums`;
}

/** Opens a drive that holds nothing, with the sums of that. */
export function newWithSums(open: OpenDrive, place: Place): DriveIo {
  return joined(open(place.path, place.name, place.bytes), openSums(open, place));
}

/** Opens a drive of a group that has sums. One whose file of sums is not there goes on without: its data may be good. */
export function openWithSums(open: OpenDrive, place: Place, log: Log): DriveIo {
  const data = open(place.path, place.name, place.bytes);
  const sums = openSums(open, place);
  if (sums.failure?.kind !== 'missing' || data.failure) return joined(data, sums);
  sums.close();
  log.warn(
    `drive ${place.name}: its checksums are missing (${sumsPath(place.path)}), so what it holds is not checked: ` +
      'take it out and replace it to have it checked again.',
  );
  return data;
}

/** Whether a group was made without sums; its drives, and those put in their place, have none. */
export function isUnsummed(store: ConfigStore, group: number): boolean {
  return unsummed(store).includes(group);
}

export function noteUnsummed(store: ConfigStore, group: number): void {
  store.storage.putSetting(UNSUMMED, [...unsummed(store), group]);
}

function unsummed(store: ConfigStore): readonly number[] {
  return (store.storage.setting(UNSUMMED) ?? []) as readonly number[];
}

function openSums(open: OpenDrive, { path, name, bytes }: Place): DriveIo {
  return open(sumsPath(path), `${name}.sums`, sumsBytes(bytes));
}

function joined(data: DriveIo, sums: DriveIo): DriveIo {
  return new ChecksummedDrive(data, sums);
}
