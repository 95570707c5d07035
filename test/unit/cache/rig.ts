/** A cache on simulated drives, clock and memory, for tests. */
import { SimulatedClock } from '../../../target/base/clock.js';
import type { Log } from '../../../target/base/log.js';
import { seededRandom } from '../../../target/base/random.js';
import { Cache } from '../../../target/cache/cache.js';
import type { CacheAdapter } from '../../../target/cache/core.js';
import { inParts } from '../../../target/cache/parts.js';
import {
  type CacheBacking,
  type CachedVolume,
  type CacheHints,
  SECTOR_BYTES,
  SLOT_BYTES,
  type SlotAddress,
} from '../../../target/cache/types.js';
import { DiskAdapter } from '../../../target/disk/disk-adapter.js';
import { createParityGroup } from '../../../target/disk/parity-group.js';
import { SimulatedDrive, type SimulatedDriveOptions } from '../../../target/disk/simulated-drive.js';
import type { ParityGroup, PersistentMemory, Random } from '../../../target/disk/types.js';
import type { IoFailure } from '../../../target/volumes/block-layer.js';

export const HOST: CacheHints = { priority: 'host', fua: false, dpo: false };
export const FUA: CacheHints = { priority: 'host', fua: true, dpo: false };

export class Killed extends Error {}

/**
 * Memory of which only committed ranges survive, stores within a range in order: `image` is what the next process
 * finds when this one is killed inside a commit.
 */
export class KillableMemory implements PersistentMemory {
  readonly buffer: Buffer;
  /** What is committed. */
  readonly written: Buffer;
  commits = 0;
  syncs = 0;
  /** Kill in the commit of this number. */
  killAt = -1;

  constructor(
    content: Buffer,
    private readonly random: Random = seededRandom(1),
  ) {
    this.buffer = Buffer.from(content.buffer.slice(content.byteOffset, content.byteOffset + content.length));
    this.written = Buffer.from(this.buffer);
  }

  commit(offset: number, bytes: number): void {
    if (++this.commits === this.killAt) {
      const whole = bytes / 4;
      this.buffer.copy(this.written, offset, offset, offset + 4 * this.random.below(whole + 1));
      throw new Killed(`killed in commit ${this.commits}`);
    }
    this.buffer.copy(this.written, offset, offset, offset + bytes);
  }

  sync(done: (error: Error | null) => void): void {
    this.syncs++;
    done(null);
  }

  close(): void {}

  /** As the next process finds it. */
  next(): KillableMemory {
    return new KillableMemory(this.written, this.random);
  }
}

/** A volume at a fixed place of a group; a region is assigned on the first write to one of its slots. */
export class Region implements CacheBacking {
  assigned = new Set<number>();
  refuse: IoFailure | null = null;

  constructor(
    readonly group: ParityGroup,
    readonly offset: number,
    readonly slots: number,
    readonly regionSlots = 4,
  ) {}

  locate(slot: number): SlotAddress | null {
    if (slot >= this.slots || !this.assigned.has(Math.floor(slot / this.regionSlots))) return null;
    return { group: this.group, offset: this.offset + slot * SLOT_BYTES };
  }

  assign(slot: number): IoFailure | null {
    if (this.refuse !== null) return this.refuse;
    this.assigned.add(Math.floor(slot / this.regionSlots));
    return null;
  }

  /** The same region as seen by another process. */
  on(group: ParityGroup): Region {
    const region = new Region(group, this.offset, this.slots, this.regionSlots);
    region.assigned = new Set(this.assigned);
    return region;
  }

  groups(): readonly ParityGroup[] {
    return [this.group];
  }
}

export interface RigOptions {
  readonly slots?: number;
  /** Slots in a part of the memory. */
  readonly partSlots?: number;
  readonly drive?: SimulatedDriveOptions;
  readonly driveBytes?: number;
  readonly seed?: number;
  readonly volumeSlots?: number;
}

/** One cache with one volume (id 7) on one drive. */
export class Rig {
  readonly clock = new SimulatedClock();
  readonly random: Random;
  readonly logged: string[] = [];
  memory: KillableMemory;
  drive: SimulatedDrive;
  group: ParityGroup;
  adapter: DiskAdapter;
  region: Region;
  cache!: Cache;
  volume!: CachedVolume;
  bootId = 'boot';
  readonly #partSlots: number | undefined;

  constructor(options: RigOptions = {}) {
    this.random = seededRandom(options.seed ?? 1);
    this.#partSlots = options.partSlots;
    const volumeSlots = options.volumeSlots ?? 64;
    this.memory = new KillableMemory(Buffer.alloc(Cache.memoryBytes((options.slots ?? 16) * SLOT_BYTES)), this.random);
    const bytes = options.driveBytes ?? volumeSlots * SLOT_BYTES;
    this.drive = new SimulatedDrive('drive', bytes, this.clock, this.random, options.drive);
    this.group = createParityGroup('1-1', 'plain', [this.drive]);
    this.adapter = new DiskAdapter('DKA', this.clock);
    this.region = new Region(this.group, 0, volumeSlots);
    this.open();
  }

  get log(): Log {
    const add = (message: string) => void this.logged.push(message);
    return { info: add, warn: add, error: add };
  }

  open(adapter: CacheAdapter = this.adapter): void {
    const { clock, log, bootId } = this;
    const memory = inParts(this.memory, this.#partSlots);
    this.cache = Cache.open({ memory, adapter, clock, log, bootId });
    this.volume = this.cache.attach(7, this.region);
  }

  /** The process dies and the next one starts. */
  restart(): void {
    this.drive = this.drive.kill();
    this.memory = this.memory.next();
    this.reconnect();
  }

  /** The machine loses power. Of the memory, only what is in `image` is found. */
  powerLoss(image: KillableMemory, bootId: string): void {
    this.drive = this.drive.cut();
    this.memory = image;
    this.bootId = bootId;
    this.reconnect();
  }

  private reconnect(): void {
    this.group = createParityGroup('1-1', 'plain', [this.drive]);
    this.adapter = new DiskAdapter('DKA', this.clock);
    // The dead process keeps its own, which leads to a drive that is off.
    this.region = this.region.on(this.group);
    this.open();
  }

  /** Reads to the end, letting time pass. */
  read(sector: number, sectors: number, hints: CacheHints = HOST): Buffer {
    const got = this.tryRead(sector, sectors, hints);
    if (!Buffer.isBuffer(got)) throw new Error(`read failed: ${JSON.stringify(got)}`);
    return got;
  }

  tryRead(sector: number, sectors: number, hints: CacheHints = HOST): Buffer | IoFailure {
    let result: Buffer | IoFailure | undefined;
    this.volume.read(hints, sector, sectors, (failure, data, release) => {
      result = failure ?? Buffer.concat(data);
      release();
    });
    this.clock.settle(() => result !== undefined);
    if (result === undefined) throw new Error('read never ended');
    return result;
  }

  write(sector: number, data: Buffer, hints: CacheHints = HOST): void {
    const failure = this.tryWrite(sector, data, hints);
    if (failure !== null) throw new Error(`write failed: ${JSON.stringify(failure)}`);
  }

  tryWrite(sector: number, data: Buffer, hints: CacheHints = HOST): IoFailure | null {
    return this.wait((done) => this.volume.write(hints, sector, data.length / SECTOR_BYTES, [data], done));
  }

  unmap(sector: number, sectors: number): IoFailure | null {
    return this.wait((done) => this.volume.unmap(sector, sectors, done));
  }

  flush(sector = 0, sectors = Number.POSITIVE_INFINITY): IoFailure | null {
    return this.wait((done) => this.volume.flush(sector, sectors, done));
  }

  /** Runs one command to its end. */
  wait(start: (done: (failure: IoFailure | null) => void) => void): IoFailure | null {
    let result: IoFailure | null | undefined;
    start((failure) => {
      if (result !== undefined) throw new Error('done twice');
      result = failure;
    });
    this.clock.settle(() => result !== undefined);
    if (result === undefined) throw new Error('the command never ended');
    return result;
  }

  /** What the drive holds there. */
  onDrive(sector: number, sectors: number): Buffer {
    const data = Buffer.alloc(sectors * SECTOR_BYTES);
    let done = false;
    this.drive.read(this.region.offset + sector * SECTOR_BYTES, [data], () => {
      done = true;
    });
    this.clock.settle(() => done);
    return data;
  }
}

/** `sectors` sectors of one byte value. */
export function fill(value: number, sectors = 8): Buffer {
  return Buffer.alloc(sectors * SECTOR_BYTES, value);
}

/** A volume of clean slots, none cached. */
export function cold(slots: number, volumeSlots: number): Rig {
  const rig = new Rig({ slots, volumeSlots });
  for (let slot = 0; slot < volumeSlots; slot++) rig.write(slot * 32, fill(slot + 1, 32));
  rig.flush();
  rig.restart();
  return rig;
}
