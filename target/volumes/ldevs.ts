/** The LDEVs of a running array: made, grown, changed, deleted; brought back at open. */
import type { ProtectionType } from '../../wire/scsi/protection.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import type { CacheBacking, CachedVolume } from '../cache/types.js';
import type { Clock } from '../disk/types.js';
import type { Background } from './background.js';
import type { Done } from './block-layer.js';
import { DRIVE_KINDS, type DriveKind, isDriveKind } from './drive-kinds.js';
import { ConfigError } from './errors.js';
import { GiveBack } from './give-back.js';
import { HiddenStores } from './hidden-stores.js';
import { InformationLosses } from './information-losses.js';
import { FaultLayer } from './layers/fault.js';
import { FaultRules } from './layers/fault-rules.js';
import { MarkedLayer } from './layers/marked.js';
import { PreservingLayer } from './layers/preserving.js';
import { LdevFormat } from './ldev-format.js';
import { LdevVolume, regionsOf, storedBytes } from './ldev-volume.js';
import { MarkedBlocks } from './marked-blocks.js';
import { type LdevAttribute, ldevName } from './model.js';
import { checkLdevId } from './naming.js';
import { Images } from './point-in-time/images.js';
import type { Pool } from './pool.js';
import { type ReclaimAdapter, reclaim } from './reclaim.js';
import { MAX_LDEV_BYTES, REGION_BYTES } from './regions.js';
import type { Storage } from './storage.js';
import type { ConfigStore } from './store.js';
import type { LdevRow } from './store-storage.js';
import { checkTape, checkTapeChange } from './tape-ldevs.js';

/** A new LDEV. Give `blocks` or `bytes`. */
export interface LdevSpec {
  /** CU × 256 + LDEV; the lowest free number when left out. */
  readonly id?: number;
  readonly label?: string;
  readonly attribute?: LdevAttribute;
  /** May be left out when there is only one. */
  readonly pool?: string;
  /** 512 when left out. */
  readonly blockSize?: 512 | 4096;
  /** `blockSize` when left out, and never below it. */
  readonly physicalBlockSize?: 512 | 4096;
  readonly blocks?: number;
  readonly bytes?: number;
  /** True when left out: regions are assigned at the first write. */
  readonly thin?: boolean;
  readonly readOnly?: boolean;
  /** Hosts can eject and load its medium. */
  readonly removable?: boolean;
  /** A virtual tape. */
  readonly tape?: boolean;
  /** Type of protection information that it is formatted with; 0 when left out. */
  readonly protection?: ProtectionType;
  /** Kind of the drives that it takes regions from; any when left out. */
  readonly tier?: DriveKind | null;
}

export interface LdevChange {
  readonly label?: string;
  readonly attribute?: LdevAttribute;
  readonly readOnly?: boolean;
}

/** What is needed of the cache. */
export interface VolumeCache {
  attach(volumeId: number, backing: CacheBacking): CachedVolume;
  dropUnattached(): number;
  wipe(done: Done): void;
}

export interface LdevsParts {
  readonly store: ConfigStore;
  readonly storage: Storage;
  readonly cache: VolumeCache;
  readonly adapter: ReclaimAdapter;
  readonly clock: Clock;
  readonly background: Background;
  /** Of fault rules. */
  readonly random: Random;
  readonly log: Log;
}

/** Regions assigned in one turn of the event loop; few, as the twin reads them to see that they are empty. */
const FILL_PIECE = 4;

const ATTRIBUTES: readonly LdevAttribute[] = ['ordinary', 'secondary', 'journal', 'command-device'];
const LABEL = /^[^\p{Cc}]{0,32}$/u;
const MAX_LDEVS = 65536;

export class Ldevs {
  readonly faults: FaultRules;
  private readonly byId = new Map<number, LdevVolume>();
  /** Numbers whose deletion is not complete. */
  private readonly deleting = new Set<number>();
  private readonly filling = new Set<LdevVolume>();
  private readonly waysBack = new Map<Pool, GiveBack>();
  private readonly hidden: HiddenStores;
  /** Deletions that an earlier process did not complete, by pool. */
  private readonly completing: Promise<void>[] = [];

  constructor(private readonly parts: LdevsParts) {
    this.hidden = new HiddenStores({
      store: parts.store,
      open: (row, like) => {
        const ldev = this.build(row, like.volumePool);
        ldev.open(parts.cache);
        return ldev;
      },
      remove: (ldev) => this.finishDeletion(ldev, this.discarded(ldev)),
    });
    this.faults = new FaultRules(
      (id) => this.byId.has(id),
      (id) => this.composeAll(id),
      parts.random,
      parts.clock,
    );
    this.recover();
  }

  /** By number, ascending. */
  all(): readonly LdevVolume[] {
    return [...this.byId.values()].sort((a, b) => a.id - b.id);
  }

  find(id: number): LdevVolume | undefined {
    return this.byId.get(id);
  }

  /** Throws ConfigError `ldev-unknown`. */
  get(id: number): LdevVolume {
    const ldev = this.byId.get(id);
    if (ldev !== undefined) return ldev;
    throw new ConfigError('ldev-unknown', `there is no LDEV ${ldevName(id)}: list the LDEVs to see which there are.`);
  }

  /** Throws ConfigError. A fully provisioned LDEV has room for all its regions when this returns; they are assigned soon. */
  create(spec: LdevSpec): LdevVolume {
    const { store, storage } = this.parts;
    const id = spec.id ?? this.freeId();
    checkLdevId(id);
    this.checkFree(id);
    const pool = storage.pool(spec.pool ?? this.onlyPool());
    const fields = { label: spec.label ?? '', attribute: spec.attribute ?? 'ordinary' } as const;
    checkChange(fields);
    const blockSize = spec.blockSize ?? 512;
    const physicalBlockSize = spec.physicalBlockSize ?? blockSize;
    const blocks = blocksOf(spec, blockSize, physicalBlockSize);
    if (spec.tape) checkTape(spec, blocks * blockSize);
    const thin = spec.thin ?? true;
    const tier = spec.tier ?? null;
    checkTier(pool, tier);
    const { protection = 0 } = spec;
    if (!thin) checkRoom(pool, tier, regionsOf(storedBytes(blocks, blockSize, protection)));
    const sizes = { blockSize, physicalBlockSize, blocks };
    const { readOnly = false, removable = false, tape = false } = spec;
    const flags = { thin, readOnly, removable, tape };
    const row = { id, ...fields, pool: pool.name, ...sizes, ...flags, protection, tier };
    const uid = store.transaction(() => store.storage.insertLdev(row));
    const ldev = this.open({ ...row, uid, unformatted: false, deleting: false }, pool);
    if (!thin) this.provision(ldev);
    return ldev;
  }

  /** Throws ConfigError. Grows an LDEV to `size.blocks` or `size.bytes`. */
  expand(id: number, size: { readonly blocks?: number; readonly bytes?: number }): LdevVolume {
    const ldev = this.get(id);
    const blocks = blocksOf(size, ldev.blockSize, ldev.physicalBlockSize);
    if (blocks <= ldev.blocks) {
      throw new ConfigError(
        'would-shrink',
        `LDEV ${ldev.name} has ${ldev.blocks} blocks; ${blocks} are not more: give a larger capacity.`,
      );
    }
    if (!ldev.thin) {
      const more = regionsOf(storedBytes(blocks, ldev.blockSize, ldev.protection)) - regionsOf(ldev.storedBytes);
      checkRoom(ldev.volumePool, ldev.tier, more + ldev.missingRegions);
    }
    const { store } = this.parts;
    store.transaction(() => store.storage.setBlocks(ldev.uid, blocks));
    ldev.endImages('expanded', () => {});
    ldev.blocks = blocks;
    if (!ldev.thin) this.provision(ldev);
    return ldev;
  }

  /** Throws ConfigError. */
  change(id: number, change: LdevChange): LdevVolume {
    const ldev = this.get(id);
    checkChange(change);
    checkTapeChange(ldev, change);
    const { store } = this.parts;
    store.transaction(() => {
      if (change.label !== undefined) store.storage.setLabel(ldev.uid, change.label);
      if (change.attribute !== undefined) store.storage.setAttribute(ldev.uid, change.attribute);
      if (change.readOnly !== undefined) store.storage.setReadOnly(ldev.uid, change.readOnly);
    });
    if (change.label !== undefined) ldev.label = change.label;
    if (change.attribute !== undefined) ldev.attribute = change.attribute;
    if (change.readOnly !== undefined) ldev.readOnly = change.readOnly;
    return ldev;
  }

  /**
   * The LDEV is gone, durably, when this returns. Its number and regions are free when `complete` resolves;
   * if the process dies before, the next open completes it. `complete` rejects with ConfigError
   * `drive-unusable` if a drive failed; then too it is left to the next open.
   */
  remove(ldev: LdevVolume): { readonly complete: Promise<void> } {
    const { store } = this.parts;
    store.transaction(() => store.storage.setDeleting(ldev.uid));
    this.byId.delete(ldev.id);
    this.faults.clear(ldev.id);
    ldev.endImages('deleted', () => {});
    return { complete: this.finishDeletion(ldev, this.discarded(ldev)) };
  }

  /** Resolves when nothing is cached of it, and nothing under way. */
  private discarded(ldev: LdevVolume): Promise<void> {
    return new Promise((resolve, reject) => {
      ldev.discard((failure) => {
        if (failure === null) resolve();
        else reject(new ConfigError('drive-unusable', `LDEV ${ldev.name}: the cache could not drop it.`));
      });
    });
  }

  /** Resolves when what hosts have unmapped is back in the pools. */
  async givenBack(): Promise<void> {
    await Promise.all([...this.waysBack.values()].map((way) => way.settled()));
  }

  /** Attaches what the store lists, finds each LDEV's regions, and completes what was interrupted. */
  private recover(): void {
    const { store, storage, cache, log } = this.parts;
    const byUid = new Map<number, LdevVolume>();
    const leftovers = new Map<number, LdevRow>();
    for (const row of store.storage.ldevs()) {
      if (row.deleting) {
        leftovers.set(row.uid, row);
        this.hidden.claim(row.id);
      } else byUid.set(row.uid, this.build(row, storage.pool(row.pool)));
    }
    const strays = new Map<Pool, number[]>();
    for (const pool of storage.allPools()) strays.set(pool, this.findRegions(pool, byUid));
    for (const ldev of byUid.values()) {
      this.attach(ldev);
      if (!ldev.thin) this.provision(ldev);
    }
    const dropped = cache.dropUnattached();
    if (dropped > 0) log.info(`${dropped} cache slots of deleted LDEVs dropped`);
    this.completeDeletions(leftovers, strays);
  }

  /** Fills the LDEVs' region tables; returns places that no LDEV claims. */
  private findRegions(pool: Pool, byUid: ReadonlyMap<number, LdevVolume>): number[] {
    const strays: number[] = [];
    const { log } = this.parts;
    let ldev: LdevVolume | undefined;
    let limit = 0;
    for (const group of pool.parityGroups) {
      group.scan((uid, region, place) => {
        if (ldev?.uid !== uid) {
          ldev = byUid.get(uid);
          limit = ldev === undefined ? 0 : regionsOf(ldev.storedBytes);
        }
        if (ldev === undefined || ldev.volumePool !== pool || region >= limit) strays.push(place);
        else if (ldev.regions.get(region) === 0) ldev.regions.add(region, place);
        // Neither is thrown away: a person may want to look at what the other one holds.
        else log.error(`LDEV ${ldev.name}: two places claim region ${region}; ${place.toString(16)} is set aside`);
      });
    }
    return strays;
  }

  /** Gives stray places back; then the rows of the LDEVs that were being deleted can go. */
  private completeDeletions(leftovers: ReadonlyMap<number, LdevRow>, strays: ReadonlyMap<Pool, number[]>): void {
    for (const [pool, places] of strays) {
      const rows = [...leftovers.values()].filter((row) => row.pool === pool.name);
      if (rows.length === 0 && places.length === 0) continue;
      for (const row of rows) this.deleting.add(row.id);
      const work = this.reclaim(pool, places)
        .then(() => {
          for (const row of rows) this.forget(row);
        })
        .catch((error: Error) => this.parts.log.error(`pool ${pool.name}: ${error.message}`));
      this.completing.push(work);
      this.parts.background.track(work);
    }
  }

  private finishDeletion(ldev: LdevVolume, discarded: Promise<void>): Promise<void> {
    const { background, log } = this.parts;
    this.deleting.add(ldev.id);
    const work = discarded.then(() => this.reclaim(ldev.volumePool, ldev.regions)).then(() => this.forget(ldev));
    background.track(work.catch((error: Error) => log.error(`LDEV ${ldev.name}: ${error.message}`)));
    return work;
  }

  private reclaim(pool: Pool, places: Iterable<number>): Promise<void> {
    const { adapter, background } = this.parts;
    return new Promise((resolve, reject) => {
      reclaim(pool, places, adapter, background, (failure) => {
        if (failure === null) resolve();
        else {
          const way = 'the deletion is completed when the array starts with the drive in order';
          reject(new ConfigError('drive-unusable', `${failure}: ${way}.`));
        }
      });
    });
  }

  private forget(row: { readonly uid: number; readonly id: number }): void {
    const { store } = this.parts;
    store.transaction(() => store.storage.deleteLdev(row.uid));
    this.deleting.delete(row.id);
    this.hidden.release(row.id);
  }

  /** Keeps room for all regions that a fully provisioned LDEV lacks, and assigns them piece by piece. */
  private provision(ldev: LdevVolume): void {
    const { background, log } = this.parts;
    ldev.promiseAll();
    if (this.filling.has(ldev)) return;
    this.filling.add(ldev);
    const filled = new Promise<void>((resolve) => background.inPieces(() => ldev.fill(FILL_PIECE), resolve));
    background.track(
      filled.then(() => {
        this.filling.delete(ldev);
        if (ldev.promised > 0) log.warn(`LDEV ${ldev.name}: pool ${ldev.pool} lacks ${ldev.promised} of its regions`);
      }),
    );
  }

  private open(row: LdevRow, pool: Pool): LdevVolume {
    const ldev = this.build(row, pool);
    this.attach(ldev);
    return ldev;
  }

  private build(row: LdevRow, pool: Pool): LdevVolume {
    const { adapter, background, log, store } = this.parts;
    let way = this.waysBack.get(pool);
    if (way === undefined) {
      way = new GiveBack(pool, adapter, background, log);
      this.waysBack.set(pool, way);
    }
    return new LdevVolume(row, pool, store.identity.serial, way);
  }

  private attach(ldev: LdevVolume): void {
    ldev.open(this.parts.cache);
    ldev.marks = new MarkedBlocks(this.parts.store.marks, ldev.uid, () => this.compose(ldev));
    ldev.informationLosses = new InformationLosses(ldev, this.parts.log);
    ldev.formatting = new LdevFormat(
      ldev,
      this.parts.store,
      (protection) => this.checkFormat(ldev, protection),
      () => {
        if (!ldev.thin) this.provision(ldev);
        this.compose(ldev);
      },
    );
    ldev.images = new Images({
      below: () => ldev.bottom,
      blockSize: ldev.blockSize,
      blocks: () => ldev.blocks,
      marks: (lba, blocks) => ldev.marks.list(lba, blocks),
      openStore: () => this.hidden.make(ldev),
      leftBehind: (done) => void Promise.all(this.completing).then(done),
      clock: this.parts.clock,
      changed: () => this.compose(ldev),
    });
    this.byId.set(ldev.id, ldev);
    this.compose(ldev);
  }

  /** Throws ConfigError `pool-full`. */
  private checkFormat(ldev: LdevVolume, protection: ProtectionType): void {
    const { blocks, blockSize, thin } = ldev;
    const more = regionsOf(storedBytes(blocks, blockSize, protection)) - regionsOf(ldev.storedBytes);
    if (!thin) checkRoom(ldev.volumePool, ldev.tier, more + ldev.missingRegions);
  }

  private composeAll(id: number | null): void {
    if (id === null) for (const ldev of this.byId.values()) this.compose(ldev);
    else {
      const ldev = this.byId.get(id);
      if (ldev !== undefined) this.compose(ldev);
    }
  }

  /** Puts an LDEV's layers upon each other, bottom to top. */
  private compose(ldev: LdevVolume): void {
    const rules = this.faults.covering(ldev.id);
    const bottom = ldev.images.alive === 0 ? ldev.bottom : new PreservingLayer(ldev.bottom, ldev.images);
    const lower = ldev.marks.size === 0 ? bottom : new MarkedLayer(bottom, ldev.marks);
    ldev.top = rules.length === 0 ? lower : new FaultLayer(lower, rules, ldev.marks, this.parts.clock);
    const ofCommands = this.faults.ofCommands(ldev.id);
    ldev.commandFaults = ofCommands.length === 0 ? null : ofCommands;
  }

  private onlyPool(): string {
    const pools = this.parts.storage.allPools();
    if (pools.length === 1) return pools[0]!.name;
    const names = pools.map((pool) => pool.name).join(', ');
    throw new ConfigError(
      'pool-unknown',
      pools.length === 0 ? 'there is no pool: create one first.' : `name the pool: there are ${names}.`,
    );
  }

  private freeId(): number {
    for (let id = 0; id < MAX_LDEVS; id++) if (!this.byId.has(id) && !this.deleting.has(id)) return id;
    throw new ConfigError('ldev-numbers-used-up', 'all 65536 LDEV numbers are taken: delete an LDEV first.');
  }

  private checkFree(id: number): void {
    if (this.byId.has(id)) {
      throw new ConfigError('ldev-exists', `there is an LDEV ${ldevName(id)} already: choose another number.`);
    }
    if (this.deleting.has(id)) {
      throw new ConfigError(
        'ldev-deleting',
        `LDEV ${ldevName(id)} is still being deleted: wait a moment, or choose another number.`,
      );
    }
  }
}

function checkChange(change: LdevChange): void {
  if (change.label !== undefined && !LABEL.test(change.label)) {
    throw new ConfigError('bad-name', `"${change.label}" is no label: use 32 printable characters at most.`);
  }
  if (change.attribute !== undefined && !ATTRIBUTES.includes(change.attribute)) {
    throw new ConfigError(
      'bad-name',
      `"${change.attribute}" is no attribute of an LDEV: give one of ${ATTRIBUTES.join(', ')}.`,
    );
  }
}

/** Capacity in blocks of `blockSize`; whole physical blocks, of `unit` bytes. Throws ConfigError `bad-capacity`. */
function blocksOf(
  size: { readonly blocks?: number; readonly bytes?: number },
  blockSize: number,
  unit: number,
): number {
  for (const bytes of [blockSize, unit]) {
    if (bytes !== 512 && bytes !== 4096)
      throw new ConfigError('bad-capacity', `block size ${bytes}: give 512 or 4096.`);
  }
  if (unit < blockSize) {
    throw new ConfigError(
      'bad-capacity',
      `physical block size ${unit}: give no less than the block size ${blockSize}.`,
    );
  }
  const bytes = size.bytes ?? (size.blocks ?? 0) * blockSize;
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % unit !== 0 || bytes > MAX_LDEV_BYTES) {
    throw new ConfigError(
      'bad-capacity',
      `capacity of ${bytes} bytes: give a multiple of the block size ${unit}, up to ${MAX_LDEV_BYTES} bytes (256 TiB).`,
    );
  }
  return bytes / blockSize;
}

function checkTier(pool: Pool, tier: DriveKind | null): void {
  if (tier === null || pool.tiers.includes(tier)) return;
  throw new ConfigError(
    'tier-unknown',
    isDriveKind(tier)
      ? `pool "${pool.name}" has no parity group of ${tier} drives: it has ${pool.tiers.join(', ')}.`
      : `"${tier}" is no tier: give one of ${DRIVE_KINDS.join(', ')}.`,
  );
}

function checkRoom(pool: Pool, tier: DriveKind | null, regions: number): void {
  const room = pool.freeOf(tier);
  if (regions <= room) return;
  const [wanted, free] = [regions, room].map((count) => (count * REGION_BYTES) / 2 ** 30);
  const where = tier === null ? `pool "${pool.name}"` : `tier ${tier} of pool "${pool.name}"`;
  throw new ConfigError(
    'pool-full',
    `${where} has ${free} GiB free and ${wanted} GiB are needed: add a parity group, ask for less, or make it thin.`,
  );
}
