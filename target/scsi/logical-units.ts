import { capacityDataHasChanged, modeParametersChanged, reportedLunsDataHasChanged } from '../../wire/scsi/sense.js';
import { AccessState } from '../../wire/scsi/target-port-groups.js';
import { systemClock } from '../base/clock.js';
import type { Log } from '../base/log.js';
import { type Random, systemRandom } from '../base/random.js';
import { RodTokens } from '../copy/rod/rod-tokens.js';
import { SharedMeans } from '../copy/shared-means.js';
import type { Clock } from '../disk/types.js';
import type { HostGroup, Ldev, VolumesEvents } from '../volumes/model.js';
import type { CommandTable } from './command-table.js';
import type { IdentifyingStore } from './identifying-information.js';
import {
  LogicalUnit,
  type ModeState,
  type Neighbours,
  type Path,
  type Reached,
  type Reservations,
} from './logical-unit.js';
import type { Nexus } from './nexus.js';
import { ReadMemory } from './read-memory.js';
import type { SanitizeParts } from './sanitize.js';
import { noSurroundings, type Surroundings } from './surroundings.js';

/** Nanoseconds. */
const MS = 1e6;

type Matches = (ldev: Ldev, path: Path) => boolean;

/** What of `Volumes` is needed here. */
export interface VolumesView {
  ldev(id: number): Ldev | undefined;
  on<E extends keyof VolumesEvents>(event: E, listener: VolumesEvents[E]): unknown;
}

export interface LogicalUnitParts {
  readonly log: Log;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Of ROD tokens, which hold secrets. Default: the machine's. */
  readonly random?: Random;
  /** The command table where nothing says otherwise. */
  readonly commands: CommandTable;
  /** The table for an LDEV, if LDEVs differ. */
  readonly commandsFor?: (ldev: Ldev) => CommandTable;
  readonly reservations: (ldev: Ldev) => Reservations;
  readonly modes: (ldev: Ldev) => ModeState;
  /** Default: nothing is kept, and SET IDENTIFYING INFORMATION refused. */
  readonly identifying?: IdentifyingStore;
  readonly sanitize?: SanitizeParts;
  /** Ports and host groups, for the pages that name them. */
  readonly surroundings?: Surroundings;
}

/**
 * All logical units, one per LDEV, made when first asked for; and the nexuses that see them, so that changes
 * of configuration reach the hosts as unit attentions.
 */
export class LogicalUnits {
  private readonly byLdev = new Map<number, LogicalUnit>();
  private readonly nexuses = new Map<number, Nexus>();
  /** Target port group → state that was set for all logical units, and when it is reached, for those that come. */
  private readonly accessStates = new Map<number, { readonly state: AccessState; readonly reachedAt: number }>();
  private readonly neighbours: Neighbours;

  constructor(
    private readonly volumes: VolumesView,
    private readonly parts: LogicalUnitParts,
  ) {
    this.neighbours = {
      reach: (nexus, matches) => this.reach(nexus, matches),
      dropHeld: () => {
        for (const unit of this.byLdev.values()) unit.copies.dropHeld();
      },
      copyMeans: new SharedMeans(),
      readMemory: new ReadMemory(),
      tokens: new RodTokens(parts.clock ?? systemClock, parts.random ?? systemRandom),
    };
    volumes.on('capacity-changed', (ldev) => this.resized(ldev));
    volumes.on('luns-changed', (group) => this.lunsChanged(group));
    volumes.on('admission-changed', () => this.revokeTokens());
    volumes.on('host-group-removed', () => this.revokeTokens());
    volumes.on('ldev-changed', (ldev) => this.changed(ldev));
    volumes.on('prediction-changed', (ldev) => this.byLdev.get(ldev.id)?.exceptions.update());
    volumes.on('ldev-removed', (ldev) => this.removed(ldev));
  }

  /** The command table, for LUNs without a logical unit. */
  get commands(): CommandTable {
    return this.parts.commands;
  }

  /** The logical unit of an LDEV. */
  unit(ldev: Ldev): LogicalUnit {
    let unit = this.byLdev.get(ldev.id);
    if (!unit) {
      const { reservations, modes, log, clock, identifying, sanitize, surroundings = noSurroundings } = this.parts;
      const commands = this.parts.commandsFor?.(ldev) ?? this.parts.commands;
      const nexuses = (one: LogicalUnit) => this.nexusesOf(one);
      const own = [reservations(ldev), modes(ldev)] as const;
      const around = [surroundings, nexuses, clock, identifying, this.neighbours, sanitize] as const;
      unit = new LogicalUnit(ldev, commands, ...own, log, ...around);
      unit.commandsOf = this.parts.commandsFor ?? null;
      for (const [group, { state, reachedAt }] of this.accessStates) {
        unit.access.change(group, state, null, Math.max(0, reachedAt - unit.clock.now()) / MS);
      }
      this.byLdev.set(ldev.id, unit);
    }
    return unit;
  }

  units(): Iterable<LogicalUnit> {
    return this.byLdev.values();
  }

  /** The array stops: nothing is told any more. */
  close(): void {
    for (const unit of this.byLdev.values()) unit.stop();
    this.neighbours.tokens.close();
  }

  /** The logical unit that a nexus sees under a LUN; null if its host group maps none. */
  find(nexus: Nexus, lun: number): LogicalUnit | null {
    const id = nexus.hostGroup.luns.get(lun);
    if (id === undefined) return null;
    const known = this.byLdev.get(id);
    if (known) return known;
    const ldev = this.volumes.ldev(id);
    return ldev ? this.unit(ldev) : null;
  }

  /** The state of a target port group as set for all logical units; single ones may differ. */
  accessState(group: number): AccessState {
    return this.accessStates.get(group)?.state ?? AccessState.activeOptimized;
  }

  /** Sets it for all logical units, present and to come. @param transitionMs as `AsymmetricAccess.change` */
  setAccessState(group: number, state: AccessState, transitionMs = 0): void {
    const { clock = systemClock } = this.parts;
    this.accessStates.set(group, { state, reachedAt: clock.now() + transitionMs * MS });
    for (const unit of this.byLdev.values()) unit.access.change(group, state, null, transitionMs);
  }

  /**
   * A logical unit that the initiator of a nexus may reach: through the nexus' own host group, or through another one
   * that admits it without asking for proof of who it is, on a port that it is logged in to. (A name alone must not lead
   * to what CHAP guards, nor on to another network.)
   */
  private reach(nexus: Nexus, matches: Matches): Reached | null {
    const { surroundings = noSurroundings } = this.parts;
    const own = (group: HostGroup) => group.id === nexus.hostGroup.id;
    const ports = new Set([nexus.port.name]);
    for (const { initiatorName, port } of this.nexuses.values()) {
      if (initiatorName === nexus.initiatorName) ports.add(port.name);
    }
    const open = (group: HostGroup) => own(group) || (group.auth === 'none' && ports.has(group.port));
    const groups = surroundings.hostGroups().filter(open);
    for (const group of groups.sort((a, b) => Number(own(b)) - Number(own(a)))) {
      if (!surroundings.admits(group, nexus.initiatorName)) continue;
      const ldev = this.mapped(group, matches);
      const port = surroundings.ports().find(({ name }) => name === group.port);
      if (ldev && port) return { unit: this.unit(ldev), nexus: { ...nexus, port, hostGroup: group } };
    }
    return null;
  }

  /** To an initiator, logged in or not. */
  private isMapped({ id }: Pick<Ldev, 'id'>, initiator: string): boolean {
    const { surroundings = noSurroundings } = this.parts;
    return surroundings
      .hostGroups()
      .some((group) => [...group.luns.values()].includes(id) && surroundings.admits(group, initiator));
  }

  private mapped(hostGroup: HostGroup, matches: Matches): Ldev | undefined {
    for (const [lun, id] of hostGroup.luns) {
      const ldev = this.volumes.ldev(id);
      if (ldev && matches(ldev, { hostGroup, lun })) return ldev;
    }
    return undefined;
  }

  /** A host logged in: conditions are kept for it from here on. */
  attach(nexus: Nexus): void {
    this.nexuses.set(nexus.id, nexus);
    const seen = new Set(nexus.hostGroup.luns.values());
    for (const unit of this.byLdev.values()) if (seen.has(unit.ldev.id)) unit.exceptions.attached(nexus);
  }

  /** It is gone: its conditions are forgotten (SAM-6 6.3.4). */
  detach(nexus: Nexus): void {
    this.nexuses.delete(nexus.id);
    for (const unit of this.byLdev.values()) {
      unit.attentions.detach(nexus.id);
      unit.deferred.forget(nexus);
      unit.copies.nexusLost(nexus);
      unit.errorHistory.nexusLost(nexus);
    }
  }

  /** Nexuses whose host group maps this logical unit. */
  *nexusesOf(unit: LogicalUnit): Iterable<Nexus> {
    for (const nexus of this.nexuses.values()) {
      for (const id of nexus.hostGroup.luns.values()) {
        if (id === unit.ldev.id) {
          yield nexus;
          break;
        }
      }
    }
  }

  /** Logical units that a nexus sees. */
  *unitsOf(nexus: Nexus): Iterable<LogicalUnit> {
    for (const lun of nexus.hostGroup.luns.keys()) {
      const unit = this.find(nexus, lun);
      if (unit) yield unit;
    }
  }

  private resized(ldev: Ldev): void {
    const unit = this.byLdev.get(ldev.id);
    if (!unit) return;
    unit.ldev = ldev;
    for (const nexus of this.nexusesOf(unit)) unit.attentions.establish(nexus.id, capacityDataHasChanged());
  }

  /** The WP bit stands in the mode parameter header. */
  private changed(ldev: Ldev): void {
    const unit = this.byLdev.get(ldev.id);
    if (!unit) return;
    unit.ldev = ldev;
    if (unit.reportedReadOnly === ldev.readOnly) return;
    unit.reportedReadOnly = ldev.readOnly;
    for (const nexus of this.nexusesOf(unit)) unit.attentions.establish(nexus.id, modeParametersChanged());
  }

  private lunsChanged(group: HostGroup): void {
    for (const nexus of this.nexuses.values()) {
      if (nexus.hostGroup.id !== group.id) continue;
      for (const unit of this.unitsOf(nexus)) unit.attentions.establish(nexus.id, reportedLunsDataHasChanged());
    }
    this.withdrawFrom(group);
    this.revokeTokens();
  }

  /** Of blocks that who had the token made could not read any more. */
  private revokeTokens(): void {
    this.neighbours.tokens.revoke(({ ldev, initiator }) => !this.isMapped(ldev, initiator));
  }

  /**
   * What a host group's hosts still have in a logical unit that it no longer maps ends: data-out that arrives later
   * must not reach an LDEV that may be somebody else's by then, and a RESERVE must not keep others out.
   */
  private withdrawFrom(group: HostGroup): void {
    const mapped = new Set(group.luns.values());
    for (const unit of this.byLdev.values()) {
      if (mapped.has(unit.ldev.id)) continue;
      unit.tasks?.withdraw((task) => task.nexus.hostGroup.id === group.id);
      unit.copies.stop(
        (issuer) => issuer.hostGroup.id === group.id,
        () => {},
      );
      for (const nexus of this.nexuses.values()) {
        if (nexus.hostGroup.id !== group.id) continue;
        unit.reservations.nexusLost?.(nexus);
        unit.tasks?.endAllegiance((faulted) => faulted === nexus);
        unit.errorHistory.nexusLost(nexus);
        unit.medium?.nexusLost(nexus);
        unit.attentions.detach(nexus.id);
        unit.deferred.forget(nexus);
        unit.copies.aliases.forget(nexus.id);
      }
    }
  }

  private removed(ldev: Ldev): void {
    const unit = this.byLdev.get(ldev.id);
    this.byLdev.delete(ldev.id);
    unit?.stop();
    unit?.tasks?.withdraw(() => true);
    unit?.tasks?.endAllegiance(() => true);
    unit?.copies.reset(() => {});
  }
}
