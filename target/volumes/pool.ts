/** A pool: the regions of its parity groups, handed out to LDEVs. */
import { SLOT_BYTES, type SlotAddress } from '../cache/types.js';
import type { ParityGroup } from '../disk/types.js';
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
  /** Regions that fully provisioned LDEVs do not have yet and nobody else may take. */
  private promised = 0;

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

  /** Regions that can be assigned: free, on drives that work, and promised to nobody. */
  get free(): number {
    let sum = -this.promised;
    for (const group of this.groups.values()) if (!group.group.failure) sum += group.free;
    return Math.max(0, sum);
  }

  /** Keeps room for `regions` more; negative: for fewer. */
  promise(regions: number): void {
    this.promised += regions;
  }

  /**
   * Gives a region of an LDEV a place, in the parity group with most room. False: the pool is full.
   * @param promised one of those that room was kept for
   */
  assign(uid: number, table: RegionTable, region: number, promised = false): boolean {
    if (!promised && this.promised > 0 && this.free === 0) return false;
    let roomiest: GroupRegions | null = null;
    for (const group of this.groups.values()) {
      if (!group.group.failure && (roomiest === null || group.free > roomiest.free)) roomiest = group;
    }
    const place = roomiest === null ? 0 : roomiest.take(uid, region);
    if (place === 0) return false;
    if (promised) this.promised--;
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

  private of(place: number): GroupRegions {
    return this.groups.get(groupOfPlace(place))!;
  }
}
