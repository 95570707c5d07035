/** One LDEV: its attributes, its regions, the layers over its cached volume. */
import type { BlockRange } from '../../wire/scsi/block-ranges.js';
import type { ProtectionType } from '../../wire/scsi/protection.js';
import { type CacheBacking, type CachedVolume, SECTOR_BYTES, SLOT_SECTORS, type SlotAddress } from '../cache/types.js';
import { inParallel } from '../disk/in-parallel.js';
import { RedundantGroup } from '../disk/raid/redundant-group.js';
import type { ParityGroup } from '../disk/types.js';
import type { BlockLayer, Done, IoFailure } from './block-layer.js';
import { CachedLayer, type CachedLayerOwner } from './cached-layer.js';
import type { DriveKind } from './drive-kinds.js';
import { type AllocatedLdev, AllocationMap } from './extents.js';
import type { GiveBack, Returner, Returning } from './give-back.js';
import type { InformationLosses } from './information-losses.js';
import type { ActiveFault } from './layers/active-fault.js';
import { ProtectedLayer } from './layers/protected.js';
import { protectedLayouts } from './layers/protected-layout.js';
import type { MarkedBlocks } from './marked-blocks.js';
import { type FormatRecord, type Ldev, type LdevAttribute, ldevName, type MediumScan } from './model.js';
import { ldevNaa, ldevSerial } from './naming.js';
import type { Images } from './point-in-time/images.js';
import type { LostCause, OnChange, PointInTime } from './point-in-time/types.js';
import type { Pool } from './pool.js';
import { REGION_BYTES, REGION_SLOTS, RegionTable } from './regions.js';
import type { LdevRow } from './store-storage.js';

/** What it needs of the cache. */
export interface LdevCache {
  attach(uid: number, backing: CacheBacking): CachedVolume;
  wipe(done: Done): void;
}

export class LdevVolume implements Ldev, CacheBacking, CachedLayerOwner, AllocatedLdev, Returner {
  /** Never used again, unlike `id`. */
  readonly uid: number;
  readonly id: number;
  readonly blockSize: 512 | 4096;
  readonly physicalBlockSize: 512 | 4096;
  readonly thin: boolean;
  readonly removable: boolean;
  readonly tape: boolean;
  readonly tier: DriveKind | null;
  readonly naa: Buffer;
  readonly serial: string;
  readonly regions = new RegionTable();
  readonly allocation: AllocationMap;
  label: string;
  attribute: LdevAttribute;
  blocks: number;
  readOnly: boolean;
  protection: ProtectionType;
  unformatted: boolean;
  formatting!: FormatRecord;
  top!: BlockLayer;
  commandFaults: readonly ActiveFault[] | null = null;
  /** The layer that others are put upon. */
  bottom!: BlockLayer;
  /** Made with the layers. */
  marks!: MarkedBlocks;
  images!: Images;
  informationLosses!: InformationLosses;
  /** Of a deleted one nothing is to be had through it. */
  private lowest!: CachedLayer;
  private cached!: CachedVolume;
  private cache!: LdevCache;
  private deleted = false;
  /** Regions of a fully provisioned LDEV that the pool keeps for it and that it does not have yet. */
  promised = 0;
  /** Every region below has a place, if it is fully provisioned. */
  private filled = 0;
  /** By region: on their way back to the pool. */
  private readonly returning = new Map<number, Returning>();

  /** `open` is called before anything else is done with it. */
  constructor(
    row: LdevRow,
    readonly volumePool: Pool,
    arraySerial: string,
    private readonly giveBack: Pick<GiveBack, 'add'>,
  ) {
    this.uid = row.uid;
    this.id = row.id;
    this.blockSize = row.blockSize;
    this.physicalBlockSize = row.physicalBlockSize;
    this.thin = row.thin;
    this.removable = row.removable;
    this.tape = row.tape;
    this.tier = row.tier;
    this.naa = ldevNaa(arraySerial, row.uid, row.id);
    this.serial = ldevSerial(arraySerial, row.uid, row.id);
    this.label = row.label;
    this.attribute = row.attribute;
    this.blocks = row.blocks;
    this.readOnly = row.readOnly;
    this.protection = row.protection;
    this.unformatted = row.unformatted;
    this.allocation = new AllocationMap(this);
  }

  get name(): string {
    return ldevName(this.id);
  }

  get pool(): string {
    return this.volumePool.name;
  }

  get bytes(): number {
    return this.blocks * this.blockSize;
  }

  /** What it takes of its regions' address space: more than `bytes` with protection information. */
  get storedBytes(): number {
    return storedBytes(this.blocks, this.blockSize, this.protection);
  }

  get failurePredicted(): boolean {
    return this.volumePool.failurePredicted(this.regions.groups);
  }

  get driveKind(): DriveKind | null {
    const { tiers } = this.volumePool;
    return this.tier ?? (tiers.length === 1 ? tiers[0]! : null);
  }

  get space(): { readonly assignedBytes: number; readonly availableBytes: number } {
    const availableBytes = this.volumePool.freeOf(this.tier) * REGION_BYTES;
    return { assignedBytes: this.assignedBytes, availableBytes };
  }

  get mediumScan(): MediumScan | null {
    const scans = this.groups().flatMap((group) => (group instanceof RedundantGroup ? [group.scrub] : []));
    if (scans.length === 0) return null;
    const running = scans.filter((scan) => scan.running);
    return {
      running: running.length > 0,
      progress: running.length === 0 ? 0 : Math.min(...running.map((scan) => scan.progress)),
      passes: Math.min(...scans.map((scan) => scan.passes)),
    };
  }

  /** Bytes in regions assigned to it, or kept for it. */
  get assignedBytes(): number {
    return (this.regions.assigned + this.promised) * REGION_BYTES;
  }

  open(cache: LdevCache): void {
    this.cache = cache;
    this.cached = cache.attach(this.uid, this);
    this.layOut();
  }

  /** Makes its lowest layers anew: at open, and after its protection information has changed. */
  layOut(): void {
    const { protection } = this;
    this.lowest = new CachedLayer(this.cached, protection === 0 ? this : this.inSectors());
    this.bottom =
      protection === 0 ? this.lowest : new ProtectedLayer(this.lowest, protectedLayouts[this.blockSize], this);
    this.top = this.bottom;
  }

  informationLost(lba: number, blocks: number): void {
    this.informationLosses.note(lba, blocks);
  }

  /** What of it stands in sectors, one after the other, under blocks with protection information. */
  private inSectors(): CachedLayerOwner {
    const { thin, volumePool, regions } = this;
    const sectors = () => this.storedBytes / SECTOR_BYTES;
    return {
      get blocks() {
        return sectors();
      },
      blockSize: SECTOR_BYTES,
      allocation: new AllocationMap({ blockSize: SECTOR_BYTES, thin, volumePool, regions }),
      regions,
      syncRegions: (done) => this.syncRegions(done),
      unmapped: (first, end) => this.unmapped(first, end),
    };
  }

  /** Past the end nothing is read ahead, though the last region may be longer: unmapping it leaves nothing under way. */
  locate(slot: number): SlotAddress | null {
    const place = this.regions.get(Math.floor(slot / REGION_SLOTS));
    if (place === 0 || slot * SLOT_SECTORS * SECTOR_BYTES >= this.storedBytes) return null;
    return this.volumePool.slotAddress(place, slot % REGION_SLOTS);
  }

  assign(slot: number): IoFailure | null {
    if (this.deleted) return { kind: 'not-ready', cause: `LDEV ${this.name} has been deleted` };
    const region = Math.floor(slot / REGION_SLOTS);
    if (this.regions.get(region) !== 0) return null;
    const leaving = this.returning.get(region);
    if (leaving !== undefined) this.takeBack(leaving);
    else if (!this.assignRegion(region)) {
      const tier = this.tier === null ? '' : ` of tier ${this.tier}`;
      return { kind: 'no-space', cause: `pool ${this.pool} has no free region${tier}` };
    }
    return null;
  }

  groups(): ParityGroup[] {
    return [...this.regions.groups].map((id) => this.volumePool.parityGroup(id));
  }

  /** Fully provisioned: has room kept for every region that it lacks; `fill` then assigns them. */
  promiseAll(): void {
    // None, if a format has made it smaller.
    const more = Math.max(0, this.missingRegions);
    this.promised += more;
    this.volumePool.promise(more, this.tier);
  }

  /** Regions that it would need to have all, beside those kept for it. */
  get missingRegions(): number {
    return regionsOf(this.storedBytes) - this.regions.assigned - this.promised;
  }

  /** Assigns some of the regions kept for it, `count` at most. False: there is no more to do, or to be had. */
  fill(count: number): boolean {
    for (let left = count; left > 0 && this.promised > 0; this.filled++) {
      if (this.regions.get(this.filled) !== 0) continue;
      if (!this.assignRegion(this.filled)) return false;
      left--;
    }
    return this.promised > 0;
  }

  unmapped(first: number, end: number): void {
    if (!this.thin || this.deleted) return;
    for (let region = first; region < end; region++) {
      const place = this.regions.remove(region);
      if (place === 0) continue;
      const entry = { ldev: this, region, place, kept: false };
      this.returning.set(region, entry);
      this.giveBack.add(entry);
    }
  }

  takeBack(entry: Returning): void {
    // Of a deleted one nothing is to be had: at the next open it is free, or nobody's and given back then.
    if (this.deleted) return;
    entry.kept = true;
    this.returning.delete(entry.region);
    this.volumePool.keep(entry.place, this.uid, entry.region);
    this.regions.add(entry.region, entry.place);
  }

  returned(entry: Returning): void {
    this.returning.delete(entry.region);
  }

  syncRegions(done: Done): void {
    this.volumePool.sync((error) => {
      if (error === null) done(null);
      else done({ kind: 'hardware-error', cause: `shared memory: ${error.message}` });
    });
  }

  freeze(ranges: readonly BlockRange[], onChange: OnChange, lost: (cause: LostCause) => void): PointInTime | null {
    return this.images.freeze(ranges, onChange, lost);
  }

  endImages(cause: LostCause, done: () => void): void {
    this.images.discard(cause, done);
  }

  wipeRemains(done: Done): void {
    // Of regions given back too: any group of the pool may have had some.
    const groups = this.volumePool.parityGroups.map(({ id }) => this.volumePool.parityGroup(id));
    const redundant = groups.filter((group) => group instanceof RedundantGroup);
    inParallel(
      redundant,
      (group, wiped) => group.wipeRemains(wiped),
      (error) => {
        if (error === null) this.cache.wipe(done);
        else done({ kind: 'hardware-error', cause: error.message });
      },
    );
  }

  /** Ends all I/O and drops what is cached. */
  discard(done: Done): void {
    this.deleted = true;
    this.volumePool.promise(-this.promised, this.tier);
    this.promised = 0;
    this.lowest.close(`LDEV ${this.name} has been deleted`);
    this.cached.discard(done);
  }

  private assignRegion(region: number): boolean {
    const promised = this.promised > 0;
    if (!this.volumePool.assign(this.uid, this.regions, region, this.tier, promised)) return false;
    if (promised) this.promised--;
    return true;
  }
}

/** Bytes that so many blocks take, with their protection information if there is any. */
export function storedBytes(blocks: number, blockSize: 512 | 4096, protection: ProtectionType): number {
  if (protection === 0) return blocks * blockSize;
  return protectedLayouts[blockSize].storedSectors(blocks) * SECTOR_BYTES;
}

/** Regions that hold so many bytes. */
export function regionsOf(bytes: number): number {
  return Math.ceil(bytes / REGION_BYTES);
}
