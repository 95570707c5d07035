/**
 * Regions: a parity group's address space is cut into pieces of 32 MiB, which pools hand out to LDEVs.
 *
 * A *place* names one piece in 32 bits: parity group id (1 to 255) × 2²⁴ + index of the region in the group;
 * 0 is no place. An LDEV's `RegionTable` maps its region numbers to places; it is rebuilt at open from the
 * records in shared memory (region-records.ts).
 *
 * A free region reads as zeros on its drives: it is punched before its record is cleared, and looked at before
 * it is taken, so that no LDEV ever sees what another one wrote.
 */
import { SECTOR_BYTES, SLOT_BYTES } from '../cache/types.js';
import { firstAllocated } from '../disk/first-allocated.js';
import type { ParityGroup, PersistentMemory } from '../disk/types.js';
import { DEFAULT_KIND, type DriveKind } from './drive-kinds.js';
import { RegionRecords, regionRecordBytes } from './region-records.js';

export const REGION_BYTES = 32 * 2 ** 20;
export const REGION_SECTORS = REGION_BYTES / SECTOR_BYTES;
export const REGION_SLOTS = REGION_BYTES / SLOT_BYTES;

export const MAX_PARITY_GROUPS = 255;
/** 512 TiB. */
export const MAX_GROUP_REGIONS = 2 ** 24;
/** 256 TiB. */
export const MAX_LDEV_BYTES = 2 ** 48;
/** Passed over in one go at most when they hold data. */
const REGIONS_PER_CHECK = 1024;
const REGIONS_PER_PROBE = 4;
const PLACES_PER_GROUP = 2 ** 24;

export const groupOfPlace = (place: number): number => Math.floor(place / PLACES_PER_GROUP);
export const indexOfPlace = (place: number): number => place % PLACES_PER_GROUP;

/** One LDEV's regions: number to place. */
export class RegionTable {
  private places = new Uint32Array(0);
  /** Regions that have a place. */
  assigned = 0;
  /** Parity group ids of the places there are or were. */
  readonly groups = new Set<number>();

  /** 0: none. */
  get(region: number): number {
    return region < this.places.length ? this.places[region]! : 0;
  }

  /** The region must have no place yet. */
  add(region: number, place: number): void {
    if (region >= this.places.length) {
      const grown = new Uint32Array(Math.max(region + 1, this.places.length * 2, 16));
      grown.set(this.places);
      this.places = grown;
    }
    this.places[region] = place;
    this.assigned++;
    this.groups.add(groupOfPlace(place));
  }

  /** Takes the place of a region from it; 0 if it has none. */
  remove(region: number): number {
    const place = this.get(region);
    if (place !== 0) {
      this.places[region] = 0;
      this.assigned--;
    }
    return place;
  }

  /** The first regions that have places in a row, of those from `from` up to but not `end`; null: none has. */
  nextAssigned(from: number, end: number): { readonly first: number; readonly end: number } | null {
    const stop = Math.min(end, this.places.length);
    let first = from;
    while (first < stop && this.places[first] === 0) first++;
    if (first >= stop) return null;
    let next = first + 1;
    while (next < stop && this.places[next] !== 0) next++;
    return { first, end: next };
  }

  /** All places, by region. */
  *[Symbol.iterator](): Generator<number> {
    for (let region = 0; region < this.places.length; region++) {
      const place = this.places[region]!;
      if (place !== 0) yield place;
    }
  }
}

/** One parity group's regions: which are free, and the records of the others. */
export class GroupRegions {
  readonly count: number;
  readonly records: RegionRecords;
  free: number;
  /** One of its drives is. */
  failurePredicted = false;
  /** Bit set: free. */
  private readonly bits: Uint32Array;
  /** No word before this one has a bit set. */
  private firstWord = 0;
  /** Free regions below this index are known to hold no data. */
  private checked = 0;

  /**
   * `shared` gives the group's memory; `soiled` is told of free places that hold data, and reclaims them.
   * Throws ConfigError `damaged`, or what `shared` throws if the disk has no room.
   */
  constructor(
    readonly group: ParityGroup,
    readonly id: number,
    arraySerial: string,
    shared: (name: string, bytes: number) => PersistentMemory,
    private readonly soiled: (regions: GroupRegions, places: readonly number[]) => void,
    /** Kind of its drives. */
    readonly tier: DriveKind = DEFAULT_KIND,
  ) {
    this.count = Math.min(Math.floor(group.bytes / REGION_BYTES), MAX_GROUP_REGIONS);
    const name = `regions-${id}`;
    this.records = new RegionRecords(shared(name, regionRecordBytes(this.count)), this.count, {
      name,
      group: id,
      regionBytes: REGION_BYTES,
      serial: Number(arraySerial),
    });
    this.free = this.count;
    this.bits = new Uint32Array(Math.ceil(this.count / 32)).fill(0xffffffff);
    if (this.count % 32 !== 0) this.bits[this.bits.length - 1] = 2 ** (this.count % 32) - 1;
    for (let index = 0; index < this.count; index++) if (this.records.owner(index) !== 0) this.hold(index);
  }

  /**
   * For a new parity group: finds out whether the file system of its drives tells holes from data. False if
   * not; then free regions are taken to be empty, now and at later opens.
   */
  probeHoles(): boolean {
    const told = this.group.extents(0, Math.min(this.count, REGIONS_PER_PROBE) * REGION_BYTES, 2);
    this.records.blind = told.every((extent) => extent.allocated);
    return !this.records.blind;
  }

  /** Every owned region. */
  scan(found: (uid: number, region: number, place: number) => void): void {
    for (let index = 0; index < this.count; index++) {
      const uid = this.records.owner(index);
      if (uid !== 0) found(uid, this.records.region(index), this.id * PLACES_PER_GROUP + index);
    }
  }

  /** Takes the free region with the lowest address, so that drives stay compact; 0: none is free. */
  take(uid: number, region: number): number {
    let index = this.lowestFree();
    while (index >= this.checked && !this.records.blind) {
      this.check(index);
      index = this.lowestFree();
    }
    if (index < 0) return 0;
    const place = this.hold(index);
    this.records.take(index, uid, region);
    return place;
  }

  /** Makes an owned region free; it has been punched. */
  release(index: number): void {
    this.records.clear(index);
    this.makeFree(index);
  }

  /** Undoes `records.clear`, if that was: the region stays owned. */
  keep(index: number, uid: number, region: number): void {
    if (this.records.owner(index) === 0) this.records.take(index, uid, region);
  }

  /** Lets a region be taken that was owned; it has been punched and its record cleared. */
  makeFree(index: number): void {
    this.bits[index >>> 5]! |= 1 << (index & 31);
    this.firstWord = Math.min(this.firstWord, index >>> 5);
    this.free++;
  }

  /** -1: none. */
  private lowestFree(): number {
    while (this.firstWord < this.bits.length && this.bits[this.firstWord] === 0) this.firstWord++;
    if (this.firstWord === this.bits.length) return -1;
    const word = this.bits[this.firstWord]!;
    return this.firstWord * 32 + 31 - Math.clz32(word & -word);
  }

  /**
   * Looks whether regions from `index` on that are free hold data: then they are not free before they have been
   * punched. There are such after a loss of power, when data reached a drive and the record of its region did
   * not reach the disk, and on a drive whose file was there before.
   */
  private check(index: number): void {
    const end = Math.min(index + REGIONS_PER_CHECK, this.count);
    const held: number[] = [];
    let at = index;
    // One by one, and no further than to the first that may be taken: the twin reads what it looks at.
    for (let found = false; at < end && !found; at++) {
      if (!this.isFree(at)) continue;
      found = firstAllocated(this.group, at * REGION_BYTES, REGION_BYTES) === null;
      if (!found) held.push(this.hold(at));
    }
    this.checked = at;
    if (held.length > 0) this.soiled(this, held);
  }

  private isFree(index: number): boolean {
    return (this.bits[index >>> 5]! & (1 << (index & 31))) !== 0;
  }

  /** Makes a free region not free, without an owner. */
  private hold(index: number): number {
    this.bits[index >>> 5]! &= ~(1 << (index & 31));
    this.free--;
    return this.id * PLACES_PER_GROUP + index;
  }
}
