/** A redundant group on simulated drives and memory, behind a disk adapter, with a model of what every sector may hold. */
import { SimulatedClock } from '../../../../target/base/clock.js';
import { silentLog } from '../../../../target/base/log.js';
import { seededRandom } from '../../../../target/base/random.js';
import { sumsBytes } from '../../../../target/disk/checksums/checksummed.js';
import { ChecksummedDrive } from '../../../../target/disk/checksums/checksummed-drive.js';
import { DiskAdapter } from '../../../../target/disk/disk-adapter.js';
import type { RedundantLevel } from '../../../../target/disk/raid/code.js';
import type { MemberStatus } from '../../../../target/disk/raid/members.js';
import type { CopyRate } from '../../../../target/disk/raid/pace.js';
import { RedundantGroup } from '../../../../target/disk/raid/redundant-group.js';
import { redundantMemoryBytes, underWayMemoryBytes } from '../../../../target/disk/raid/redundant-shape.js';
import { mapLayout } from '../../../../target/disk/raid/stripe-map.js';
import { SimulatedDrive, type SimulatedDriveOptions } from '../../../../target/disk/simulated-drive.js';
import type { DriveError, DriveIo, Random } from '../../../../target/disk/types.js';
import { SimulatedMemory } from '../../volumes/simulated-memory.js';

export const SECTOR = 512;
export const UNIT = 16384;
const MEMORY = new Map<string, number>();

export interface WorldOptions {
  readonly level: RedundantLevel;
  readonly drives: number;
  readonly stripes: number;
  readonly drive?: SimulatedDriveOptions;
  /** Of rebuilds. */
  readonly rate?: CopyRate;
  readonly scrubDays?: number;
  /** Drives have sums of their blocks. */
  readonly sums?: boolean;
}

/** Per sector. Values are numbers; 0 is a hole. */
interface Sector {
  /** What a read may find now, and after a kill. */
  possible: Set<number>;
  /** What may be found after a loss of power. */
  durable: Set<number>;
  /** Of the change submitted last. */
  token: number;
}

export class RaidWorld {
  readonly clock = new SimulatedClock();
  readonly random: Random;
  readonly sectors: Sector[];
  drives: SimulatedDrive[];
  /** What keeps the sums of each; empty without. */
  sums: SimulatedDrive[];
  memory: SimulatedMemory;
  /** Null: the level keeps none. */
  underWay: SimulatedMemory | null;
  group: RedundantGroup;
  adapter!: DiskAdapter;
  statuses: MemberStatus[];
  wrong: string | null = null;
  open = 0;
  errors = 0;
  #life = 0;
  #boot = 0;
  #value = 0;
  #made = 0;

  constructor(
    seed: number,
    readonly options: WorldOptions,
  ) {
    this.random = seededRandom(seed);
    this.drives = Array.from({ length: options.drives }, () => this.newDrive());
    this.sums = options.sums ? this.drives.map((drive) => this.#sumsOf(drive)) : [];
    this.statuses = this.drives.map(() => ({ state: 'good', rebuilt: 0 }));
    const key = JSON.stringify([options.level, options.drives, options.stripes]);
    let bytes = MEMORY.get(key);
    if (bytes === undefined) {
      bytes = redundantMemoryBytes({ name: '1-1', level: options.level, drives: this.drives, stripeBytes: UNIT });
      MEMORY.set(key, bytes);
    }
    this.memory = new SimulatedMemory(Buffer.alloc(bytes), this.clock);
    const underWay = underWayMemoryBytes({ name: '1-1', level: options.level, drives: this.drives, stripeBytes: UNIT });
    this.underWay = underWay === 0 ? null : new SimulatedMemory(Buffer.alloc(underWay), this.clock);
    this.group = this.#openGroup();
    this.sectors = Array.from({ length: this.group.bytes / SECTOR }, () => {
      return { possible: new Set([0]), durable: new Set([0]), token: 0 };
    });
  }

  /** Where in the memory the redo log begins. */
  get logOffset(): number {
    const { stripes, drives } = this.options;
    return mapLayout({ stripes, unit: UNIT, drives }, true).logOffset;
  }

  below(limit: number): number {
    return this.random.below(limit);
  }

  newDrive(): SimulatedDrive {
    const bytes = this.options.stripes * UNIT + 512 * this.random.below(8);
    return new SimulatedDrive(`d${this.#made++}`, bytes, this.clock, this.random, this.options.drive);
  }

  /** The process dies, or power is lost; the next one opens what is there. */
  restart(what: 'kill' | 'cut'): void {
    this.#life++;
    if (what === 'cut') this.#boot++;
    this.open = 0;
    this.drives = this.drives.map((drive) => drive[what]());
    this.sums = this.sums.map((drive) => drive[what]());
    this.memory = what === 'kill' ? this.memory.kill() : this.memory.cut(this.random);
    this.underWay = (what === 'kill' ? this.underWay?.kill() : this.underWay?.cut(this.random)) ?? null;
    this.group = this.#openGroup();
  }

  failDrive(position: number): void {
    this.group.failDrive(position, { kind: 'missing', message: 'gone' });
  }

  replaceDrive(position: number): void {
    this.drives[position] = this.newDrive();
    if (this.options.sums) this.sums[position] = this.#sumsOf(this.drives[position]!);
    this.group.replaceDrive(position, this.#joined(position));
  }

  #sumsOf({ name, bytes }: SimulatedDrive): SimulatedDrive {
    return new SimulatedDrive(`${name}.sums`, sumsBytes(bytes), this.clock, this.random, this.options.drive);
  }

  /** As the group sees it. */
  #joined(position: number): DriveIo {
    const [data, sums] = [this.drives[position]!, this.sums[position]];
    return sums === undefined ? data : new ChecksummedDrive(data, sums, 1);
  }

  /** One random job. */
  job(): void {
    const [at, count] = this.#range();
    const kind = this.below(10);
    if (kind < 5) this.write(at, count);
    else if (kind < 6) this.punch(at, count);
    else if (kind < 7) this.sync();
    else this.read(at, count);
  }

  write(at: number, count: number): void {
    const value = ++this.#value;
    const data = Buffer.alloc(count * SECTOR);
    for (let i = 0; i < data.length; i += 4) data.writeUInt32LE(value, i);
    const cut = SECTOR * this.below(count + 1);
    const parts = [data.subarray(0, cut), data.subarray(cut)].filter((part) => part.length > 0);
    this.adapter.destage(this.group, at * SECTOR, parts, this.#change(at, count, value));
  }

  punch(at: number, count: number): void {
    this.adapter.punch(this.group, at * SECTOR, count * SECTOR, this.#change(at, count, 0));
  }

  sync(): void {
    const before = this.sectors.map(({ possible, token }) => ({ values: possible, token }));
    const ended = this.#ended();
    this.adapter.sync(this.group, (error) => {
      if (!ended(error) || error !== null) return;
      for (const [index, { values, token }] of before.entries()) {
        const sector = this.sectors[index]!;
        if (sector.token === token && values.size === 1) sector.durable = new Set(values);
      }
    });
  }

  read(at: number, count: number): void {
    const may = this.sectors.slice(at, at + count).map(({ possible }) => new Set(possible));
    const buffer = Buffer.alloc(count * SECTOR);
    const ended = this.#ended();
    this.adapter.stage(this.group, at * SECTOR, [buffer], this.below(2) ? 'host' : 'background', (error) => {
      if (ended(error) && error === null) this.#compare('read', at, buffer, may);
    });
  }

  /** Lets everything end that was begun. */
  drain(): void {
    this.clock.settle(() => this.open === 0 || this.wrong !== null, 500_000);
    if (this.open > 0) this.wrong ??= `${this.open} jobs never ended`;
  }

  /** Looks at everything; what is wrong is right afterwards. */
  scrub(): void {
    const { passes } = this.group.scrub;
    if (!this.group.startScrub()) this.wrong ??= 'a scrub is running';
    this.clock.settle(() => this.group.scrub.passes > passes, 500_000);
    if (this.group.scrub.passes === passes) this.wrong ??= 'the scrub does not end';
  }

  /** Until all drives are whole and all parity is checked. */
  heal(): void {
    this.clock.settle(() => this.healthy, 500_000);
    if (!this.healthy) this.wrong ??= 'the group does not become whole';
  }

  get healthy(): boolean {
    return this.group.suspects === 0 && this.group.members.every(({ state }) => state === 'good');
  }

  /** Reads everything and holds it against the model, which then knows it for certain. */
  verify(what: string, after: 'kill' | 'cut'): void {
    const data = Buffer.alloc(this.group.bytes);
    let failure: DriveError | null | undefined;
    this.group.read(0, [data], (error) => {
      failure = error;
    });
    this.clock.settle(() => failure !== undefined, 500_000);
    if (failure !== null) {
      this.wrong ??= `${what}: ${failure?.message}`;
      return;
    }
    const may = this.sectors.map(({ possible, durable }) => (after === 'cut' ? durable : possible));
    this.#compare(what, 0, data, may);
    for (const [index, sector] of this.sectors.entries()) {
      const found = new Set([data.readUInt32LE(index * SECTOR)]);
      if (after === 'cut') sector.durable = found;
      else sector.durable.add([...found][0]!);
      sector.possible = found;
    }
  }

  #openGroup(): RedundantGroup {
    const life = this.#life;
    this.adapter = new DiskAdapter('DKA-1', this.clock, { concurrency: 1 + this.below(5) });
    return RedundantGroup.open({
      name: '1-1',
      level: this.options.level,
      drives: this.drives.map((_, position) => this.#joined(position)),
      stripeBytes: UNIT,
      statuses: this.statuses,
      memory: this.memory,
      underWay: this.underWay,
      bootId: `boot-${this.#boot}`,
      rate: this.options.rate ?? { bytesPerSecond: null },
      ...(this.options.scrubDays && { scrubDays: this.options.scrubDays }),
      clock: this.clock,
      log: silentLog,
      changed: (position, status) => {
        if (life === this.#life) this.statuses[position] = status;
      },
    });
  }

  #range(): [number, number] {
    const total = this.sectors.length;
    const at = this.below(total);
    const long = this.below(6) === 0 ? total : this.below(3) === 0 ? 140 : 40;
    return [at, 1 + this.below(Math.min(long, total - at))];
  }

  #change(at: number, count: number, value: number) {
    const token = ++this.#value;
    for (const sector of this.sectors.slice(at, at + count)) {
      sector.possible = new Set([...sector.possible, value]);
      sector.durable.add(value);
      sector.token = token;
    }
    const ended = this.#ended();
    return (error: DriveError | null) => {
      if (!ended(error) || error !== null) return;
      for (const sector of this.sectors.slice(at, at + count)) {
        if (sector.token === token) sector.possible = new Set([value]);
      }
    };
  }

  /** Counts a job; what ends after a restart does not count, and says so. */
  #ended(): (error: DriveError | null) => boolean {
    const life = this.#life;
    let calls = 0;
    this.open++;
    return (error) => {
      if (life !== this.#life) return false;
      if (++calls > 1) this.wrong ??= 'a job ended twice';
      this.open--;
      if (error !== null) {
        this.errors++;
        if (!this.mayFail) this.wrong ??= error.message;
      }
      return true;
    };
  }

  /** Set where the test brings about more than the group can stand. */
  mayFail = false;

  #compare(what: string, at: number, data: Buffer, may: readonly ReadonlySet<number>[]): void {
    for (const [index, values] of may.entries()) {
      const got = data.readUInt32LE(index * SECTOR);
      const same = data.readUInt32LE((index + 1) * SECTOR - 4) === got;
      if (!values.has(got) || !same) {
        this.wrong ??= `${what}: sector ${at + index} holds ${got}${same ? '' : ', torn'}, not one of ${[...values]}`;
      }
    }
  }
}
