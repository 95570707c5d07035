/** Drives, parity groups and pools of a running array. */
import type { Log } from '../base/log.js';
import { isChecksummed } from '../disk/checksums/checksummed.js';
import type { MemberStatus } from '../disk/raid/members.js';
import { isStripeUnit, STRIPE_GRAIN } from '../disk/stripe-unit.js';
import type { Clock, DriveIo, ParityGroup, RaidLevel } from '../disk/types.js';
import type { Background } from './background.js';
import { DriveBay, type GroupEntry } from './drive-bay.js';
import { DEFAULT_KIND, DRIVE_KINDS, type DriveKind, isDriveKind } from './drive-kinds.js';
import { ConfigError } from './errors.js';
import { checkInteger, checkName } from './naming.js';
import { type GroupSpec, joinDrives, LEVELS, type OpenShared, openDrives } from './open-group.js';
import { Pool } from './pool.js';
import { type ReclaimAdapter, reclaim } from './reclaim.js';
import { GroupRegions, MAX_PARITY_GROUPS, REGION_BYTES } from './regions.js';
import { Scrubs } from './scrubs.js';
import type { ConfigStore } from './store.js';
import type { DriveRow, ParityGroupRow } from './store-storage.js';
import { canHaveSums, isUnsummed, noteUnsummed, sumsPath } from './sums.js';

/** Left out, its kind is the default. */
export type DriveSpec = Omit<DriveRow, 'kind'> & Partial<Pick<DriveRow, 'kind'>>;

/** What administrators see of a parity group. */
export interface ParityGroupInfo {
  readonly name: string;
  readonly level: RaidLevel;
  readonly drives: readonly DriveRow[];
  /** Null: the level's default. */
  readonly stripeBytes: number | null;
  /** What its drives hold is checked whenever it is read. */
  readonly checksums: boolean;
  /** Null: in no pool. */
  readonly pool: string | null;
  readonly bytes: number;
}

export interface PoolInfo {
  readonly name: string;
  readonly parityGroups: readonly string[];
  readonly bytes: number;
  /** In regions that no LDEV has. */
  readonly freeBytes: number;
  /** Of each kind of drives, the fastest first. */
  readonly tiers: readonly TierInfo[];
}

export interface TierInfo {
  readonly tier: DriveKind;
  readonly bytes: number;
  readonly freeBytes: number;
}

export interface StorageParts {
  readonly store: ConfigStore;
  readonly shared: OpenShared;
  readonly openDrive: (path: string, name: string, bytes: number) => DriveIo;
  readonly newDrive: (path: string, name: string, bytes: number) => DriveIo;
  /** `failurePredicted` of a parity group has changed. */
  readonly predictionChanged: (group: GroupRegions) => void;
  readonly bootId: string;
  readonly clock: Clock;
  readonly adapter: ReclaimAdapter;
  readonly background: Background;
  readonly log: Log;
}

const MAX_DRIVE_BYTES = 2 ** 50;

export class Storage {
  readonly bay: DriveBay;
  readonly scrubs: Scrubs;
  private readonly groups = new Map<string, GroupEntry>();
  private readonly pools = new Map<string, Pool>();

  /** Opens everything that the store lists. Throws ConfigError `damaged`. */
  constructor(private readonly parts: StorageParts) {
    this.bay = new DriveBay(parts, this.groups);
    this.scrubs = new Scrubs(this.groups);
    for (const name of parts.store.storage.pools()) this.pools.set(name, new Pool(name));
    const found = (id: number) => (isUnsummed(parts.store, id) ? 'none' : 'found');
    for (const row of parts.store.storage.parityGroups()) {
      const regions = this.openRegions(
        row.id,
        this.openGroup(row, this.openDrives(row, found(row.id))),
        row.drives[0]!.kind,
      );
      this.groups.set(row.name, { row, regions });
      if (row.pool !== null) this.pool(row.pool).add(regions);
    }
    this.bay.drivesChanged();
  }

  /** Throws ConfigError `pool-unknown`. */
  pool(name: string): Pool {
    const pool = this.pools.get(name);
    if (pool !== undefined) return pool;
    const known = [...this.pools.keys()].join(', ') || 'none yet';
    throw new ConfigError('pool-unknown', `there is no pool "${name}": there is ${known}.`);
  }

  allPools(): readonly Pool[] {
    return [...this.pools.values()];
  }

  poolInfos(): PoolInfo[] {
    return [...this.pools.values()].map((pool) => ({
      name: pool.name,
      parityGroups: pool.parityGroups.map((regions) => regions.group.name),
      bytes: pool.regions * REGION_BYTES,
      freeBytes: pool.free * REGION_BYTES,
      tiers: pool.tiers.map((tier) => {
        return { tier, bytes: pool.regionsOf(tier) * REGION_BYTES, freeBytes: pool.freeOf(tier) * REGION_BYTES };
      }),
    }));
  }

  parityGroupInfos(): ParityGroupInfo[] {
    return [...this.groups.values()].map(({ row, regions }) => info(row, regions.group));
  }

  parityGroups(): readonly ParityGroup[] {
    return [...this.groups.values()].map(({ regions }) => regions.group);
  }

  /** Throws ConfigError; see `check`. */
  createParityGroup(
    name: string,
    level: RaidLevel,
    specs: readonly DriveSpec[],
    stripeBytes: number | null,
    checksums = canHaveSums(level),
  ): ParityGroupInfo {
    const drives = specs.map(withKind);
    this.check(name, level, drives, stripeBytes);
    if (checksums && !canHaveSums(level)) {
      throw new ConfigError('bad-name', `a ${level} parity group has no checksums: nothing could be repaired by them.`);
    }
    const opened = this.openDrives({ name, level, drives, stripeBytes }, checksums ? 'new' : 'none');
    const failure = opened.find((drive) => drive.failure)?.failure;
    if (failure) {
      for (const drive of opened) drive.close();
      throw new ConfigError('drive-unusable', `${failure.message}: make its file usable or choose another path.`);
    }
    const { store, log } = this.parts;
    let group: ParityGroup | null = null;
    let regions: GroupRegions | null = null;
    try {
      const row = store.transaction((): ParityGroupRow => {
        const id = store.storage.insertParityGroup({ name, level, drives, stripeBytes });
        if (canHaveSums(level) && !checksums) noteUnsummed(store, id);
        group = this.openGroup({ id, name, level, drives, stripeBytes }, opened);
        regions = this.openRegions(id, group, drives[0]!.kind);
        if (!regions.probeHoles()) {
          log.warn(`parity group ${name}: its file system does not tell holes; free space is taken to be empty`);
        }
        const members = drives.map((drive) => ({ ...drive, state: 'good' as const, rebuilt: 0 }));
        return { id, name, level, drives: members, stripeBytes, pool: null };
      });
      this.groups.set(name, { row, regions: regions! });
      return info(row, group!);
    } catch (error) {
      (regions as GroupRegions | null)?.records.close();
      if (group !== null) (group as ParityGroup).close();
      else for (const drive of opened) drive.close();
      throw error;
    }
  }

  /** Throws ConfigError `bad-name`, `pool-exists`, or as `extendPool`. */
  createPool(name: string, parityGroups: readonly string[]): PoolInfo {
    checkName('pool', name);
    if (this.pools.has(name)) {
      throw new ConfigError('pool-exists', `there is a pool "${name}" already: choose another name, or extend it.`);
    }
    const members = parityGroups.map((each) => this.unpooled(each));
    const { store } = this.parts;
    store.transaction(() => {
      store.storage.insertPool(name);
      for (const { row } of members) store.storage.assignParityGroup(row.id, name);
    });
    this.pools.set(name, new Pool(name));
    for (const { row } of members) this.join(row.name, name);
    return this.poolInfos().find((pool) => pool.name === name)!;
  }

  /** Adds a parity group. Throws ConfigError `pool-unknown`, `parity-group-unknown` or `parity-group-taken`. */
  extendPool(name: string, parityGroup: string): PoolInfo {
    const pool = this.pool(name);
    const { row } = this.unpooled(parityGroup);
    const { store } = this.parts;
    store.transaction(() => store.storage.assignParityGroup(row.id, pool.name));
    this.join(row.name, name);
    return this.poolInfos().find((each) => each.name === name)!;
  }

  /** Throws ConfigError. */
  addSpare(spec: DriveSpec): void {
    const drive = withKind(spec);
    this.checkDrives([drive]);
    this.bay.addSpare(drive);
  }

  /** Makes all assignments of regions durable. Rejects with the system's error. */
  async sync(): Promise<void> {
    await Promise.all(
      [...this.groups.values()].map(
        ({ regions }) =>
          new Promise<void>((resolve, reject) => {
            regions.records.sync((error) => (error === null ? resolve() : reject(error)));
          }),
      ),
    );
  }

  close(): void {
    this.bay.close();
    for (const { regions } of this.groups.values()) {
      regions.records.close();
      regions.group.close();
    }
  }

  private join(parityGroup: string, pool: string): void {
    const { row, regions } = this.groups.get(parityGroup)!;
    this.groups.set(parityGroup, { row: { ...row, pool }, regions });
    this.pool(pool).add(regions);
  }

  private unpooled(name: string): { row: ParityGroupRow; regions: GroupRegions } {
    const group = this.groups.get(name);
    if (group === undefined) {
      const known = [...this.groups.keys()].join(', ') || 'none yet';
      throw new ConfigError('parity-group-unknown', `there is no parity group "${name}": there is ${known}.`);
    }
    if (group.row.pool !== null) {
      throw new ConfigError(
        'parity-group-taken',
        `parity group "${name}" belongs to pool "${group.row.pool}": create another parity group.`,
      );
    }
    return group;
  }

  private openDrives(spec: Omit<GroupSpec, 'id'>, sums: 'none' | 'new' | 'found'): DriveIo[] {
    return openDrives(this.parts, spec, sums).map((drive) => this.bay.health.watch(drive));
  }

  private openGroup(spec: GroupSpec, drives: readonly DriveIo[]): ParityGroup {
    const { store, clock, log } = this.parts;
    const parts = { ...this.parts, rate: this.bay.settings.rate };
    return joinDrives(parts, spec, drives, (position: number, { state, rebuilt }: MemberStatus) => {
      try {
        store.storage.setMember(spec.id, position, state, rebuilt);
      } catch (error) {
        log.error(
          `parity group ${spec.name}: config.db does not take the state of a drive: ${(error as Error).message}`,
        );
      }
      if (state !== 'rebuilding') clock.setImmediate(() => this.bay.drivesChanged());
    });
  }

  private openRegions(id: number, group: ParityGroup, tier: DriveKind): GroupRegions {
    const soiled = (regions: GroupRegions, places: readonly number[]) => this.scrub(regions, places);
    return new GroupRegions(group, id, this.parts.store.identity.serial, this.parts.shared, soiled, tier);
  }

  /** Punches regions that are free but hold data, then hands them out again. */
  private scrub(regions: GroupRegions, places: readonly number[]): void {
    const { adapter, background, log } = this.parts;
    const { name } = regions.group;
    log.warn(`parity group ${name}: ${places.length} free regions hold old data and are being punched`);
    const alone = new Pool(name);
    alone.add(regions);
    const work = new Promise<void>((resolve) => {
      reclaim(alone, places, adapter, background, (failure) => {
        if (failure !== null) log.error(`parity group ${name}: ${failure}`);
        resolve();
      });
    });
    background.track(work);
  }

  private check(name: string, level: RaidLevel, drives: readonly DriveRow[], stripeBytes: number | null): void {
    checkName('parity group', name);
    if (this.groups.has(name)) {
      throw new ConfigError('parity-group-exists', `there is a parity group "${name}" already: choose another name.`);
    }
    if (this.groups.size >= MAX_PARITY_GROUPS) {
      throw new ConfigError('bad-number', `there are ${MAX_PARITY_GROUPS} parity groups already, and no more can be.`);
    }
    const limits = LEVELS[level];
    if (limits === undefined) {
      throw new ConfigError('bad-name', `"${level}" is no RAID level: give one of ${Object.keys(LEVELS).join(', ')}.`);
    }
    checkInteger(`number of drives of a ${level} parity group`, drives.length, limits.minimum, limits.maximum);
    if (drives.length % limits.multiple !== 0) {
      throw new ConfigError('bad-number', `a ${level} parity group has a multiple of ${limits.multiple} drives.`);
    }
    if (stripeBytes !== null && !isStripeUnit(stripeBytes)) {
      throw new ConfigError('bad-number', `stripe unit ${stripeBytes} is not a multiple of ${STRIPE_GRAIN} bytes.`);
    }
    this.checkDrives(drives);
    const other = drives.find(({ kind }) => kind !== drives[0]!.kind);
    if (other !== undefined) {
      throw new ConfigError(
        'drive-kind',
        `drive ${other.name} is of kind ${other.kind}, ${drives[0]!.name} of kind ${drives[0]!.kind}: give a parity group drives of one kind.`,
      );
    }
  }

  private checkDrives(drives: readonly DriveRow[]): void {
    const present = [...[...this.groups.values()].flatMap(({ row }) => row.drives), ...this.bay.spares()];
    for (const [index, drive] of drives.entries()) {
      checkName('drive', drive.name);
      if (!isDriveKind(drive.kind)) {
        const known = DRIVE_KINDS.join(', ');
        throw new ConfigError('drive-kind', `drive ${drive.name}: "${drive.kind}" is no kind: give one of ${known}.`);
      }
      checkInteger(`bytes of drive ${drive.name}`, drive.bytes, REGION_BYTES, MAX_DRIVE_BYTES);
      if (drive.bytes % STRIPE_GRAIN !== 0) {
        throw new ConfigError('bad-number', `drive ${drive.name}: ${drive.bytes} is no multiple of ${STRIPE_GRAIN}.`);
      }
      for (const other of [...present, ...drives.slice(0, index)]) {
        const files = [drive.path, sumsPath(drive.path)];
        const apart = !files.includes(other.path) && sumsPath(other.path) !== drive.path;
        if (other.name !== drive.name && apart) continue;
        throw new ConfigError(
          'drive-exists',
          `drive "${drive.name}" (${drive.path}): there is drive "${other.name}" (${other.path}) already: ` +
            'choose another name and file.',
        );
      }
    }
  }
}

function withKind(spec: DriveSpec): DriveRow {
  return { ...spec, kind: spec.kind ?? DEFAULT_KIND };
}

function info(row: ParityGroupRow, group: ParityGroup): ParityGroupInfo {
  const { name, level, stripeBytes, pool } = row;
  const drives = row.drives.map(({ name, path, bytes, kind }) => ({ name, path, bytes, kind }));
  const checksums = group.drives.every(isChecksummed);
  return { name, level, drives, stripeBytes, checksums, pool, bytes: group.bytes };
}
