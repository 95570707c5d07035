/**
 * Everything an administrator sets about volumes and who reaches them. Changes are durable before they are
 * seen here and before their event is emitted; a refused one throws ConfigError and has changed nothing.
 *
 * `Ldev` and `HostGroup` objects stay the same for their life and are changed in place. `Ldev.top` is replaced
 * when layers come or go, so it is read for each operation.
 */
import { EventEmitter } from 'node:events';
import { currentBootId } from '../base/boot-id.js';
import type { Log } from '../base/log.js';
import type { Clock, DriveIo, RaidLevel, Random } from '../disk/types.js';
import { Background } from './background.js';
import type { DriveBay } from './drive-bay.js';
import { ConfigError } from './errors.js';
import { admits, type HostGroupSpec, HostGroups } from './host-groups.js';
import type { FaultRules } from './layers/fault-rules.js';
import type { LdevVolume } from './ldev-volume.js';
import { type LdevChange, type LdevSpec, Ldevs, type VolumeCache } from './ldevs.js';
import type { AuthMethod, ChapUser, HostGroup, Ldev, TargetPort, VolumesEvents } from './model.js';
import type { OpenShared } from './open-group.js';
import { type PortSpec, Ports } from './ports.js';
import type { ReclaimAdapter } from './reclaim.js';
import type { GroupRegions } from './regions.js';
import type { Scrubs } from './scrubs.js';
import { type DriveSpec, type ParityGroupInfo, type PoolInfo, Storage } from './storage.js';
import type { ArrayIdentity, ConfigStore } from './store.js';
import type { SanitizationTable } from './store-sanitizations.js';
import type { UnitTables } from './store-units.js';
import { type ChapRole, Users } from './users.js';

export interface VolumesParts {
  readonly store: ConfigStore;
  readonly cache: VolumeCache;
  readonly adapter: ReclaimAdapter;
  /** Memory that survives the process, by name: `regions-<n>`. Made, filled with zeros, if there is none. */
  readonly shared: OpenShared;
  /** Opens a drive, made if there is none. `path` is as given in the configuration. */
  readonly openDrive: (path: string, name: string, bytes: number) => DriveIo;
  /** Makes a drive that holds nothing, in the place of what is at the path; `openDrive` when left out. */
  readonly newDrive?: (path: string, name: string, bytes: number) => DriveIo;
  /** Left out: that of this machine. */
  readonly bootId?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type Events = { [E in keyof VolumesEvents]: Parameters<VolumesEvents[E]> };

/** A capacity: blocks, or bytes that are a multiple of the block size. */
export type Capacity = { readonly blocks: number } | { readonly bytes: number };

export class Volumes extends EventEmitter<Events> {
  private readonly storage: Storage;
  private readonly devices: Ldevs;
  private readonly portList: Ports;
  private readonly groups: HostGroups;
  private readonly userList: Users;
  private readonly background: Background;

  private constructor(private readonly parts: VolumesParts) {
    super();
    const { store, cache, adapter, shared, openDrive, newDrive = openDrive, clock, log } = parts;
    const background = new Background(clock);
    this.background = background;
    const predictionChanged = ({ id }: GroupRegions) => {
      // Not there yet while the groups are opened: nobody knows an LDEV then that could be told of.
      for (const ldev of this.devices?.all() ?? [])
        if (ldev.regions.groups.has(id)) this.emit('prediction-changed', ldev);
    };
    const drives = { openDrive, newDrive, predictionChanged };
    const bootId = parts.bootId ?? currentBootId();
    this.storage = new Storage({ store, shared, ...drives, bootId, clock, adapter, background, log });
    this.devices = new Ldevs({
      store,
      storage: this.storage,
      cache,
      adapter,
      clock,
      random: parts.random,
      background,
      log,
    });
    this.portList = new Ports(store);
    this.groups = new HostGroups(store, this.portList, this.devices.all());
    this.userList = new Users(store, (id) => this.groups.all().some((group) => group.id === id));
  }

  /**
   * Brings back what the store and shared memory hold. Deletions that were interrupted go on in the
   * background (`settled`). Throws ConfigError `damaged`, or what `shared` throws.
   */
  static open(parts: VolumesParts): Volumes {
    return new Volumes(parts);
  }

  get identity(): ArrayIdentity {
    return this.parts.store.identity;
  }

  /** Saved mode pages and persistent reservations. */
  get saved(): UnitTables {
    return this.parts.store.units;
  }

  /** Saved sanitize operations. */
  get sanitizations(): SanitizationTable {
    return this.parts.store.sanitizations;
  }

  /** Rules of the fault-and-delay layer. */
  get faults(): FaultRules {
    return this.devices.faults;
  }

  parityGroups(): readonly ParityGroupInfo[] {
    return this.storage.parityGroupInfos();
  }

  createParityGroup(
    name: string,
    level: RaidLevel,
    drives: readonly DriveSpec[],
    stripeBytes: number | null = null,
    checksums?: boolean,
  ): ParityGroupInfo {
    return this.storage.createParityGroup(name, level, drives, stripeBytes, checksums);
  }

  /** Drives: their states, taking out, replacing, settings. */
  get drives(): Pick<DriveBay, 'list' | 'spares' | 'fail' | 'settled' | 'replace' | 'predict' | 'settings'> {
    return this.storage.bay;
  }

  /** Scrubs of parity groups. */
  get scrubs(): Scrubs {
    return this.storage.scrubs;
  }

  /** A drive that takes the place of one that fails. Throws ConfigError. */
  addSpare(drive: DriveSpec): void {
    this.storage.addSpare(drive);
  }

  pools(): readonly PoolInfo[] {
    return this.storage.poolInfos();
  }

  createPool(name: string, parityGroups: readonly string[]): PoolInfo {
    return this.storage.createPool(name, parityGroups);
  }

  extendPool(name: string, parityGroup: string): PoolInfo {
    return this.storage.extendPool(name, parityGroup);
  }

  /** By number. */
  ldevs(): readonly Ldev[] {
    return this.devices.all();
  }

  ldev(id: number): Ldev | undefined {
    return this.devices.find(id);
  }

  createLdev(spec: LdevSpec): Ldev {
    return this.devices.create(spec);
  }

  /** Grows an LDEV; `capacity` is the new total. */
  expandLdev(id: number, capacity: Capacity): Ldev {
    const ldev = this.devices.expand(id, capacity);
    this.emit('capacity-changed', ldev);
    return ldev;
  }

  changeLdev(id: number, change: LdevChange): Ldev {
    const ldev = this.devices.change(id, change);
    this.emit('ldev-changed', ldev);
    return ldev;
  }

  /**
   * Deletes an LDEV that has no LUN paths. It is gone, durably, when this returns; the promise resolves when
   * its number and regions are free again. Refusals are thrown, not put into the promise; that rejects if a
   * drive fails, and the next start then completes the deletion.
   */
  deleteLdev(id: number): Promise<void> {
    const ldev = this.devices.get(id);
    this.checkUnmapped(ldev);
    const { complete } = this.devices.remove(ldev);
    this.emit('ldev-removed', ldev);
    return complete;
  }

  /** Bytes in regions assigned to an LDEV. */
  assignedBytes(id: number): number {
    return this.devices.get(id).assignedBytes;
  }

  /** Paths to an LDEV as [host group, LUN]. */
  paths(ldev: number): readonly (readonly [HostGroup, number])[] {
    return this.groups.paths(ldev);
  }

  ports(): readonly TargetPort[] {
    return this.portList.all();
  }

  createPort(spec: PortSpec): TargetPort {
    return this.portList.create(spec);
  }

  /** Where a port listens from the next start on. */
  setListen(port: string, listen: TargetPort['listen']): TargetPort {
    return this.portList.setListen(port, listen);
  }

  hostGroups(port?: string): readonly HostGroup[] {
    return this.groups.all(port);
  }

  hostGroup(port: string, name: string): HostGroup | undefined {
    return this.groups.find(port, name);
  }

  hostGroupByTarget(port: string, target: string): HostGroup | undefined {
    return this.groups.byTarget(port, target);
  }

  /** Whether a host group lets an initiator log in, by its name. */
  static admits(group: HostGroup, initiator: string): boolean {
    return admits(group, initiator);
  }

  createHostGroup(spec: HostGroupSpec): HostGroup {
    return this.groups.create(spec);
  }

  /** With its LUN paths. */
  deleteHostGroup(id: number): void {
    this.userList.checkUnbound(this.groups.get(id));
    const group = this.groups.delete(id);
    this.userList.reload();
    this.emit('host-group-removed', group);
  }

  addInitiator(hostGroup: number, initiator: string): HostGroup {
    return this.groups.addInitiator(hostGroup, initiator);
  }

  /** Who is logged in already is told by the event, so that ports can end the session. */
  removeInitiator(hostGroup: number, initiator: string): HostGroup {
    const group = this.groups.removeInitiator(hostGroup, initiator);
    this.emit('admission-changed', group);
    return group;
  }

  /** Who is logged in with less is told by the event, too. */
  setAuth(hostGroup: number, auth: AuthMethod): HostGroup {
    const group = this.groups.setAuth(hostGroup, auth);
    this.emit('admission-changed', group);
    return group;
  }

  mapLun(hostGroup: number, lun: number, ldev: number): HostGroup {
    const group = this.groups.map(hostGroup, lun, this.devices.get(ldev));
    this.emit('luns-changed', group);
    return group;
  }

  unmapLun(hostGroup: number, lun: number): HostGroup {
    const group = this.groups.unmap(hostGroup, lun);
    this.emit('luns-changed', group);
    return group;
  }

  /** With secrets: not for display. */
  users(): readonly ChapUser[] {
    return this.userList.all();
  }

  user(name: string, role: ChapRole): ChapUser | undefined {
    return this.userList.find(name, role);
  }

  addUser(user: ChapUser): ChapUser {
    return this.userList.add(user);
  }

  setSecret(name: string, role: ChapRole, secret: string): void {
    this.userList.setSecret(name, role, secret);
  }

  removeUser(name: string, role: ChapRole): void {
    this.userList.remove(name, role);
    this.emit('users-removed');
  }

  /**
   * Resolves when nothing runs in the background: deletions, assignment of regions to fully provisioned LDEVs,
   * return of unmapped ones, punching of free regions that hold data.
   */
  async settled(): Promise<void> {
    await this.devices.givenBack();
    await this.background.settled();
  }

  /** Ends the return of unmapped regions and makes shared memory durable. */
  async sync(): Promise<void> {
    await this.devices.givenBack();
    await this.storage.sync();
  }

  /** Closes drives and shared memory. The cache has destaged and is closed; the store is the caller's. */
  close(): void {
    this.background.close();
    this.storage.close();
  }

  private checkUnmapped(ldev: LdevVolume): void {
    const paths = this.groups.paths(ldev.id);
    if (paths.length === 0) return;
    const list = paths.map(([group, lun]) => `${group.port}/${group.name} LUN ${lun}`).join(', ');
    throw new ConfigError('ldev-mapped', `LDEV ${ldev.name} has LUN paths (${list}): unmap them first.`);
  }
}
