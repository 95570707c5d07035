/** An array of two ports, one LDEV in memory and any number of hosts; commands go the way of the channel. */
import { EventEmitter } from 'node:events';
import { SimulatedClock } from '../../../target/base/clock.js';
import { silentLog } from '../../../target/base/log.js';
import { SECTOR_BYTES } from '../../../target/cache/types.js';
import { ChannelAdapter, type ChannelAdapterLimits } from '../../../target/channel/channel-adapter.js';
import type { TaskManagementFunction } from '../../../target/channel/task-management.js';
import { CommandTable } from '../../../target/scsi/command-table.js';
import { blockCommandsOf } from '../../../target/scsi/handlers/block/index.js';
import { copyCommands, tapeCopyCommands } from '../../../target/scsi/handlers/copy/index.js';
import { primaryCommands } from '../../../target/scsi/handlers/primary/index.js';
import { streamCommands } from '../../../target/scsi/handlers/stream/index.js';
import type { IdentifyingStore } from '../../../target/scsi/identifying-information.js';
import type { LogicalUnit } from '../../../target/scsi/logical-unit.js';
import { LogicalUnits, type VolumesView } from '../../../target/scsi/logical-units.js';
import { modePageDefinitionsOf } from '../../../target/scsi/mode-definitions-of.js';
import { ModePages, type ModeStore } from '../../../target/scsi/mode-state.js';
import type { Nexus } from '../../../target/scsi/nexus.js';
import { type ReservationStore, type SavedReservations, UnitReservations } from '../../../target/scsi/reservations.js';
import type { SanitizeStore } from '../../../target/scsi/sanitize.js';
import type { Portal } from '../../../target/scsi/surroundings.js';
import { Task, TaskAttribute, type TaskOwner } from '../../../target/scsi/task.js';
import { ProtectedLayer } from '../../../target/volumes/layers/protected.js';
import { protectedLayouts } from '../../../target/volumes/layers/protected-layout.js';
import { MarkedBlocks } from '../../../target/volumes/marked-blocks.js';
import type { HostGroup, Ldev, TargetPort } from '../../../target/volumes/model.js';
import type { SavedSanitization } from '../../../target/volumes/store-sanitizations.js';
import { encodeLun } from '../../../wire/scsi/lun.js';
import type { ProtectionType } from '../../../wire/scsi/protection.js';
import { SenseKey } from '../../../wire/scsi/sense.js';
import { MemoryLayer, MemoryMarks, type Result, resultOf } from '../scsi-block/harness.js';

export type { Result };

/** What the configuration store keeps; `broken` makes it throw. */
export class MemoryStore implements ModeStore, ReservationStore, IdentifyingStore, SanitizeStore {
  readonly identities = new Map<string, Buffer>();
  readonly pages = new Map<string, { ldev: number; page: number; subpage: number; bytes: Buffer }>();
  readonly saved = new Map<number, SavedReservations>();
  readonly sanitizations = new Map<number, SavedSanitization>();
  broken = false;

  modePages(ldev: number) {
    return [...this.pages.values()].filter((page) => page.ldev === ldev);
  }

  saveModePages(ldev: number, pages: readonly { page: number; subpage: number; bytes: Buffer }[]): void {
    this.check();
    for (const { page, subpage, bytes } of pages) {
      this.pages.set(`${ldev}/${page}/${subpage}`, { ldev, page, subpage, bytes: Buffer.from(bytes) });
    }
  }

  reservations(ldev: number): SavedReservations | null {
    return this.saved.get(ldev) ?? null;
  }

  saveReservations(ldev: number, saved: SavedReservations | null): void {
    this.check();
    if (saved === null) this.saved.delete(ldev);
    else this.saved.set(ldev, saved);
  }

  identifyingInformation(ldev: number, type: number): Buffer {
    return this.identities.get(`${ldev}/${type}`) ?? Buffer.alloc(0);
  }

  saveIdentifyingInformation(ldev: number, type: number, information: Buffer): void {
    this.check();
    this.identities.set(`${ldev}/${type}`, information);
  }

  sanitization(ldev: number): SavedSanitization | null {
    return this.sanitizations.get(ldev) ?? null;
  }

  saveSanitization(ldev: number, saved: SavedSanitization | null): void {
    this.check();
    if (saved === null) this.sanitizations.delete(ldev);
    else this.sanitizations.set(ldev, saved);
  }

  private check(): void {
    if (this.broken) throw new Error('database or disk is full');
  }
}

/** A host's side of its tasks. */
class HostOwner implements TaskOwner {
  /** Data-out is given when `deliver` is called, not at once. */
  withheld: { task: Task; bytes: number }[] | null = null;
  readonly responded: Task[] = [];
  readonly droppedTasks: Task[] = [];
  readonly withheldTasks: Task[] = [];
  readonly data = new Map<Task, Buffer>();

  fetchDataOut(task: Task, bytes: number): void {
    if (this.withheld) this.withheld.push({ task, bytes });
    else this.deliver(task, bytes);
  }

  deliver(task: Task, bytes: number): void {
    const all = (this.data.get(task) ?? Buffer.alloc(0)).subarray(0, bytes);
    const half = all.length >> 1;
    for (const piece of [all.subarray(0, half), all.subarray(half)]) if (piece.length > 0) task.dataOut.push(piece);
    task.dataOutLength = all.length;
    task.dataOutArrived();
  }

  respond(task: Task): void {
    this.responded.push(task);
  }

  dropped(task: Task): void {
    this.droppedTasks.push(task);
  }

  answerWithheld(task: Task): void {
    this.withheldTasks.push(task);
  }
}

export class Host {
  readonly owner = new HostOwner();
  private tag = 0;

  constructor(
    readonly rig: Rig,
    readonly nexus: Nexus,
    readonly adapter: ChannelAdapter,
  ) {}

  start(cdb: Buffer, data: Buffer | null = null, options: StartOptions = {}): Task {
    const { lun = 0, attribute = TaskAttribute.simple, expected = data?.length ?? 0, room = 1 << 24 } = options;
    const padded = Buffer.alloc(Math.max(16, cdb.length));
    cdb.copy(padded);
    const bytes = typeof lun === 'number' ? encodeLun(lun) : lun;
    const task = new Task(this.owner, this.nexus, bytes, padded, ++this.tag, attribute, expected, room);
    if (data) this.owner.data.set(task, data);
    this.adapter.submit(task);
    return task;
  }

  /** Runs a command to its end. */
  run(cdb: Buffer | readonly number[], data: Buffer | null = null, options: StartOptions = {}): Result {
    const task = this.start(Buffer.from(cdb as Buffer), data, options);
    this.rig.clock.settle();
    return resultOf(task);
  }

  manage(fn: TaskManagementFunction, options: { lun?: number; tag?: number } = {}): Managed {
    const result: Managed = { outcome: null };
    this.adapter.manage(this.nexus, fn, encodeLun(options.lun ?? 0), options.tag ?? null, (outcome, information) => {
      result.outcome = outcome;
      result.information = information;
    });
    return result;
  }

  /** Names of the unit attentions pending, taken by TEST UNIT READY. */
  attentions(lun = 0): string[] {
    const names: string[] = [];
    for (;;) {
      const { sense } = this.run([0, 0, 0, 0, 0, 0], null, { lun });
      if (sense?.key !== SenseKey.unitAttention) return names;
      names.push(sense.name);
    }
  }

  logout(): void {
    this.adapter.detach(this.nexus);
  }
}

/** What a task management function came to; null: not yet. */
export interface Managed {
  outcome: string | null;
  information?: number | undefined;
}

export interface StartOptions {
  readonly lun?: number | Buffer;
  readonly attribute?: TaskAttribute;
  readonly expected?: number;
  /** Bytes of data-in that the host takes. */
  readonly room?: number;
}

export interface RigOptions {
  readonly store?: MemoryStore | null;
  readonly limits?: ChannelAdapterLimits;
  readonly blockSize?: 512 | 4096;
  readonly blocks?: number;
  readonly thin?: boolean;
  readonly readOnly?: boolean;
  readonly removable?: boolean;
  readonly tape?: boolean;
  /** With it, `layer` is one of sectors. */
  readonly protection?: ProtectionType;
  readonly attribute?: Ldev['attribute'];
  readonly luns?: readonly (readonly [number, number])[];
  /** Of CL1-A and CL2-A; 1 and 1 when left out. */
  readonly portGroups?: readonly [number, number];
  readonly clock?: SimulatedClock;
}

const TAPES = new CommandTable([...primaryCommands, ...streamCommands, ...tapeCopyCommands]);
const NAA = Buffer.from('6024c5500bebc2000000000100000000', 'hex');

export class Rig {
  readonly clock: SimulatedClock;
  readonly layer: MemoryLayer;
  readonly store: MemoryStore | null;
  readonly ports: readonly TargetPort[];
  /** Where the ports are reached; a test may change it. */
  portals: readonly Portal[] = [];
  readonly groups: readonly HostGroup[];
  readonly adapters: readonly ChannelAdapter[];
  readonly units: LogicalUnits;
  readonly events = new EventEmitter();
  readonly ldevs = new Map<number, Ldev>();
  private nexusId = 0;

  constructor(options: RigOptions = {}) {
    this.clock = options.clock ?? new SimulatedClock();
    const { blockSize = 512, blocks = 1024, thin = true, readOnly = false, removable = false } = options;
    const { tape = false } = options;
    const { attribute = 'ordinary' } = options;
    this.store = options.store === undefined ? new MemoryStore() : options.store;
    const portGroups = options.portGroups ?? [1, 1];
    this.ports = ['CL1-A', 'CL2-A'].map((name, i) => ({
      name,
      relativeId: i + 1,
      portGroup: portGroups[i]!,
      listen: { host: '127.0.0.1', port: 0 },
    }));
    const { protection = 0 } = options;
    const layout = protectedLayouts[blockSize];
    this.layer =
      protection === 0
        ? new MemoryLayer(blocks, blockSize)
        : new MemoryLayer(layout.storedSectors(blocks), SECTOR_BYTES);
    const { layer } = this;
    const sizes = { blockSize, physicalBlockSize: blockSize, blocks };
    const marks = new MarkedBlocks(new MemoryMarks(), 1, () => {});
    const common = {
      marks,
      label: '',
      pool: 'P',
      ...sizes,
      thin,
      readOnly,
      removable,
      tape,
      attribute,
      naa: NAA,
      protection,
      top: protection === 0 ? layer : new ProtectedLayer(layer, layout, { blocks, protection }),
    };
    for (const id of [0, 1]) this.ldevs.set(id, { ...common, id, serial: `1234567800${id}` });
    this.groups = this.ports.map((port, i) => ({
      id: i + 1,
      port: port.name,
      name: 'hosts',
      target: `iqn.2026-11.example.lunarray:12345678:${port.name.toLowerCase()}`,
      initiators: ['*'],
      auth: 'none',
      luns: new Map(options.luns ?? [[0, 0]]),
    }));
    const view: VolumesView = {
      ldev: (id) => this.ldevs.get(id),
      on: (event, listener) => this.events.on(event, listener as never),
    };
    const disks = new CommandTable([
      ...primaryCommands,
      ...blockCommandsOf({ thin, removable, protection }),
      ...copyCommands,
    ]);
    this.units = new LogicalUnits(view, {
      log: silentLog,
      commands: disks,
      commandsFor: (ldev) => (ldev.tape ? TAPES : disks),
      reservations: (ldev) => new UnitReservations(ldev.id, this.store, silentLog),
      modes: (ldev) => new ModePages(ldev.id, this.store, silentLog, modePageDefinitionsOf(ldev)),
      sanitize: { rate: { bytesPerSecond: null }, store: this.store },
      surroundings: {
        ports: () => this.ports,
        portals: () => this.portals,
        hostGroups: () => this.groups,
        admits: (group, name) => group.initiators.some((each) => each === '*' || each === name),
        managementUrls: () => ['http://127.0.0.1:8080/metrics'],
        startedAt: 0,
        version: '1.4.2',
      },
      clock: this.clock,
      ...(this.store !== null && { identifying: this.store }),
    });
    const limits = options.limits ? { limits: options.limits } : {};
    this.adapters = this.ports.map(
      (port) => new ChannelAdapter(port, { units: this.units, clock: this.clock, log: silentLog, ...limits }),
    );
  }

  get unit(): LogicalUnit {
    return this.units.unit(this.ldevs.get(0)!);
  }

  /** Logs a host in; its power on conditions are taken unless `greeted` is false. */
  host(name: string, options: { port?: number; isid?: string; greeted?: boolean } = {}): Host {
    const { port = 0, isid = '00023d000001', greeted = true } = options;
    const initiatorName = `iqn.2000-01.test:${name}`;
    const nexus: Nexus = {
      id: ++this.nexusId,
      transport: 'iscsi',
      initiatorName,
      initiatorPort: `${initiatorName},i,0x${isid}`,
      port: this.ports[port]!,
      hostGroup: this.groups[port]!,
    };
    const adapter = this.adapters[port]!;
    adapter.attach(nexus);
    const host = new Host(this, nexus, adapter);
    if (greeted) for (const lun of nexus.hostGroup.luns.keys()) host.attentions(lun);
    return host;
  }
}

/** What a refusal points at. */
export function inCdb(byte: number, bit?: number) {
  return {
    name: 'invalid-field-in-cdb',
    field: bit === undefined ? { inCdb: true, byte } : { inCdb: true, byte, bit },
  };
}

export function inList(byte: number, bit?: number) {
  return {
    name: 'invalid-field-in-list',
    field: bit === undefined ? { inCdb: false, byte } : { inCdb: false, byte, bit },
  };
}
