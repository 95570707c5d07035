/** One LDEV: its attributes, its regions, the layers over its cached volume. */
import type { CacheBacking, CachedVolume, SlotAddress } from '../cache/types.js';
import type { ParityGroup } from '../disk/types.js';
import type { BlockLayer, Done, IoFailure } from './block-layer.js';
import { CachedLayer, type CachedLayerOwner } from './cached-layer.js';
import { type AllocatedLdev, AllocationMap } from './extents.js';
import { type Ldev, type LdevAttribute, ldevName } from './model.js';
import { ldevNaa, ldevSerial } from './naming.js';
import type { Pool } from './pool.js';
import { REGION_BYTES, REGION_SLOTS, RegionTable } from './regions.js';
import type { LdevRow } from './store-storage.js';

export class LdevVolume implements Ldev, CacheBacking, CachedLayerOwner, AllocatedLdev {
  /** Never used again, unlike `id`. */
  readonly uid: number;
  readonly id: number;
  readonly blockSize: 512 | 4096;
  readonly physicalBlockSize: 512 | 4096;
  readonly thin: boolean;
  readonly naa: Buffer;
  readonly serial: string;
  readonly regions = new RegionTable();
  readonly allocation: AllocationMap;
  label: string;
  attribute: LdevAttribute;
  blocks: number;
  readOnly: boolean;
  top!: BlockLayer;
  /** The layer that others are put upon. */
  bottom!: CachedLayer;
  private cached!: CachedVolume;
  private deleted = false;

  /** `open` is called before anything else is done with it. */
  constructor(
    row: LdevRow,
    readonly volumePool: Pool,
    arraySerial: string,
  ) {
    this.uid = row.uid;
    this.id = row.id;
    this.blockSize = row.blockSize;
    this.physicalBlockSize = row.physicalBlockSize;
    this.thin = row.thin;
    this.naa = ldevNaa(arraySerial, row.uid, row.id);
    this.serial = ldevSerial(arraySerial, row.uid, row.id);
    this.label = row.label;
    this.attribute = row.attribute;
    this.blocks = row.blocks;
    this.readOnly = row.readOnly;
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

  /** Bytes in regions assigned to it. */
  get assignedBytes(): number {
    return this.regions.assigned * REGION_BYTES;
  }

  open(attach: (uid: number, backing: CacheBacking) => CachedVolume): void {
    this.cached = attach(this.uid, this);
    this.bottom = new CachedLayer(this.cached, this);
    this.top = this.bottom;
  }

  locate(slot: number): SlotAddress | null {
    const place = this.regions.get(Math.floor(slot / REGION_SLOTS));
    return place === 0 ? null : this.volumePool.slotAddress(place, slot % REGION_SLOTS);
  }

  assign(slot: number): IoFailure | null {
    if (this.deleted) return { kind: 'not-ready', cause: `LDEV ${this.name} has been deleted` };
    const region = Math.floor(slot / REGION_SLOTS);
    if (this.regions.get(region) !== 0) return null;
    if (this.volumePool.assign(this.uid, this.regions, region)) return null;
    return { kind: 'no-space', cause: `pool ${this.pool} has no free region` };
  }

  groups(): ParityGroup[] {
    return [...this.regions.groups].map((id) => this.volumePool.parityGroup(id));
  }

  /** Assigns every region that has none; the pool has enough. */
  assignAll(): void {
    const count = regionsOf(this.bytes);
    for (let region = 0; region < count && this.regions.assigned < count; region++) {
      if (this.regions.get(region) === 0 && !this.volumePool.assign(this.uid, this.regions, region)) return;
    }
  }

  syncRegions(done: Done): void {
    this.volumePool.sync((error) => {
      if (error === null) done(null);
      else done({ kind: 'hardware-error', cause: `shared memory: ${error.message}` });
    });
  }

  /** Ends all I/O and drops what is cached. */
  discard(done: Done): void {
    this.deleted = true;
    this.bottom.close(`LDEV ${this.name} has been deleted`);
    this.cached.discard(done);
  }
}

/** Regions that hold so many bytes. */
export function regionsOf(bytes: number): number {
  return Math.ceil(bytes / REGION_BYTES);
}
