/** What an iSCSI port needs of the rest of the array. */
import type { Log } from '../../base/log.js';
import type { TaskManagementFunction, TaskManagementOutcome } from '../../channel/task-management.js';
import type { Clock, Random } from '../../disk/types.js';
import type { Nexus } from '../../scsi/nexus.js';
import type { Task } from '../../scsi/task.js';
import type { FunctionVerdict } from '../../volumes/layers/active-fault.js';
import type { FunctionFacts } from '../../volumes/layers/function-faults.js';
import type { AuthMethod, ChapUser, HostGroup, Ldev, TargetPort } from '../../volumes/model.js';
import type { IscsiLimits } from './limits.js';

/** The channel adapter of the port. */
export interface Channel {
  attach(nexus: Nexus): void;
  detach(nexus: Nexus): void;
  submit(task: Task): void;
  manage(
    nexus: Nexus,
    fn: TaskManagementFunction,
    lun: Buffer,
    tag: number | null,
    done: (outcome: TaskManagementOutcome, information?: number) => void,
  ): void;
}

/** Host groups, CHAP users and LDEVs; `Volumes` is one. */
export interface Directory {
  hostGroups(port?: string): readonly HostGroup[];
  hostGroupByTarget(port: string, iqn: string): HostGroup | undefined;
  users(): readonly ChapUser[];
  ldev(id: number): Pick<Ldev, 'id' | 'tape'> | undefined;
  on(event: 'host-group-removed' | 'admission-changed', listener: (group: HostGroup) => void): unknown;
  on(event: 'users-removed', listener: () => void): unknown;
  off(event: 'host-group-removed' | 'admission-changed', listener: (group: HostGroup) => void): unknown;
  off(event: 'users-removed', listener: () => void): unknown;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Portal {
  readonly port: TargetPort;
  readonly address: Address;
}

export interface PortParts {
  readonly volumes: Directory;
  readonly adapter: Channel;
  /** All ports of the array that listen, this one included: the portals that SendTargets names. */
  readonly allPorts: () => readonly Portal[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /**
   * What an initiator has to prove before a discovery session tells it of targets, as any CHAP user of role
   * `initiator`; asked at each login. Nothing when left out.
   */
  readonly discoveryAuth?: () => AuthMethod;
  /** What fault rules make of a task management function; nothing when left out. */
  readonly judgeFunction?: (facts: FunctionFacts) => FunctionVerdict | null;
  readonly limits?: Partial<IscsiLimits>;
}

/**
 * The portal group of a port (RFC 7143 4.4.1 "Portal Groups"): sessions do not span ports, so each is its own.
 */
export function portalGroupTag(port: TargetPort): number {
  return port.relativeId;
}
