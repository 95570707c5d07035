/** A pool: the regions of its parity groups, handed out to LDEVs. */
import { SLOT_BYTES, type SlotAddress } from '../cache/types.js';
import type { ParityGroup } from '../disk/types.js';
import { DRIVE_KINDS, type DriveKind } from './drive-kinds.js';
import { type GroupRegions, groupOfPlace, indexOfPlace, REGION_BYTES, type RegionTable } from './regions.js';

/** Adjacent places of one parity group, in bytes of its address space. */
export interface PlaceRun {
  readonly group: ParityGroup;
  readonly offset: number;
  readonly bytes: number;
}

export class Pool {
  /** By parity group id. */
  private readonly groups = new Map<number, GroupRegions>();
  /** Regions that fully provisioned LDEVs do not have yet and nobody else may take, by tier; null: of any. */
  private readonly promised = new Map<DriveKind | null, number>();

  constructor(readonly name: string) {}

  add(group: GroupRegions): void {
    this.groups.set(group.id, group);
  }

  get parityGroups(): readonly GroupRegions[] {
    return [...this.groups.values()];
  }

  get regions(): number {
    let sum = 0;
    for (const group of this.groups.values()) sum += group.count;
    return sum;
  }

  /** Kinds of its drives, the fastest first. */
  get tiers(): readonly DriveKind[] {
    const present = new Set(this.parityGroups.map(({ tier }) => tier));
    return DRIVE_KINDS.filter((kind) => present.has(kind));
  }

  /** Regions of a tier. */
  regionsOf(tier: DriveKind): number {
    let sum = 0;
    for (const group of this.groups.values()) if (group.tier === tier) sum += group.count;
    return sum;
  }

  /** Regions that can be assigned: free, on drives that work, and promised to nobody. */
  get free(): number {
    let kept = 0;
    for (const regions of this.promised.values()) kept += regions;
    return Math.max(0, this.unassigned(null) - kept);
  }

  /** The same of a tier; null: of any. */
  freeOf(tier: DriveKind | null): number {
    return tier === null ? this.free : Math.max(0, Math.min(this.unpromised(tier), this.free));
  }

  /** Keeps room for `regions` more; negative: for fewer. */
  promise(regions: number, tier: DriveKind | null = null): void {
    const kept = (this.promised.get(tier) ?? 0) + regions;
    if (kept === 0) this.promised.delete(tier);
    else this.promised.set(tier, kept);
  }

  /**
   * Gives a region of an LDEV a place, in the parity group with most room. False: the pool, or the tier, is full.
   * @param tier null: any
   * @param promised one of those that room was kept for
   */
  assign(uid: number, table: RegionTable, region: number, tier: DriveKind | null = null, promised = false): boolean {
    if (!promised && this.promised.size > 0 && this.freeOf(tier) === 0) return false;
    const roomiest = this.roomiest(tier);
    const place = roomiest === null ? 0 : roomiest.take(uid, region);
    if (place === 0) return false;
    if (promised) this.promise(-1, tier);
    table.add(region, place);
    return true;
  }

  /** Makes places free; they have been punched. */
  release(places: Iterable<number>): void {
    for (const place of places) this.of(place).release(indexOfPlace(place));
  }

  /** The first half of `release`: nobody owns the place at the next open. */
  clear(place: number): void {
    this.of(place).records.clear(indexOfPlace(place));
  }

  /** The second half of `release`. */
  makeFree(place: number): void {
    this.of(place).makeFree(indexOfPlace(place));
  }

  /** Undoes `clear`, if that was. */
  keep(place: number, uid: number, region: number): void {
    this.of(place).keep(indexOfPlace(place), uid, region);
  }

  /** Of drives of any of these parity groups, by id. */
  failurePredicted(groups: Iterable<number>): boolean {
    for (const id of groups) if (this.groups.get(id)!.failurePredicted) return true;
    return false;
  }

  parityGroup(id: number): ParityGroup {
    return this.groups.get(id)!.group;
  }

  slotAddress(place: number, slot: number): SlotAddress {
    return this.address(place, slot * SLOT_BYTES);
  }

  /** `offset` bytes into a place. */
  address(place: number, offset: number): SlotAddress {
    return { group: this.parityGroup(groupOfPlace(place)), offset: indexOfPlace(place) * REGION_BYTES + offset };
  }

  /** The places joined to runs, by parity group and ascending. */
  runs(places: Iterable<number>): PlaceRun[] {
    const runs: { group: ParityGroup; offset: number; bytes: number }[] = [];
    let next = -1;
    for (const place of Uint32Array.from(places).sort()) {
      const last = runs.at(-1);
      if (last !== undefined && place === next) last.bytes += REGION_BYTES;
      else runs.push({ ...this.address(place, 0), bytes: REGION_BYTES });
      next = place + 1;
    }
    return runs;
  }

  /** Calls back once all assignments and releases so far survive loss of power. */
  sync(done: (error: Error | null) => void): void {
    let open = this.groups.size;
    let failure: Error | null = null;
    if (open === 0) done(null);
    for (const group of this.groups.values()) {
      group.records.sync((error) => {
        failure ??= error;
        if (--open === 0) done(failure);
      });
    }
  }

  /** Of those that work; who may have any tier leaves what is promised of one. */
  private roomiest(tier: DriveKind | null): GroupRegions | null {
    let roomiest: GroupRegions | null = null;
    for (const group of this.groups.values()) {
      if (group.group.failure || (tier !== null && group.tier !== tier)) continue;
      if (tier === null && this.promised.size > 0 && this.unpromised(group.tier) <= 0) continue;
      if (roomiest === null || group.free > roomiest.free) roomiest = group;
    }
    return roomiest;
  }

  /** Regions of a tier that are not promised to those who may have no other. */
  private unpromised(tier: DriveKind): number {
    return this.unassigned(tier) - (this.promised.get(tier) ?? 0);
  }

  /** @param tier null: any */
  private unassigned(tier: DriveKind | null): number {
    let sum = 0;
    for (const group of this.groups.values()) {
      if (!group.group.failure && (tier === null || group.tier === tier)) sum += group.free;
    }
    return sum;
  }

  private of(place: number): GroupRegions {
    return this.groups.get(groupOfPlace(place))!;
  }
}
