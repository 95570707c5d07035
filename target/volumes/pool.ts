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

  /** Regions that can be assigned: free, and on drives that work. */
  get free(): number {
    let sum = 0;
    for (const group of this.usable()) sum += group.free;
    return sum;
  }

  /** Gives a region of an LDEV a place, in the parity group with most room. False: the pool is full. */
  assign(uid: number, table: RegionTable, region: number): boolean {
    let roomiest: GroupRegions | null = null;
    for (const group of this.usable()) {
      if (roomiest === null || group.free > roomiest.free) roomiest = group;
    }
    const place = roomiest === null ? 0 : roomiest.take(uid, region);
    if (place === 0) return false;
    table.add(region, place);
    return true;
  }

  /** Makes places free; they have been punched. */
  release(places: Iterable<number>): void {
    for (const place of places) this.of(place).release(indexOfPlace(place));
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
    for (const place of [...places].sort((a, b) => a - b)) {
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

  private *usable(): Generator<GroupRegions> {
    for (const group of this.groups.values()) if (!group.group.failure) yield group;
  }

  private of(place: number): GroupRegions {
    return this.groups.get(groupOfPlace(place))!;
  }
}
