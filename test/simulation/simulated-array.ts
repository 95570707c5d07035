/**
 * A whole array in this process: configuration store, volumes, cache, disk adapter, parity groups and channel adapter
 * are the real ones; drives, memory that survives and the clock are simulated. The configuration store is a real file:
 * its every transaction is durable, so it stays open when the array dies.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimulatedClock } from '../../target/base/clock.js';
import type { Log } from '../../target/base/log.js';
import { seededRandom } from '../../target/base/random.js';
import { Cache } from '../../target/cache/cache.js';
import { ChannelAdapter } from '../../target/channel/channel-adapter.js';
import { DiskAdapter } from '../../target/disk/disk-adapter.js';
import { SimulatedDrive, type SimulatedDriveOptions } from '../../target/disk/simulated-drive.js';
import type { Clock, DriveIo, ParityGroup, Random } from '../../target/disk/types.js';
import { CommandTable } from '../../target/scsi/command-table.js';
import { blockCommands } from '../../target/scsi/handlers/block/index.js';
import { LogicalUnits } from '../../target/scsi/logical-units.js';
import { ModePages } from '../../target/scsi/mode-state.js';
import { UnitReservations } from '../../target/scsi/reservations.js';
import type { HostGroup, TargetPort } from '../../target/volumes/model.js';
import { ConfigStore } from '../../target/volumes/store.js';
import { Volumes } from '../../target/volumes/volumes.js';
import { PageMemory } from './page-memory.js';

/** The process dies inside a store to memory. */
export class Killed extends Error {}

export type Death = 'kill' | 'cut';

/** The clock as one process sees it: what it has set does not run any more when it is dead. */
class LifeClock implements Clock {
  alive = true;

  constructor(private readonly clock: SimulatedClock) {}

  now(): number {
    return this.clock.now();
  }

  wall(): number {
    return this.clock.wall();
  }

  setTimeout(run: () => void, ms: number): { cancel(): void } {
    return this.clock.setTimeout(() => this.#run(run), ms);
  }

  setImmediate(run: () => void): void {
    this.clock.setImmediate(() => this.#run(run));
  }

  #run(run: () => void): void {
    if (this.alive) run();
  }
}

export interface ArrayOptions {
  readonly cacheBytes: number;
  readonly drive: SimulatedDriveOptions;
}

const commands = new CommandTable(blockCommands);

export class SimulatedArray {
  readonly clock = new SimulatedClock();
  readonly random: Random;
  /** By path. */
  readonly drives = new Map<string, SimulatedDrive>();
  volumes!: Volumes;
  channel!: ChannelAdapter;
  /** It takes commands. */
  ready = false;
  /** The process dies in the commit after so many; below 0: it does not. */
  commitsLeft = -1;
  readonly logged: string[] = [];
  readonly #memories = new Map<string, PageMemory>();
  readonly #directory = mkdtempSync(join(tmpdir(), 'lunarray-simulation-'));
  readonly #store: ConfigStore;
  #life = new LifeClock(this.clock);
  #boot = 1;

  constructor(
    seed: number,
    private readonly options: ArrayOptions,
  ) {
    this.random = seededRandom(seed);
    this.#store = ConfigStore.open(this.#directory, { clock: this.clock, random: this.random });
  }

  below(limit: number): number {
    return this.random.below(limit);
  }

  /** Begins to start the array: `ready` tells when it has. */
  start(): void {
    const clock = this.#life;
    const { log } = this;
    const memory = this.#memory('cache', Cache.memoryBytes(this.options.cacheBytes));
    const adapter = new DiskAdapter('DKA-1', clock, { concurrency: 1 + this.below(8) });
    const bootId = `boot-${this.#boot}`;
    const cache = Cache.open({ memory, adapter, clock, log, bootId });
    cache.secure(() => {
      this.volumes = Volumes.open({
        store: this.#store,
        cache,
        adapter,
        bootId,
        shared: (name, bytes) => this.#memory(name, bytes),
        openDrive: (path, name, bytes) => this.drives.get(path) ?? this.#newDrive(path, name, bytes),
        newDrive: (path, name, bytes) => this.#newDrive(path, name, bytes),
        clock,
        random: this.random,
        log,
      });
      cache.dropUnattached();
      this.channel = this.#channel();
      this.ready = true;
    });
  }

  /** The process dies, or power is lost; whatever was under way never ends. */
  end(death: Death): void {
    this.#life.alive = false;
    this.#life = new LifeClock(this.clock);
    this.ready = false;
    this.commitsLeft = -1;
    for (const [path, drive] of this.drives) this.drives.set(path, drive[death]());
    if (death === 'kill') return;
    for (const memory of this.#memories.values()) memory.cut();
    this.#boot++;
  }

  /** All parity groups, by name. */
  get groups(): readonly ParityGroup[] {
    return (this.volumes as unknown as { storage: { parityGroups(): readonly ParityGroup[] } }).storage.parityGroups();
  }

  /** Removes what is in the file system. */
  remove(): void {
    this.#store.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get log(): Log {
    const add = (message: string) => void this.logged.push(`${(this.clock.now() / 1e6).toFixed(1)} ms: ${message}`);
    return { info: add, warn: add, error: add };
  }

  #memory(name: string, bytes: number): PageMemory {
    const memory = this.#memories.get(name) ?? new PageMemory(bytes, this.random, this.#life, () => this.#committed());
    this.#memories.set(name, memory);
    return memory.reopen(this.#life);
  }

  #committed(): void {
    if (this.commitsLeft < 0) return;
    if (this.commitsLeft-- === 0) throw new Killed('killed in a commit');
  }

  #newDrive(path: string, name: string, bytes: number): DriveIo {
    const drive = new SimulatedDrive(name, bytes, this.clock, this.random, this.options.drive);
    this.drives.set(path, drive);
    return drive;
  }

  #channel(): ChannelAdapter {
    const { volumes, log } = this;
    const clock = this.#life;
    const view = {
      ldev: (id: number) => volumes.ldev(id),
      on: (event: never, listener: never) => volumes.on(event, listener),
    };
    const units = new LogicalUnits(view, {
      log,
      clock,
      commands,
      reservations: (ldev) => new UnitReservations(ldev.id, null, log),
      modes: (ldev) => new ModePages(ldev.id, null, log),
    });
    return new ChannelAdapter(port, { units, clock, log });
  }
}

const port = { name: 'CL1-A' } as unknown as TargetPort;

/** LUNs are numbered as LDEVs. */
export const hostNexus = {
  id: 1,
  transport: 'iscsi' as const,
  initiatorName: 'iqn.test:host',
  initiatorPort: 'iqn.test:host,i,0x1',
  port,
  hostGroup: { id: 1, luns: new Map(Array.from({ length: 8 }, (_, id) => [id, id])) } as unknown as HostGroup,
};
