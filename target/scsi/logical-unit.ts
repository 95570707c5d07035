import {
  asymmetricAccessStateChanged,
  logicalUnitNotReadyInitializingCommandRequired,
  mediumNotPresent,
  type Sense,
} from '../../wire/scsi/sense.js';
import { systemClock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { systemRandom } from '../base/random.js';
import { SLOT_BYTES } from '../cache/types.js';
import { CopyManager } from '../copy/copy-manager.js';
import { RodTokens } from '../copy/rod/rod-tokens.js';
import { SharedMeans } from '../copy/shared-means.js';
import type { Clock } from '../disk/types.js';
import { TapeDrive } from '../tape/tape-drive.js';
import { protectedLayouts } from '../volumes/layers/protected-layout.js';
import { deviceTypeOf, type HostGroup, type Ldev } from '../volumes/model.js';
import type { ApplicationTags } from './application-tags.js';
import { AsymmetricAccess } from './asymmetric-access.js';
import type { Command, CommandTable } from './command-table.js';
import { DeferredErrors } from './deferred-errors.js';
import { DeviceClock } from './device-clock.js';
import { ErrorHistory } from './error-history.js';
import { FormatOperation } from './format-operation.js';
import { type IdentifyingStore, noIdentifyingStore } from './identifying-information.js';
import { type ExceptionControl, InformationalExceptions } from './informational-exceptions.js';
import { Limits } from './limits.js';
import { LogCounters } from './log-counters.js';
import { LogicalUnitCounters } from './logical-unit-counters.js';
import type { Nexus } from './nexus.js';
import { OrwriteGenerations } from './orwrite-generations.js';
import { PowerConditions } from './power-conditions.js';
import { ReadMemory } from './read-memory.js';
import { RemovableMedium } from './removable-medium.js';
import { noSanitizeParts, SanitizeOperation, type SanitizeParts } from './sanitize.js';
import { noSurroundings, type Surroundings } from './surroundings.js';
import type { Task } from './task.js';
import type { TaskControl } from './task-control.js';
import { UnitAttentions } from './unit-attention.js';
import { UnitBuffers } from './unit-buffers.js';

const ERASE_STEP_BYTES = 1024 * 1024 * 1024;

/** How hosts reach an LDEV. */
export interface Path {
  readonly hostGroup: HostGroup;
  readonly lun: number;
}

/** A logical unit that an initiator may reach, and the I_T nexus by which it would. */
export interface Reached {
  readonly unit: LogicalUnit;
  readonly nexus: Nexus;
}

/** What a logical unit has of the array's other logical units: for the copy manager. */
export interface Neighbours {
  /** The first logical unit that matches among those that the initiator of a nexus may reach, on its paths; else null. */
  reach(nexus: Nexus, matches: (ldev: Ldev, path: Path) => boolean): Reached | null;
  /** Shares the array's time and memory among copies. */
  readonly copyMeans: SharedMeans;
  /** ROD tokens of the whole array. */
  readonly tokens: RodTokens;
  /** Shared by reads whose data is not in the cache. */
  readonly readMemory: ReadMemory;
  /** Forgets what copies of any logical unit hold for RECEIVE COPY DATA: it may be of one that has been sanitized. */
  dropHeld(): void;
}

const alone: Neighbours = {
  reach: () => null,
  copyMeans: new SharedMeans(),
  readMemory: new ReadMemory(),
  tokens: new RodTokens(systemClock, systemRandom),
  dropHeld: () => {},
};

/** RESERVE/RELEASE and persistent reservations of one logical unit. */
export interface Reservations {
  /** Whether a reservation of another nexus forbids this command (then: RESERVATION CONFLICT). */
  conflict(nexus: Nexus, command: Command, cdb: Buffer): boolean;
  /** The nexus is gone, or its way to the logical unit: what it held by RESERVE is free. */
  nexusLost?(nexus: Nexus): void;
}

/** What the mode pages set that other parts must know. */
export interface ModeState {
  /** D_SENSE of the control page: sense goes out in descriptor format. */
  readonly descriptorSense: boolean;
  /** SWP of the control page: the medium is write protected. */
  readonly softwareWriteProtect: boolean;
  /** WCE of the caching page is zero: a write is on the medium before it is answered, as with FUA. */
  readonly writeThrough: boolean;
  /** The informational exceptions control page. */
  readonly exceptions: ExceptionControl;
  /** Called when that page, or PER, was set anew. */
  onExceptionControl: (() => void) | null;
  /** The standby_z timer of the power condition page; null: it does not run. */
  readonly standbyTimerMs: number | null;
  /** Called when that page was set anew. */
  onPowerControl: (() => void) | null;
  /** Of the application tag page; null: it is not there, ATMPE of the control page is zero, or it names no blocks. */
  readonly applicationTags: ApplicationTags | null;
  /** A format has changed what the LDEV has: other pages. */
  formatted(ldev: Ldev): void;
}

/**
 * The device server behind an LDEV: the same for all ports and host groups that map it, as the state kept
 * here (reservations, modes, started or stopped) belongs to the logical unit and not to the path (SAM-6 4.7).
 */
export class LogicalUnit {
  readonly attentions = new UnitAttentions();
  readonly deferred = new DeferredErrors();
  readonly exceptions: InformationalExceptions;
  readonly access: AsymmetricAccess;
  readonly deviceClock: DeviceClock;
  readonly errorHistory: ErrorHistory;
  readonly format: FormatOperation;
  readonly power: PowerConditions;
  readonly buffers = new UnitBuffers();
  readonly orwriteGenerations = new OrwriteGenerations();
  /** `onGood` of tasks that may report an exception; one function for all. */
  readonly reportException = (task: Task): void => this.exceptions.intercept(task);
  readonly counters = new LogicalUnitCounters();
  readonly logCounters = new LogCounters(this.counters);
  /** By START STOP UNIT; medium access then needs another one. Starts started. */
  stopped = false;
  readonly sanitize: SanitizeOperation;
  /** Null: it cannot be removed. */
  readonly medium: RemovableMedium | null;
  /** Of a virtual tape; null: a block device. */
  readonly tape: TapeDrive | null;
  /** The command table for the LDEV as it is now; null: always the same one. */
  commandsOf: ((ldev: Ldev) => CommandTable) | null = null;
  /** The task set, once the channel has made it. */
  tasks: TaskControl | null = null;
  /** The LDEV's read-only flag as hosts were last told; `ldev` may be one object that changes. */
  reportedReadOnly: boolean;
  readonly copies: CopyManager<Nexus>;
  /** Bytes per logical block. */
  readonly blockSize: number;
  /** MAXIMUM TRANSFER LENGTH in blocks. */
  readonly maxTransferBlocks: number;

  constructor(
    /** Replaced by `LogicalUnits` when the LDEV's capacity changes. */
    public ldev: Ldev,
    /** Another one once its format has changed what it has. */
    public commands: CommandTable,
    readonly reservations: Reservations,
    readonly modes: ModeState,
    readonly log: Log,
    readonly surroundings: Surroundings = noSurroundings,
    /** Nexuses through which hosts see this logical unit now. */
    readonly nexuses: (unit: LogicalUnit) => Iterable<Nexus> = () => [],
    readonly clock: Clock = systemClock,
    readonly identifying: IdentifyingStore = noIdentifyingStore,
    readonly neighbours: Neighbours = alone,
    sanitize: SanitizeParts = noSanitizeParts,
  ) {
    this.copies = new CopyManager(clock, neighbours.copyMeans);
    this.blockSize = ldev.blockSize;
    this.reportedReadOnly = ldev.readOnly;
    this.maxTransferBlocks = Limits.transferBytes / ldev.blockSize;
    this.deviceClock = new DeviceClock(clock);
    this.errorHistory = new ErrorHistory(this.deviceClock, this.attentions);
    this.access = new AsymmetricAccess(clock, (cause) => this.tell(asymmetricAccessStateChanged(), cause));
    this.format = new FormatOperation(this);
    this.power = new PowerConditions(this);
    this.sanitize = new SanitizeOperation(this, sanitize);
    this.medium = ldev.removable || ldev.tape ? new RemovableMedium() : null;
    this.tape = ldev.tape
      ? new TapeDrive(
          () => this.ldev,
          (run) => clock.setImmediate(run),
        )
      : null;
    this.exceptions = new InformationalExceptions(this);
    modes.onExceptionControl = () => this.exceptions.restart();
    this.exceptions.restart();
    modes.onPowerControl = () => this.power.restart();
    this.power.restart();
  }

  /** Establishes a unit attention for every nexus that sees this logical unit, but the one that caused it. */
  tell(condition: Sense, cause: Nexus | null = null): void {
    for (const nexus of this.nexuses(this)) if (nexus !== cause) this.attentions.establish(nexus.id, condition);
  }

  /** A format has changed the protection information: other commands, mode pages and capacity data. */
  formatted(): void {
    if (this.commandsOf !== null) this.commands = this.commandsOf(this.ldev);
    this.modes.formatted(this.ldev);
    this.tasks?.prepareAnew();
  }

  /** PERIPHERAL DEVICE TYPE. */
  get deviceType(): number {
    return deviceTypeOf(this.ldev);
  }

  /** Capacity in blocks. */
  get blocks(): number {
    return this.ldev.blocks;
  }

  /** The array stops, or the LDEV is gone: nothing is told any more. */
  stop(): void {
    this.exceptions.stop();
    this.power.stop();
    this.access.stop();
    this.format.stop();
    this.sanitize.stop();
  }

  /** Why the medium cannot be reached: ejected or stopped; null: it can. */
  get mediumState(): Sense | null {
    if (this.medium?.present === false) return mediumNotPresent();
    return this.stopped ? logicalUnitNotReadyInitializingCommandRequired() : null;
  }

  /** Why commands that need the medium are refused now; null: they are not. */
  get notReady(): Sense | null {
    return this.format.refusal ?? this.sanitize.refusal ?? this.mediumState;
  }

  /** MAXIMUM ATOMIC TRANSFER LENGTH in blocks. */
  get maxAtomicBlocks(): number {
    const { blockSize, protection = 0 } = this.ldev;
    return protection === 0 ? Limits.atomicBytes / blockSize : protectedLayouts[blockSize].atomicBlocks;
  }

  /** OPTIMAL UNMAP GRANULARITY in blocks: with protection information, what shares a place with that of others. */
  get unmapGranularityBlocks(): number {
    const { blockSize, protection = 0 } = this.ldev;
    return protection === 0 ? Limits.unmapGranularityBytes / blockSize : protectedLayouts[blockSize].perSlot;
  }

  /** Blocks that operations on all of it unmap at a time: they fill regions, which are given back then. */
  get eraseStepBlocks(): number {
    const { blockSize, protection = 0 } = this.ldev;
    const perSlot = protection === 0 ? SLOT_BYTES / blockSize : protectedLayouts[blockSize].perSlot;
    return (ERASE_STEP_BYTES / SLOT_BYTES) * perSlot;
  }

  get writeProtected(): boolean {
    return this.ldev.readOnly || this.modes.softwareWriteProtect;
  }
}
