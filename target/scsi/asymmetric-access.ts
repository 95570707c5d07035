/**
 * Asymmetric access to one logical unit (SPC-5 5.15): the state of each target port group. The state is kept per logical
 * unit, as arrays do whose controllers own logical units one by one; an administrator may set it for all at once. It
 * survives resets, not the array: a restart brings every group back to active/optimized.
 */
import {
  asymmetricAccessStateTransition,
  logicalUnitNotReadyOffline,
  type Sense,
  targetPortInStandbyState,
  targetPortInUnavailableState,
} from '../../wire/scsi/sense.js';
import { AccessState, AccessStatus } from '../../wire/scsi/target-port-groups.js';
import type { Clock } from '../disk/types.js';
import type { AccessNeed } from './command-table.js';
import type { Nexus } from './nexus.js';

/** The longest timed transition, in seconds; hosts are told it as IMPLICIT TRANSITION TIME. */
export const MAX_TRANSITION_SECONDS = 60;

/** A state that refuses commands: those that it lets pass, and the sense of the others. */
interface Obstacle {
  readonly passes: ReadonlySet<AccessNeed>;
  readonly sense: () => Sense;
}

const alwaysOnly: ReadonlySet<AccessNeed> = new Set(['any']);

const obstacles: ReadonlyMap<AccessState, Obstacle> = new Map<AccessState, Obstacle>([
  [AccessState.standby, { passes: new Set(['any', 'standby']), sense: targetPortInStandbyState }],
  [AccessState.unavailable, { passes: alwaysOnly, sense: targetPortInUnavailableState }],
  [AccessState.offline, { passes: alwaysOnly, sense: logicalUnitNotReadyOffline }],
  [AccessState.transitioning, { passes: alwaysOnly, sense: asymmetricAccessStateTransition }],
]);

interface GroupAccess {
  readonly state: AccessState;
  readonly status: AccessStatus;
  /** Ends a timed transition. */
  readonly timer: { cancel(): void } | null;
}

const untouched: GroupAccess = { state: AccessState.activeOptimized, status: AccessStatus.none, timer: null };

export class AsymmetricAccess {
  /** No group was ever changed: all that the path of a read or write asks. */
  symmetric = true;
  private readonly groups = new Map<number, GroupAccess>();

  /** @param changed called when a state has changed, with the nexus that asked for it; null: no host did */
  constructor(
    private readonly clock: Clock,
    private readonly changed: (cause: Nexus | null) => void,
  ) {}

  stateOf(group: number): AccessState {
    return this.of(group).state;
  }

  statusOf(group: number): AccessStatus {
    return this.of(group).status;
  }

  /** Why a command cannot be carried out through a target port group; null: it can. */
  refusal(group: number, need: AccessNeed): Sense | null {
    const obstacle = obstacles.get(this.stateOf(group));
    return obstacle === undefined || obstacle.passes.has(need) ? null : obstacle.sense();
  }

  /**
   * Changes a group's state; one that is in transition ends that.
   * @param cause the nexus that SET TARGET PORT GROUPS came through; null: the array or its administrator
   * @param transitionMs for so long the group is transitioning first
   */
  change(group: number, state: AccessState, cause: Nexus | null = null, transitionMs = 0): void {
    const before = this.of(group);
    before.timer?.cancel();
    const status = cause === null ? AccessStatus.implicit : AccessStatus.explicit;
    const timer =
      transitionMs === 0 ? null : this.clock.setTimeout(() => this.change(group, state, cause), transitionMs);
    const now = timer === null ? state : AccessState.transitioning;
    this.groups.set(group, { state: now, status, timer });
    this.symmetric = false;
    if (now !== before.state) this.changed(cause);
  }

  /** The logical unit goes: no transition ends any more. */
  stop(): void {
    for (const { timer } of this.groups.values()) timer?.cancel();
  }

  private of(group: number): GroupAccess {
    return this.groups.get(group) ?? untouched;
  }
}
